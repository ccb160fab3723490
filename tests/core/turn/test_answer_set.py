"""Several answers to one message, from one request or from several."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatrepl.core.errors import Fault, ModelError
from chatrepl.core.events import (
    AnswerEnded,
    AnswerStarted,
    ChoiceFinished,
    DraftReturned,
    Event,
    Notice,
    ResponseStarted,
    Table,
    TextDelta,
    UsageReported,
)
from chatrepl.core.messages import State, Usage
from chatrepl.core.turn.sequencer import AnswerSequencer
from chatrepl.services.files.learned_facts import FileMemory
from tests.support.events import answer_ends, answer_text, errors, notices
from tests.support.fakes import CUT, Step, World, answer, refused
from tests.support.session_talk import collect, contents, saved_answers, say, siblings


def choices(texts: Sequence[str]) -> list[Step]:
    """Script a response of several whole answers."""
    parts: list[Step] = [TextDelta(text, index) for index, text in enumerate(texts)]
    return [*parts, *(ChoiceFinished("stop", index) for index in range(len(texts)))]


def asking(count: int, **values: object) -> World:
    return World(values={"model": "test-model", "n": count, **values})


async def test_all_choices_of_a_response_are_kept_as_siblings_in_order() -> None:
    world = asking(3)
    world.model.scripts = [
        [
            TextDelta("c", 2),
            TextDelta("a", 0),
            TextDelta("b", 1),
            ChoiceFinished("length", 1),
            TextDelta("C", 2),
            ChoiceFinished("stop", 2),
            TextDelta("A", 0),
            ChoiceFinished("stop", 0),
            UsageReported(Usage(prompt_tokens=5, completion_tokens=30)),
        ]
    ]
    async with world.opened() as session:
        events = await say(session, "hi")
        assert world.model.requests[0].body["n"] == 3
        kept = siblings(session)
        assert [message.content for message in kept] == ["aA", "b", "cC"]
        assert [message.finish_reason for message in kept] == ["stop", "length", "stop"]
        assert [m.content for m in await saved_answers(world, session)] == ["aA", "b", "cC"]
        assert session.conversation.head == kept[0].id
        assert [(e.among.number, e.among.of) for e in answer_ends(events) if e.among] == [
            (1, 3),
            (2, 3),
            (3, 3),
        ]


async def test_the_usage_of_a_response_is_counted_once() -> None:
    world = asking(2)
    usage = Usage(prompt_tokens=5, completion_tokens=30)
    world.model.scripts = [
        [
            TextDelta("a", 0),
            TextDelta("b", 1),
            ChoiceFinished("stop", 0),
            ChoiceFinished("stop", 1),
            UsageReported(usage),
        ]
    ]
    async with world.opened() as session:
        await say(session, "hi")
        assert sorted(m.usage is not None for m in siblings(session)) == [False, True]
        shown = await say(session, "/cost")
        table = next(event for event in shown if isinstance(event, Table))
        assert table.rows, shown


async def test_the_usage_is_counted_once_where_no_choice_says_that_it_is_finished() -> None:
    world = asking(2)
    usage = Usage(prompt_tokens=5, completion_tokens=30)
    world.model.scripts = [
        [ResponseStarted("r1"), TextDelta("a", 0), TextDelta("b", 1), UsageReported(usage)]
    ]
    async with world.opened() as session:
        await say(session, "hi")
        assert [message.usage for message in siblings(session)] == [usage, None]
        shown = await say(session, "/pick 2", "/info")
        table = next(event for event in shown if isinstance(event, Table))
        rows = {row[0]: row[1] for row in table.rows}
        assert rows["usage"] == "prompt 5, completion 30 (reported of all 2 answers)"


async def test_an_answer_that_was_finished_before_the_cut_is_whole() -> None:
    world = asking(2)
    finished = [ChoiceFinished("stop", 0), ChoiceFinished("stop", 1)]
    world.model.scripts = [[TextDelta("a", 0), TextDelta("b", 1), *finished, CUT]]
    async with world.opened() as session:
        await say(session, "hi")
        assert contents(siblings(session)) == [("a", State.COMPLETE), ("b", State.COMPLETE)]


async def test_an_answer_that_is_whole_ends_while_others_still_come() -> None:
    world = asking(2)
    gate = asyncio.Event()
    world.model.scripts = [
        [TextDelta("a", 0), TextDelta("b", 1), ChoiceFinished("stop", 0), gate, TextDelta("B", 1)]
    ]
    async with world.opened() as session:
        seen: list[Event] = []
        async for event in session.ask("hi"):
            seen.append(event)
            if isinstance(event, AnswerEnded) and not gate.is_set():
                assert event.index == 0
                assert session.is_answering
                gate.set()
        assert contents(siblings(session)) == [("a", State.COMPLETE), ("bB", State.COMPLETE)]


async def test_a_cut_keeps_what_came_of_each_and_whole_answers_stay_whole() -> None:
    world = asking(3)
    world.model.scripts = [
        [TextDelta("half", 0), TextDelta("whole", 1), ChoiceFinished("stop", 1), CUT]
    ]
    async with world.opened() as session:
        events = await say(session, "hi")
        wanted = [("half", State.CUT), ("whole", State.COMPLETE), ("", State.FAILED)]
        assert contents(siblings(session)) == wanted
        assert contents(await saved_answers(world, session)) == wanted
        # Going on with a whole answer is worth more than with the first.
        assert session.conversation.head == siblings(session)[1].id
        assert [e.error.text for e in answer_ends(events) if e.error] == ["the connection broke"]


async def test_stopping_stops_all_and_keeps_what_came() -> None:
    world = asking(2)
    gate = asyncio.Event()
    world.model.scripts = [
        [refused("n")],
        [TextDelta("first half"), gate],
        [TextDelta("second half"), gate],
    ]
    async with world.opened() as session:
        seen = 0
        async for event in session.ask("hi"):
            seen += isinstance(event, TextDelta)
            if seen == 2:
                session.stop()
        assert contents(siblings(session)) == [
            ("first half", State.STOPPED),
            ("second half", State.STOPPED),
        ]
        assert world.model.closed == 3
        assert contents(await saved_answers(world, session)) == contents(siblings(session))


async def test_a_server_that_refuses_n_is_asked_so_often_at_once_and_remembered() -> None:
    world = asking(3)
    world.model.scripts = [[refused("n")], answer("one"), answer("two"), answer("three")]
    async with world.opened() as session:
        events = await say(session, "hi")
        assert [request.body.get("n") for request in world.model.requests] == [3, None, None, None]
        assert sorted(m.content for m in siblings(session)) == ["one", "three", "two"]
        told = "test-model does not give 3 answers to one request: sending 3 at once"
        assert notices(events).count(told) == 1
        again = await say(session, "and again")
        assert [request.body.get("n") for request in world.model.requests[4:]] == [None] * 3
        assert told not in notices(again)


@pytest.mark.parametrize(
    ("wanted", "most", "sizes", "sent_as"),
    [
        (8, 4, [4, 4], "2 for up to 4 each"),
        (8, 3, [3, 3, 2], "3 for up to 3 each"),
        (5, 4, [4, None], "2 for up to 4 each"),
        # A number that says nothing: one by one.
        (3, 3, [None, None, None], "3"),
        (3, 0, [None, None, None], "3"),
        (3, "x", [None, None, None], "3"),
    ],
)
async def test_a_server_that_gives_some_is_asked_in_groups_of_the_largest_number_it_names(
    wanted: int, most: int | str, sizes: list[int | None], sent_as: str
) -> None:
    world = asking(wanted)
    texts = [f"answer {number}" for number in range(wanted)]
    groups: list[list[str]] = []
    for size in sizes:
        groups.append(texts[sum(map(len, groups)) :][: size or 1])
    world.model.scripts = [[refused("n", most=most)], *([choices(group) for group in groups] * 2)]
    async with world.opened() as session:
        events = await say(session, "hi")
        assert [request.body.get("n") for request in world.model.requests] == [wanted, *sizes]
        assert sorted(m.content for m in siblings(session)) == texts
        told = (
            f"test-model does not give {wanted} answers to one request: sending {sent_as} at once"
        )
        assert [text for text in notices(events) if "test-model" in text] == [told]
        again = await say(session, "again")
        assert [r.body.get("n") for r in world.model.requests[1 + len(sizes) :]] == sizes
        assert told not in notices(again)


async def test_a_later_run_asks_in_groups_at_once_and_says_so_once(tmp_path: Path) -> None:
    memory = tmp_path / "learnt.json"

    async def later(
        scripts: list[Sequence[Step]], lines: Sequence[str]
    ) -> tuple[list[str], list[object]]:
        world = asking(6)
        world.memory = FileMemory(memory)
        world.model.scripts = scripts
        async with world.opened() as session:
            told = notices(await say(session, *lines))
        return told, [request.body.get("n") for request in world.model.requests]

    both: list[Sequence[Step]] = [choices(["a"] * 4), choices(["b"] * 2)]
    await later([[refused("n", most=4)], *both], ["hi"])
    told, sent_counts = await later([*both, *both], ["hi", "again"])
    assert sent_counts == [4, 2, 4, 2]
    assert [text for text in told if "test-model" in text] == [
        "test-model gives up to 4 answers to a request: sending 2 at once"
    ]
    _, sent_counts = await later([], ["/n 6", "hi"])
    assert sent_counts[0] == 6


async def test_requests_for_several_answers_are_sent_at_the_same_time() -> None:
    world = asking(3)
    gate = asyncio.Event()
    waiting: list[Step] = [gate, TextDelta("x")]
    world.model.scripts = [[refused("n")], waiting, waiting, waiting]
    async with world.opened() as session:
        task = asyncio.create_task(say(session, "hi"))
        while len(world.model.requests) < 4:
            await asyncio.sleep(0)
        gate.set()
        await task


async def test_answers_that_a_server_does_not_give_are_asked_for() -> None:
    world = asking(3)
    world.model.scripts = [answer("one"), answer("two"), answer("three"), *([answer("x")] * 3)]
    async with world.opened() as session:
        events = await say(session, "hi")
        assert siblings(session)[0].content == "one"
        assert sorted(m.content for m in siblings(session)) == ["one", "three", "two"]
        told = "test-model gave one answer of 3 to the request: the other 2 came apart"
        [at] = [at for at, e in enumerate(events) if isinstance(e, Notice) and e.text == told]
        assert at > max(at for at, e in enumerate(events) if isinstance(e, AnswerEnded))
        await say(session, "again")
        assert [request.body.get("n") for request in world.model.requests] == [3, *([None] * 5)]


async def test_one_request_that_fails_does_not_harm_the_others() -> None:
    world = asking(3)
    broken = ModelError("no such thing", fault=Fault.NOT_FOUND)
    world.model.scripts = [[refused("n")], answer("one"), [broken], [TextDelta("thr"), CUT]]
    async with world.opened() as session:
        events = await say(session, "hi")
        assert contents(siblings(session)) == [
            ("one", State.COMPLETE),
            ("", State.FAILED),
            ("thr", State.CUT),
        ]
        assert [e.error.text for e in answer_ends(events) if e.error] == [
            "no such thing",
            "the connection broke",
        ]
        assert errors(await say(session, "/pick 2")) == ["answer 2 is empty: it failed"]
        await say(session, "/pick 3")
        assert session.conversation.path[-1].content == "thr"


async def test_a_message_without_any_answer_is_returned_once() -> None:
    world = asking(2)
    broken = ModelError("no such thing", fault=Fault.NOT_FOUND)
    world.model.scripts = [[refused("n")], [broken], [broken]]
    async with world.opened() as session:
        events = await say(session, "hi")
        assert [event for event in events if isinstance(event, DraftReturned)] == [
            DraftReturned("hi")
        ]
        assert session.conversation.head is None
        assert [e.error.text for e in answer_ends(events) if e.error] == ["no such thing"]
        assert [m.role for m in session.conversation.all()] == ["user"]


async def test_a_retry_adds_one_answer_numbered_after_the_others() -> None:
    world = asking(2)
    world.model.scripts = [
        [TextDelta("a", 0), TextDelta("b", 1)],
        answer("c"),
        [TextDelta("d", 0), TextDelta("e", 1)],
    ]
    async with world.opened() as session:
        await say(session, "hi", "/retry")
        assert "n" not in world.model.requests[1].body
        assert [m.content for m in siblings(session)] == ["a", "b", "c"]
        await say(session, "/pick 2", "more")
        assert session.conversation.path[1].content == "b"


async def test_the_sequencer_shows_one_answer_after_the_other() -> None:
    turn = AnswerSequencer()
    world = asking(2)
    world.model.scripts = [
        [
            TextDelta("one two", 1),
            TextDelta("a", 0),
            TextDelta("three ", 1),
            TextDelta("four", 1),
            ChoiceFinished("stop", 1),
            TextDelta("A", 0),
        ]
    ]
    async with world.opened() as session:
        shown: list[Event] = []
        words: list[int] = []
        for event in await collect(session.ask("hi")):
            shown += turn.put(event)
            words += [coming.words for coming in turn.coming]
        assert answer_text(shown, None) == "aAone twothree four"
        assert max(words) == 3
        kinds = [(type(e), e.index) for e in shown if isinstance(e, AnswerStarted | AnswerEnded)]
        assert kinds == [
            (AnswerStarted, 0),
            (AnswerEnded, 0),
            (AnswerStarted, 1),
            (AnswerEnded, 1),
        ]


@st.composite
def interleaved(draw: st.DrawFn) -> tuple[list[list[str]], list[Step]]:
    choices = draw(st.lists(st.lists(st.text("ab ", min_size=1), min_size=1), min_size=2))[:4]
    left = [
        [TextDelta(text, index) for text in pieces] + [ChoiceFinished("stop", index)]
        for index, pieces in enumerate(choices)
    ]
    steps: list[Step] = []
    while any(left):
        chosen = draw(st.sampled_from([pieces for pieces in left if pieces]))
        steps.append(chosen.pop(0))
    return choices, steps


@given(interleaved())
async def test_any_interleaving_gives_the_same_messages(
    case: tuple[list[list[str]], list[Step]],
) -> None:
    choices, steps = case
    world = asking(len(choices))
    world.model.scripts = [[*steps, UsageReported(Usage(prompt_tokens=1, completion_tokens=9))]]
    async with world.opened() as session:
        turn = AnswerSequencer()
        shown = [one for event in await collect(session.ask("hi")) for one in turn.put(event)]
        wanted = ["".join(pieces) for pieces in choices]
        assert contents(siblings(session)) == [(text, State.COMPLETE) for text in wanted]
        assert contents(await saved_answers(world, session)) == contents(siblings(session))
        assert answer_text(shown, None) == "".join(wanted)
        assert sum(message.usage is not None for message in siblings(session)) == 1
        assert session.conversation.head == siblings(session)[0].id
