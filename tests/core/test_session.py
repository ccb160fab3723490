"""A session on fakes: turns, undo and retry, refused parameters, the context."""

import asyncio

from chatrepl.core.commands.dispatch import handle_line
from chatrepl.core.errors import Fault, ModelError
from chatrepl.core.events import (
    AnswerEnded,
    DraftReturned,
    Event,
    Level,
    MessageAccepted,
    Notice,
    Table,
    TextDelta,
)
from chatrepl.core.messages import State
from tests.support.events import answer_text, errors
from tests.support.fakes import World, answer
from tests.support.session_talk import say, sent_texts


async def test_a_turn_is_accepted_streamed_and_kept_on_disk() -> None:
    world = World()
    world.model.scripts = [answer("hello there friend")]
    async with world.opened() as session:
        events = await say(session, "hi")
        assert session.record is not None
        loaded = await world.store.load(session.record.id)
        assert loaded.record.head == session.conversation.head
        on_disk = [(m.role, m.content) for m in loaded.messages]
    assert isinstance(events[0], MessageAccepted)
    assert answer_text(events) == "hello there friend"
    assert isinstance(events[-1], AnswerEnded)
    assert on_disk == [("user", "hi"), ("assistant", "hello there friend")]


async def test_the_message_is_on_disk_before_the_request_leaves() -> None:
    world = World()
    gate = asyncio.Event()
    world.model.scripts = [[gate, *answer("late")]]
    async with world.opened() as session:
        task = asyncio.create_task(say(session, "remember me"))
        while not world.model.requests:
            await asyncio.sleep(0)
        assert session.record is not None
        loaded = await world.store.load(session.record.id)
        assert [m.content for m in loaded.messages] == ["remember me"]
        gate.set()
        await task


async def test_stopping_keeps_what_came() -> None:
    world = World()
    gate = asyncio.Event()
    world.model.scripts = [[TextDelta("half an "), gate, TextDelta("answer")]]
    async with world.opened() as session:
        events: list[Event] = []
        async for event in handle_line(session, "go"):
            events.append(event)
            if isinstance(event, TextDelta):
                assert session.stop()
        assert session.record is not None
        loaded = await world.store.load(session.record.id)
        kept = loaded.messages[-1]
        assert (kept.content, kept.state) == ("half an ", State.STOPPED)
        assert loaded.record.head == kept.id
    ended = events[-1]
    assert isinstance(ended, AnswerEnded)
    assert ended.message.state is State.STOPPED
    assert world.model.closed == 1


async def test_a_failure_before_any_byte_gives_the_text_back_and_retry_sends_it_again() -> None:
    world = World()
    refused = ModelError("connection refused", "is it running?", fault=Fault.UNREACHABLE)
    world.model.scripts = [[refused], answer("now it works")]
    async with world.opened() as session:
        failed = await say(session, "are you there")
        assert session.conversation.head is None
        retried = await say(session, "/retry")
        states = [message.state for message in session.conversation.path]
    assert errors(failed) == ["connection refused"]
    assert failed[-1] == DraftReturned("are you there") or DraftReturned("are you there") in failed
    assert answer_text(retried) == "now it works"
    assert states == [State.COMPLETE, State.COMPLETE]
    assert sent_texts(world) == [("user", "are you there")]


async def test_a_stream_that_breaks_keeps_the_partial_answer_as_cut() -> None:
    world = World()
    cut = ModelError("the connection broke", "/retry asks again", fault=Fault.CUT)
    world.model.scripts = [[TextDelta("so far"), cut]]
    async with world.opened() as session:
        events = await say(session, "go")
        answer = session.conversation.last_answer()
        assert answer is not None
        state = answer.state
    assert state is State.CUT
    assert errors(events) == ["the connection broke"]


async def test_only_parameters_that_were_set_are_sent() -> None:
    world = World()
    async with world.opened() as session:
        await say(session, "/temp 0.5", '/stop "\\n\\n" END', "/seed 7", "/seed default", "hi")
    body = world.model.requests[0].body
    assert dict(body) == {
        "model": "test-model",
        "messages": [{"role": "user", "content": "hi"}],
        "temperature": 0.5,
        "stop": ["\n\n", "END"],
        "stream": True,
        "stream_options": {"include_usage": True},
    }


async def test_undo_moves_the_head_and_returns_the_text_and_redo_comes_back() -> None:
    world = World()
    async with world.opened() as session:
        await say(session, "one", "two")
        before = session.conversation.head
        events = await say(session, "/undo")
        assert events[-1] == DraftReturned("two", was_sent=True)
        assert [m.content for m in session.conversation.path] == ["one", "ok"]
        await say(session, "/redo")
        assert session.conversation.head == before


async def test_undoing_more_than_there_is_tells_how_much_there_is() -> None:
    world = World()
    async with world.opened() as session:
        for said, told in (("one", "there is only 1 turn"), ("two", "there are only 2 turns")):
            assert errors(await say(session, said, "/undo 9")) == [f"{told} to undo"]


async def test_undo_hints_at_clearing_the_draft_before_redo() -> None:
    world = World()
    async with world.opened() as session:
        events = await say(session, "one", "two", "/undo 2")
        told = [e for e in events if isinstance(e, Notice) and e.text == "undid 2 turns"]
        assert [e.hint for e in told] == ["Ctrl+C clears the line, /redo brings them back"]


async def test_retry_adds_a_sibling_answer() -> None:
    world = World()
    world.model.scripts = [answer("first"), answer("second")]
    async with world.opened() as session:
        await say(session, "question", "/retry")
        question = session.conversation.last_question()
        assert question is not None
        siblings = session.conversation.children(question.id)
        assert [m.content for m in siblings] == ["first", "second"]
        assert session.conversation.path[-1].content == "second"


