"""Preparing a request: counts of servers, costs, limits, reminders."""

import json
from dataclasses import replace
from pathlib import Path

from chatrepl.core.errors import Fault, ModelError
from chatrepl.core.events import (
    DraftReturned,
    Meter,
    Notice,
    PlainText,
    ResponseStarted,
    Table,
    TextDelta,
)
from chatrepl.core.json_value import Json
from chatrepl.core.ports.chat_model import Price
from chatrepl.services.files.learned_facts import FileMemory
from tests.support.events import answer_text, errors
from tests.support.fakes import SERVER, FixedCatalog, Step, WordCounter, World, answer
from tests.support.session_talk import say

LONG = "word " * 100
PRICED = FixedCatalog(8192, Price(1_000_000, 2_000_000))
"""A dollar for a token, two for one of the answer."""


def messages(world: World, number: int = -1) -> list[Json]:
    sent = world.model.requests[number].body["messages"]
    assert isinstance(sent, list)
    return sent


def local_world() -> World:
    return World(
        server=replace(SERVER, is_local=True),
        counter=WordCounter(known=False),
        catalog=FixedCatalog(600),
        values={"model": "test-model", "reserve": 100},
    )


async def test_the_count_of_a_counting_server_decides_what_fits() -> None:
    world = local_world()
    async with world.opened() as session:
        await say(session, f"one {LONG}", f"two {LONG}")
        assert len(messages(world)) == 3
        # The server counts twice as much as is counted here: one turn has to go.
        world.model.counts = [700, 420]
        await say(session, f"three {LONG}")
        assert len(messages(world)) == 3
        assert world.model.counted[-1].body["messages"] == messages(world)


async def test_a_server_s_own_count_carries_no_estimate_mark() -> None:
    world = local_world()
    world.model.scripts = [answer("ok", prompt_tokens=40)]
    async with world.opened() as session:
        await say(session, "hi")
        target, plan = await session.plan()
        assert session.planner.mark(target, plan) == "≈"
        world.model.counts = [77]
        plan = await session.preflight.confirmed(target, plan)
        assert (plan.tokens, session.planner.mark(target, plan)) == (77, "")


async def test_other_servers_are_not_asked_unless_they_look_like_one_that_counts() -> None:
    world = World(counter=WordCounter(known=False))
    llama: list[Step] = [ResponseStarted("r", "m", None, "b6510-c0ffee"), TextDelta("hi")]
    world.model.scripts = [answer("ok"), llama, answer("ok"), answer("ok")]
    async with world.opened() as session:
        await say(session, "one", "two")
        assert not world.model.counted
        await say(session, "three", "four")
        # It did not tell, so it is not asked again.
        assert len(world.model.counted) == 1


async def test_a_message_too_large_by_estimate_is_sent_where_the_server_counts_less() -> None:
    world = local_world()
    world.model.counts = [300]
    async with world.opened() as session:
        await say(session, "word " * 520)
        assert len(world.model.requests) == 1


async def test_the_ratio_of_a_server_s_counts_is_learnt_from_its_reports() -> None:
    world = World(counter=WordCounter(known=False), catalog=FixedCatalog(20_000))
    async with world.opened() as session:
        for number in range(6):
            said = f"turn {number} {LONG}"
            _, plan = await session.plan()
            world.model.scripts = [answer(LONG, prompt_tokens=round(plan.plain_tokens * 1.3) + 140)]
            await say(session, said)
        _, plan = await session.plan()
        assert plan.is_reported
        await say(session, "/drop 1")
        _, plan = await session.plan()
        assert not plan.is_reported
        assert abs(plan.tokens / plan.plain_tokens - 1.3) < 0.04


