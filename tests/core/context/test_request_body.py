"""Messages in the API's form: system text, reminder, and writing ahead."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chatrepl.core.context.request_body import BodyWriter
from chatrepl.core.conversation.attachments import text_attachment
from chatrepl.core.json_value import Json
from chatrepl.core.messages import Message
from chatrepl.core.servers.target import system_text_of
from chatrepl.core.settings.kinds import example_message
from chatrepl.core.settings.layers import Layer, Settings
from tests.support.values.counting_text import CountingText, counting_path

NOW = datetime(2026, 1, 1, tzinfo=UTC)
CALLS: Mapping[str, Json] = {
    "tool_calls": [{"id": "1", "type": "function", "function": {"name": "f"}}]
}


def test_the_reminder_stands_in_a_paragraph_of_its_own_after_each_message_of_the_user() -> None:
    said = [
        Message("", None, "system", "be brief", NOW),
        Message("a", None, "user", "hi", NOW),
        Message("b", "a", "assistant", "hello", NOW),
    ]
    assert BodyWriter().messages_of(said, "be kind") == [
        {"role": "system", "content": "be brief"},
        {"role": "user", "content": "hi\n\nbe kind"},
        {"role": "assistant", "content": "hello"},
    ]


def test_a_system_text_for_models_without_that_role_goes_into_the_first_message() -> None:
    said = [
        Message("", None, "user", "be brief", NOW),
        Message("a", None, "assistant", "hello", NOW),
        Message("b", "a", "user", "hi", NOW),
        Message("c", "b", "user", "there", NOW),
    ]
    assert BodyWriter().messages_of(said, "") == [
        {"role": "assistant", "content": "hello"},
        {"role": "user", "content": "be brief\n\nhi"},
        {"role": "user", "content": "there"},
    ]


def some_message(number: int, kind: str) -> Message:
    id_ = f"m{number}"
    match kind:
        case "call":
            return Message(id_, None, "assistant", "calls", NOW, extra=CALLS)
        case "tool":
            return Message(id_, None, "tool", "found", NOW, extra={"tool_call_id": "1"})
        case "file":
            file = text_attachment("notes.txt", "some notes")
            return Message(id_, None, "user", "see there", NOW, attachments=(file,))
        case "summary":
            return Message(id_, None, "user", "in short", NOW, summary_of=("m0",))
        case "named":
            return Message(id_, None, "user", "hello", NOW, name="Ann")
        case _:
            return Message(id_, None, kind, f"text {number}", NOW)


KINDS = ["user", "user", "assistant", "assistant", "call", "tool", "file", "summary", "named"]


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 12),
            st.lists(st.sampled_from(KINDS), max_size=5),
            st.sampled_from(["", "", "be kind"]),
            st.sampled_from([None, "system", "user"]),
            st.booleans(),
            st.booleans(),
        ),
        min_size=1,
        max_size=8,
    )
)
async def test_messages_that_were_written_before_are_sent_as_if_they_were_written_anew(
    requests: list[tuple[int, list[str], str, str | None, bool, bool]],
) -> None:
    writer = BodyWriter()
    path: list[Message] = []
    number = 0
    for kept, kinds, reminder, form, has_examples, is_ahead in requests:
        added = []
        for kind in kinds:
            added.append(some_message(number, kind))
            number += 1
        path = [*path[:kept], *added]
        system = [Message("", None, form, "be brief", NOW)] if form else []
        examples = [example_message("user", "2 + 2", NOW)] if has_examples else []
        sent = [*system, *examples, *path]
        if is_ahead:
            await writer.ahead(sent, reminder)
        assert writer.messages_of(sent, reminder) == BodyWriter().messages_of(sent, reminder)


async def test_messages_written_ahead_are_not_written_again_when_sent() -> None:
    path = counting_path(5000)
    writer = BodyWriter()
    await writer.ahead(path[:-1], "")
    assert CountingText.writes >= len(path) - 1
    CountingText.writes = 0
    writer.messages_of(path, "")
    # What a message becomes may depend on the next one, so the last is written again.
    assert CountingText.writes == 2


async def test_writing_ahead_gives_way_to_a_request_that_comes_meanwhile() -> None:
    path = counting_path(9000)
    writer = BodyWriter()
    ahead = asyncio.create_task(writer.ahead(path, ""))
    await asyncio.sleep(0)
    assert 0 < CountingText.writes < len(path)
    assert writer.messages_of(path[:7000], "") == BodyWriter().messages_of(path[:7000], "")
    CountingText.writes = 0
    await ahead
    assert CountingText.writes == 0


@pytest.mark.parametrize("text", ["", " ", "\n\t"])
def test_a_blank_system_text_is_not_sent(text: str) -> None:
    settings = Settings().with_value(Layer.COMMAND, "system", text)
    assert system_text_of(settings, is_local=False) is None