async def test_a_retry_that_fails_leaves_the_old_answer_in_place() -> None:
    world = World()
    world.model.scripts = [answer("good"), [ModelError("gone", fault=Fault.UNREACHABLE)]]
    async with world.opened() as session:
        await say(session, "question")
        head = session.conversation.head
        events = await say(session, "/retry")
        assert errors(events) == ["gone"]
        assert session.conversation.head == head
        assert not any(isinstance(event, DraftReturned) for event in events)


async def test_a_refused_parameter_is_left_out_once_said_and_remembered() -> None:
    world = World()
    refusal = ModelError(
        "no such", fault=Fault.PARAMETER_REFUSED, details={"parameter": "temperature"}
    )
    world.model.scripts = [[refusal], answer("fine"), answer("again")]
    async with world.opened() as session:
        events = await say(session, "/temperature 1", "hi", "more")
    said = [e.text for e in events if isinstance(e, Notice) and e.level is Level.WARNING]
    assert said == ["test-model refuses temperature: sending it again without"]
    assert ["temperature" in r.body for r in world.model.requests] == [True, False, False]


async def test_a_renamed_parameter_travels_under_its_new_name() -> None:
    world = World()
    details: dict[str, str | int | float] = {
        "parameter": "max_tokens",
        "replacement": "max_completion_tokens",
    }
    world.model.scripts = [[ModelError("use x", fault=Fault.PARAMETER_REFUSED, details=details)]]
    async with world.opened() as session:
        await say(session, "/max_tokens 50", "hi")
    assert world.model.requests[1].body["max_completion_tokens"] == 50
    assert "max_tokens" not in world.model.requests[1].body


async def test_an_endless_refusal_ends_in_one_error() -> None:
    world = World()
    refusal = ModelError("no", fault=Fault.PARAMETER_REFUSED, details={"parameter": "seed"})
    world.model.scripts = [[refusal], [refusal], [refusal]]
    async with world.opened() as session:
        events = await say(session, "/seed 1", "hi")
    assert errors(events) == ["no"]
    assert len(world.model.requests) == 2


async def test_the_oldest_turns_are_left_out_whole_and_a_notice_tells() -> None:
    world = World()
    long = "word " * 100
    async with world.opened() as session:
        await say(session, "/budget 400", "/reserve 50")
        await say(session, "first " + long, "second " + long, "third " + long)
        events = await say(session, "fourth " + long)
    notices = [event.text for event in events if isinstance(event, Notice)]
    assert notices == ["the oldest turn no longer fits and is not sent"]
    contents = [content.split()[0] for _, content in sent_texts(world)]
    assert contents == ["second", "ok", "third", "ok", "fourth"]


async def test_a_message_that_cannot_fit_is_refused_with_numbers_and_given_back() -> None:
    world = World()
    text = "word " * 500
    async with world.opened() as session:
        events = await say(session, "/budget 300", "/reserve 50", text)
    assert "504 tokens" in errors(events)[0] or "507 tokens" in errors(events)[0]
    assert events[-1] == DraftReturned(text)
    assert world.model.requests == []


async def test_the_server_s_own_count_replaces_the_estimate_of_an_unchanged_beginning() -> None:
    world = World()
    world.model.scripts = [answer("a b c", prompt_tokens=1000)]
    async with world.opened() as session:
        await say(session, "hi")
        plan = (await session.plan())[1]
        assert plan.is_reported
        assert plan.tokens == 1000 + 3 + 1 + 3


async def test_a_context_length_error_leads_to_one_refit_with_the_server_s_numbers() -> None:
    world = World()
    too_long = ModelError(
        "too long",
        fault=Fault.CONTEXT_LENGTH,
        details={"window": 160, "prompt_tokens": 230},
    )
    async with world.opened() as session:
        await say(session, "/reserve 10")
        await say(session, "one " + "word " * 60, "two " + "word " * 60)
        world.model.scripts = [[too_long], answer("fits now")]
        events = await say(session, "three " + "word " * 60)
    assert answer_text(events) == "fits now"
    assert len(sent_texts(world)) < len(sent_texts(world, -2))


async def test_an_unknown_command_is_never_sent() -> None:
    world = World()
    async with world.opened() as session:
        events = await say(session, "/temprature 1", "/compact", "!", "/")
    assert world.model.requests == []
    assert errors(events)[0] == "there is no command /temprature"


async def test_slashes_that_are_text_are_sent() -> None:
    world = World()
    async with world.opened() as session:
        await say(session, "//temperature is what?", " /help me", "/etc/passwd is a file")
    assert [request.body["messages"][-1]["content"] for request in world.model.requests] == [  # type: ignore[index, call-overload]
        "/temperature is what?",
        "/help me",
        "/etc/passwd is a file",
    ]


async def test_every_command_that_is_there_runs_bare_without_an_exception() -> None:
    from chatrepl.core.commands.table import COMMANDS

    world = World()
    async with world.opened() as session:
        await say(session, "hello")
        for command in COMMANDS:
            events = await say(session, "/" + command.name)
            assert events, command.name


async def test_context_shows_what_is_sent() -> None:
    world = World()
    async with world.opened() as session:
        events = await say(session, "/system be brief", "hi", "/context")
    table = next(event for event in events if isinstance(event, Table))
    assert [(row[1], row[3], row[4]) for row in table.rows] == [
        ("system", "in", "be brief"),
        ("user", "in", "hi"),
        ("assistant", "in", "ok"),
    ]