async def test_one_refit_and_then_a_clear_error_with_the_text_back() -> None:
    world = World()
    too_long: list[Step] = [
        ModelError("too long", fault=Fault.CONTEXT_LENGTH, details={"window": 400})
    ]
    again: list[Step] = [
        ModelError("still too long", fault=Fault.CONTEXT_LENGTH, details={"window": 300})
    ]
    async with world.opened() as session:
        await say(session, "/reserve 10", f"one {LONG}", f"two {LONG}", f"three {LONG}")
        before = len(world.model.requests)
        world.model.scripts = [too_long, again, answer("never")]
        events = await say(session, f"four {LONG}")
        assert len(world.model.requests) == before + 2
        assert len(messages(world)) < len(messages(world, -2))
        assert errors(events) == ["still too long"]
        assert DraftReturned(f"four {LONG}") in events


async def test_the_reminder_goes_with_each_message_and_is_never_stored() -> None:
    world = World()
    async with world.opened() as session:
        await say(session, "/reminder be kind", "hi", "you")
        assert messages(world) == [
            {"role": "user", "content": "hi\n\nbe kind"},
            {"role": "assistant", "content": "ok"},
            {"role": "user", "content": "you\n\nbe kind"},
        ]
        assert [message.content for message in session.conversation.path][::2] == ["hi", "you"]
        _, plan = await session.plan()
        assert plan.tokens == 3 + 3 * 4 + 4 + 5 + 1 + (3 + 1) - 1 - 1
        await say(session, "/reminder --clear", "there")
        assert "be kind" not in str(messages(world))


async def test_the_system_role_takes_the_form_that_is_set() -> None:
    world = World()
    async with world.opened() as session:
        await say(session, "/system be brief", "/set system_form developer", "hi")
        assert messages(world)[0] == {"role": "developer", "content": "be brief"}
        await say(session, "/set system_form user", "you")
        assert messages(world)[0] == {"role": "user", "content": "be brief\n\nhi"}
        assert "be brief" not in str(messages(world)[1:])
        await say(session, "/set system_form default", "you")
        assert messages(world)[0] == {"role": "system", "content": "be brief"}


async def test_request_shows_what_is_sent_to_the_letter() -> None:
    world = World()
    async with world.opened() as session:
        await say(session, "/system söme “text”", "/reminder mind", "/seed 3", "hi")
        shown = (await say(session, "/retry", "/undo", "/redo"))[-1]
        session.conversation.head = session.conversation.path[0].id
        shown = (await say(session, "/request"))[0]
        assert isinstance(shown, PlainText)
        assert json.loads(shown.text) == world.model.requests[-1].body


async def test_context_shows_how_the_window_is_filled() -> None:
    world = World(catalog=FixedCatalog(1000))
    async with world.opened() as session:
        await say(
            session, "/system be brief", "/budget 900", f"one {LONG}", "two", "/pin 3", "four"
        )
        events = await say(session, "/context")
        meter = next(event for event in events if isinstance(event, Meter))
        shares = dict(meter.shares)
        assert sum(shares.values()) == meter.total == 1000
        assert shares["system"] == 6
        assert shares["pinned"] == 10
        assert shares["reserve"] == 250
        assert shares["beyond the budget"] == 100
        _, plan = await session.plan()
        used = ("system", "pinned", "summary", "history", "newest")
        assert sum(shares[name] for name in used) == plan.tokens
        assert "exact, counted with words" in meter.lines[0]


async def test_costs_are_told_of_answer_session_day_and_month() -> None:
    world = World(catalog=PRICED)
    world.model.scripts = [answer("one", prompt_tokens=10), answer("two", prompt_tokens=20)]
    async with world.opened() as session:
        await say(session, "hi", "/new", "you")
        table = (await say(session, "/cost"))[0]
        assert isinstance(table, Table)
        assert [(row[0], row[2], row[3], row[-1]) for row in table.rows] == [
            ("last answer", "1", "20", "$26.00"),
            ("this session", "1", "20", "$26.00"),
            ("today", "2", "30", "$42.00"),
            ("this month", "2", "30", "$42.00"),
        ]


async def test_cost_shows_tokens_and_no_money_of_an_unknown_model() -> None:
    world = World()
    world.model.scripts = [answer("one", prompt_tokens=10)]
    async with world.opened() as session:
        await say(session, "hi")
        table = (await say(session, "/cost"))[0]
        assert isinstance(table, Table)
        assert {row[-1] for row in table.rows} == {"not known"}
        assert {row[3] for row in table.rows} == {"10"}


