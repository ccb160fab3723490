"""``/compare``: one message to several models at the same time."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from chatrepl.core.commands.completion import complete
from chatrepl.core.errors import Fault, ModelError
from chatrepl.core.events import (
    AnswerEnded,
    AnswerStarted,
    DraftReturned,
    Event,
    Notice,
    Table,
    TextDelta,
)
from chatrepl.core.messages import State
from chatrepl.core.ports.chat_model import ModelInfo, Price
from chatrepl.core.ports.remembered import Profile
from tests.support.events import answer_ends, errors, notices
from tests.support.fakes import (
    CUT,
    LOCAL_SERVER,
    SERVER,
    FixedCatalog,
    StartedLocalModel,
    Step,
    World,
    answer,
    refused,
)
from tests.support.session_talk import contents, saved_answers, say, sent_texts, siblings

ELSEWHERE = replace(SERVER, base_url="http://127.0.0.1:2/v1", origin="profile other")


def other_profile(**values: object) -> dict[str, Profile]:
    return {"other": Profile(ELSEWHERE, values, "profile other")}  # type: ignore[arg-type]


def asked_of(world: World) -> list[tuple[str, object]]:
    return [(r.server.base_url, r.body["model"]) for r in world.model.requests]


def lasting(events: Sequence[Event]) -> str:
    kept = [e.text for e in events if isinstance(e, Notice) and e.topic == "compare"]
    return kept[-1]


async def test_the_next_message_goes_to_all_and_the_one_after_it_to_one() -> None:
    world = World()
    world.model.scripts = [answer("from a"), answer("from b"), answer("as before")]
    async with world.opened() as session:
        assert lasting(await say(session, "/compare a b")) == "the next message goes to a and b"
        events = await say(session, "hi")
        assert lasting(events) == ""
        assert [model for _, model in asked_of(world)] == ["a", "b"]
        assert sent_texts(world, 0) == sent_texts(world, 1) == [("user", "hi")]
        assert [m.content for m in siblings(session)] == ["from a", "from b"]
        assert session.conversation.path[-1].content == "from a"
        started = next(e for e in events if isinstance(e, AnswerStarted))
        assert started.among is not None
        assert started.among.models == ("a", "b")
        await say(session, "/pick 2", "more")
        assert asked_of(world)[2][1] == "test-model"
        assert [m.content for m in session.conversation.path] == [
            "hi",
            "from b",
            "more",
            "as before",
        ]


async def test_compared_models_are_requested_at_the_same_time() -> None:
    world = World()
    gate = asyncio.Event()
    waiting: list[Step] = [gate, TextDelta("x")]
    world.model.scripts = [waiting, waiting, waiting]
    async with world.opened() as session:
        await say(session, "/compare a b c")
        task = asyncio.create_task(say(session, "hi"))
        while len(world.model.requests) < 3:
            await asyncio.sleep(0)
        gate.set()
        await task


async def test_a_compared_answer_that_is_cut_is_marked_and_the_others_are_whole() -> None:
    world = World()
    world.model.scripts = [[TextDelta("half of"), CUT], answer("whole")]
    async with world.opened() as session:
        events = await say(session, "/compare a b", "hi")
        wanted = [("half of", State.CUT), ("whole", State.COMPLETE)]
        assert contents(siblings(session)) == wanted
        assert contents(await saved_answers(world, session)) == wanted
        assert session.conversation.path[-1].content == "whole"
        assert [e.error.text for e in answer_ends(events) if e.error] == ["the connection broke"]
        assert notices(events)[-1] == "answer 2 is the current one"
        table = next(e for e in await say(session, "/alt") if isinstance(e, Table))
        assert [row[2] for row in table.rows] == ["a (cut)", "test-model"]


async def test_stopping_stops_all_and_keeps_what_came() -> None:
    world = World()
    gate = asyncio.Event()
    world.model.scripts = [[TextDelta("one"), gate], [gate], [TextDelta("three"), gate]]
    async with world.opened() as session:
        await say(session, "/compare a b c")
        came = 0
        async for event in session.ask("hi"):
            came += isinstance(event, TextDelta)
            if came == 2 and session.is_answering:
                session.stop()
        assert contents(siblings(session)) == [
            ("one", State.STOPPED),
            ("", State.STOPPED),
            ("three", State.STOPPED),
        ]
        assert world.model.closed == 3


async def test_a_model_that_refuses_a_parameter_does_not_disturb_the_others() -> None:
    world = World(values={"model": "test-model", "temperature": 1})
    world.model.scripts = [[refused("temperature")], answer("a"), answer("b")]
    async with world.opened() as session:
        await say(session, "/compare a b", "hi")
        bodies = [(r.body["model"], "temperature" in r.body) for r in world.model.requests]
        assert bodies == [("a", True), ("a", False), ("b", True)]
        assert [m.content for m in siblings(session)] == ["a", "b"]


async def test_each_gives_one_answer_whatever_n_is() -> None:
    world = World(values={"model": "test-model", "n": 3})
    async with world.opened() as session:
        await say(session, "/compare a b", "hi")
        assert ["n" in request.body for request in world.model.requests] == [False, False]
        assert len(siblings(session)) == 2


async def test_a_profile_is_asked_at_its_own_server_with_its_own_settings() -> None:
    world = World()
    world.profiles.profiles = other_profile(model="big", temperature=0.5, system="Be brief.")
    async with world.opened() as session:
        await say(session, "/compare test-model other:small other:", "hi")
        assert asked_of(world) == [
            (SERVER.base_url, "test-model"),
            (ELSEWHERE.base_url, "small"),
            (ELSEWHERE.base_url, "big"),
        ]
        assert [r.body.get("temperature") for r in world.model.requests] == [None, 0.5, 0.5]
        assert sent_texts(world, 0) == [("user", "hi")]
        assert sent_texts(world, 2) == [("system", "Be brief."), ("user", "hi")]
        assert world.profiles.name is None
        assert session.servers.current == SERVER


async def test_a_name_with_a_colon_that_is_no_profile_is_a_model() -> None:
    world = World()
    async with world.opened() as session:
        await say(session, "/compare qwen3:8b other:x", "hi")
        assert asked_of(world) == [(SERVER.base_url, "qwen3:8b"), (SERVER.base_url, "other:x")]


async def test_each_request_is_planned_for_its_own_window() -> None:
    world = World(catalog=FixedCatalog(None))
    world.model.listed = [ModelInfo("small", context_window=300), ModelInfo("large")]
    world.profiles.profiles = other_profile()
    long = "word " * 60
    async with world.opened() as session:
        await say(session, *[f"{number} {long}" for number in range(4)])
        events = await say(session, "/compare test-model other:small", "last")
        large, small = world.model.requests[-2:]
        assert len(str(small.body["messages"])) < len(str(large.body["messages"]))
        assert any(
            text.startswith("the oldest") and "for small" in text for text in notices(events)
        )


async def test_a_message_too_long_for_one_of_them_still_goes_to_the_others() -> None:
    world = World(catalog=FixedCatalog(None))
    world.model.listed = [ModelInfo("small", context_window=300)]
    world.profiles.profiles = other_profile()
    async with world.opened() as session:
        events = await say(session, "/compare other:small test-model", "word " * 1000)
        assert [state for _, state in contents(siblings(session))] == [
            State.FAILED,
            State.COMPLETE,
        ]
        assert [str(e.error.text)[:12] for e in answer_ends(events) if e.error] == ["this message"]
        assert [model for _, model in asked_of(world)] == ["test-model"]


async def test_a_failed_comparison_returns_the_text_and_stays_pending() -> None:
    world = World()
    broken = ModelError("no such model", fault=Fault.NOT_FOUND)
    world.model.scripts = [[broken], [broken]]
    async with world.opened() as session:
        events = await say(session, "/compare a b", "hi")
        assert DraftReturned("hi") in events
        assert lasting(events) == "the next message goes to a and b"
        await say(session, "hi")
        assert [model for _, model in asked_of(world)] == ["a", "b", "a", "b"]
        assert [m.content for m in siblings(session)] == ["ok", "ok"]


async def test_retry_sends_the_last_message_to_all_beside_the_old_answer() -> None:
    world = World()
    world.model.scripts = [answer("old"), answer("from a"), answer("from b")]
    async with world.opened() as session:
        events = await say(session, "hi", "/compare a b", "/retry")
        assert [m.content for m in siblings(session)] == ["old", "from a", "from b"]
        numbers = [e.among.number for e in answer_ends(events) if e.among]
        assert numbers == [2, 3]
        await say(session, "/pick 3")
        assert session.conversation.path[-1].content == "from b"


async def test_retry_asks_one_model_of_a_profile() -> None:
    world = World()
    world.profiles.profiles = other_profile()
    world.model.scripts = [answer("old"), answer("new")]
    async with world.opened() as session:
        await say(session, "hi", "/retry other:big")
        assert asked_of(world)[1] == (ELSEWHERE.base_url, "big")
        assert [m.content for m in siblings(session)] == ["old", "new"]


async def test_each_answer_has_its_own_usage_and_cost() -> None:
    world = World(catalog=FixedCatalog(8192, Price(1_000_000, 2_000_000)))
    world.model.scripts = [answer("a", prompt_tokens=1), answer("one two three")]
    async with world.opened() as session:
        first, second = answer_ends(await say(session, "/compare a b", "hi"))
        table = next(e for e in await say(session, "/alternatives") if isinstance(e, Table))
        figures = [row[4] for row in table.rows]
        assert "3 tokens · $7.00" in figures[0]
        assert "$" not in figures[1]
        assert (first.tokens, first.is_estimate) == (3, False)
        assert first.message.extra["cost_usd"] == 7
        assert (second.tokens, second.is_estimate) == (3, False)
        assert "cost_usd" not in second.message.extra


async def test_the_spending_limit_counts_the_cost_of_all_compared_models() -> None:
    world = World(
        catalog=FixedCatalog(8192, Price(1_000_000, 0)),
        values={"model": "test-model", "spending_limit": 12},
    )
    async with world.opened() as session:
        # One alone stays below the limit: it asks only for all of them together.
        await say(session, "hi")
        assert world.person.confirmed == []
        events = await say(session, "/new", "/compare a b c", "hi")
        assert len(world.person.confirmed) == 1
        assert "+ $24.00 may pass" in world.person.confirmed[0]
        assert DraftReturned("hi") in events
        assert len(world.model.requests) == 1


async def test_compare_says_what_is_wrong_before_a_message_is_written() -> None:
    world = World()
    world.profiles.profiles = {"empty": Profile(None, {}, "profile empty")}
    async with world.opened() as session:
        assert errors(await say(session, "/compare one")) == ["/compare takes 2 to 8 models"]
        assert errors(await say(session, "/compare a empty:b")) == [
            "the profile empty names no server"
        ]
        assert errors(await say(session, "/compare off")) == ["nothing is to be compared"]
        events = await say(session, "/compare a b", "/compare off", "hi")
        assert lasting(events) == ""
        assert [e for e in events if isinstance(e, AnswerEnded) and e.among] == []


async def test_the_built_in_model_is_asked_beside_a_server_s_and_started_for_it() -> None:
    world = World(
        local=StartedLocalModel(), values={"model": "test-model", "top_p": 0.5, "temperature": 1}
    )
    async with world.opened() as session:
        await say(session, "/compare test-model local:", "hi")
        assert asked_of(world) == [
            (SERVER.base_url, "test-model"),
            (LOCAL_SERVER.base_url, "smollm2-135m-instruct"),
        ]
        mine, local = (request.body for request in world.model.requests)
        assert (mine["temperature"], local["temperature"], local["top_p"]) == (1, 0, 0.5)
        assert sent_texts(world, 0) == [("user", "hi")]
        assert sent_texts(world, 1)[0][0] == "system"
        assert not session.servers.uses_local
        await say(session, "/retry local:")
        assert asked_of(world)[2] == (LOCAL_SERVER.base_url, "smollm2-135m-instruct")
        assert len(siblings(session)) == 3
        await say(session, "more")
        assert asked_of(world)[3] == (SERVER.base_url, "test-model")


async def test_a_built_in_model_that_does_not_start_harms_no_other() -> None:
    failure = ModelError("the engine is missing", fault=Fault.SERVER)
    world = World(local=StartedLocalModel(failure))
    async with world.opened() as session:
        events = await say(session, "/compare local: a", "hi")
        assert [e.error.text for e in answer_ends(events) if e.error] == ["the engine is missing"]
        assert contents(siblings(session)) == [("", State.FAILED), ("ok", State.COMPLETE)]
        assert session.conversation.path[-1].content == "ok"


async def test_a_server_s_model_is_asked_beside_the_built_in_one_in_use() -> None:
    world = World(local=StartedLocalModel())
    world.profiles.profiles = other_profile()
    async with world.opened() as session:
        await say(session, "/profile local", "/compare local: other:big", "hi")
        assert session.servers.uses_local
        assert [url for url, _ in asked_of(world)] == [LOCAL_SERVER.base_url, ELSEWHERE.base_url]


async def test_local_is_a_profile_among_the_others_unless_one_of_the_user_s_has_its_name() -> None:
    world = World(local=StartedLocalModel())
    async with world.opened() as session:
        for line in ("/compare x ", "/retry "):
            assert "local:" in [found.text for found in complete(session, line)]
        assert "local" in [found.text for found in complete(session, "/profile ")]
        assert errors(await say(session, "/compare a local:gpt-4")) == [
            "the built-in model is smollm2-135m-instruct, not gpt-4"
        ]
        used = []
        await say(session, "/profile local")
        used.append(session.servers.uses_local)
        world.profiles.profiles = {"local": Profile(ELSEWHERE, {}, "profile local")}
        await say(session, "/profile local", "/compare local:a test-model", "hi")
        used.append(session.servers.uses_local)
        assert used == [True, False]
        assert asked_of(world)[0] == (ELSEWHERE.base_url, "a")