async def test_going_over_the_limit_is_asked_first_and_no_sends_nothing() -> None:
    world = World(catalog=PRICED)
    world.values = {"model": "test-model", "reserve": 10, "spending_limit": 30}
    async with world.opened() as session:
        # 3 + 4 + 1 tokens at one dollar, and ten reserved at two.
        world.model.scripts = [answer("one", prompt_tokens=8)]
        await say(session, "hi")
        assert not world.person.confirmed
        events = await say(session, "you")
        assert len(world.model.requests) == 1
        assert len(world.person.confirmed) == 1
        assert "$14.00 today + " in world.person.confirmed[0]
        assert "spending limit of $30.00" in errors(events)[0]
        assert DraftReturned("you") in events
        world.person.says_yes = True
        assert answer_text(await say(session, "you")) == "ok"
        await say(session, "more")
        assert len(world.person.confirmed) == 2


async def test_the_limit_tells_once_of_a_model_without_a_price() -> None:
    world = World()
    world.values = {"model": "test-model", "spending_limit": 1}
    async with world.opened() as session:
        events = await say(session, "hi", "you")
        told = [e.text for e in events if isinstance(e, Notice)]
        assert told == [
            "the price of test-model is not known: the spending limit cannot hold for it"
        ]


async def test_the_later_of_pin_and_drop_holds() -> None:
    world = World()
    async with world.opened() as session:
        await say(session, "one", "two", "/pin 1", "/drop 1", "three")
        assert "'one'" not in str(messages(world))
        await say(session, "/pin 1", "four")
        assert "'one'" in str(messages(world))


async def test_pinned_turns_go_first_and_dropped_ones_never() -> None:
    world = World(catalog=FixedCatalog(600))
    world.values = {"model": "test-model", "reserve": 100}
    async with world.opened() as session:
        await say(session, "one", "two", "/pin 1", "/drop 3", *(f"{n} {LONG}" for n in range(6)))
        said = str(messages(world))
        assert "'one'" in said
        assert "'two'" not in said
        await say(session, "/unpin 1", "/undrop 3", "more")
        assert "'one'" not in str(messages(world))


async def test_reported_counts_are_reused_after_a_restart_and_after_undo() -> None:
    world = World(counter=WordCounter(known=False))
    world.model.scripts = [answer("ok", prompt_tokens=tokens) for tokens in (40, 90, 150)]
    async with world.opened() as session:
        await say(session, "one", "two", "/reminder be brief", "three")
        _, before = await session.plan()
        assert before.is_reported and before.tokens > 150
        assert session.record is not None
        again = world.session()
        again.open(await again.ports.store.load(session.record.id))
        _, plan = await again.plan()
        assert (plan.is_reported, plan.new_messages) == (True, 1)
        # Without what the reports taught, the answer after them counts a little else.
        assert 150 < plan.tokens <= before.tokens
        # With another reminder it would be another prompt.
        await say(again, "/reminder be kind")
        _, plan = await again.plan()
        assert not plan.is_reported
        await say(again, "/reminder --clear", "/undo")
        _, plan = await again.plan()
        assert plan.is_reported and 90 < plan.tokens < 100


async def test_a_server_s_token_calibration_is_known_in_the_next_run(tmp_path: Path) -> None:
    memory = FileMemory(tmp_path / "facts.json")
    world = World(counter=WordCounter(known=False), memory=memory)
    async with world.opened() as session:
        world.model.scripts = [answer("ok", prompt_tokens=150), answer("ok", prompt_tokens=320)]
        await say(session, f"one {LONG}", f"two {LONG}")
        target = await session.target()
        again = world.session()
        await again.planner.prepare(again.settings, target.model)
        learnt = again.planner.calibration(target).ratio
        assert learnt > 1.1
        assert abs(learnt / session.planner.calibration(target).ratio - 1) < 0.01
