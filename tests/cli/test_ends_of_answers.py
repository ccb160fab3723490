import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from chatrepl.cli.modes.output import exit_code, print_warnings
from chatrepl.core.conversation.ends import End, end_of, is_no_reason
from chatrepl.core.conversation.outcomes import describe_empty, describe_filtered
from chatrepl.core.events import AnswerEnded
from chatrepl.core.json_value import Json
from chatrepl.core.messages import Message, State
from chatrepl.core.servers.continuation import is_cut
from chatrepl.core.transcript.markdown import state_note
from chatrepl.terminal.draw.events import draw_answer_end
from chatrepl.terminal.draw.layout.style import DrawStyle

ENDS: dict[End, list[str | None]] = {
    End.WHOLE: ["stop", "eos", "end_turn", "STOP", "COMPLETE", "stop_sequence", "eos_token", None],
    End.CUT: ["length", "max_tokens", "MAX_TOKENS", "model_length", "FinishReason.MAX_TOKENS"],
    End.FILTERED: ["content_filter", "SAFETY", "sensitive", "RECITATION", "FINISH_REASON_SAFETY"],
    End.TOOLS: ["tool_calls", "function_call", "tool_use"],
    End.FAILED: ["error", "network_error", "abort", "insufficient_system_resource", "ERROR"],
    End.UNKNOWN: ["weird", "OTHER", "stop it", "model_lengths"],
}
ROWS = [(reason, end) for end, reasons in ENDS.items() for reason in reasons]


def answer(reason: str | None = "stop", content: str = "text", **fields: object) -> Message:
    message = Message("a", "q", "assistant", content, datetime(2026, 1, 1, tzinfo=UTC))
    return replace(message, finish_reason=reason, **fields)  # type: ignore[arg-type]


def drawn(message: Message) -> str:
    return "\n".join(draw_answer_end(AnswerEnded(message), DrawStyle(), 80))


@pytest.mark.parametrize(("reason", "end"), ROWS)
def test_each_reason_has_its_end(reason: str | None, end: End) -> None:
    assert end_of(reason) is end


@pytest.mark.parametrize("reason", ["", "null", "None", " NULL ", "FINISH_REASON_UNSPECIFIED"])
def test_what_only_says_that_there_is_none_yet_is_no_reason(reason: str) -> None:
    assert is_no_reason(reason)


@pytest.mark.parametrize(("reason", "end"), ROWS)
def test_an_end_is_remarked_on_unless_it_is_whole(
    reason: str | None, end: End, capsys: pytest.CaptureFixture[str]
) -> None:
    message = answer(reason)
    print_warnings(AnswerEnded(message), quiet=False)
    told = drawn(message), capsys.readouterr().err
    assert bool(told[0]) is (end is not End.WHOLE)
    assert is_cut(message) is (end is End.CUT)
    assert exit_code(message) == (1 if end in (End.FAILED, End.UNKNOWN) else 0)
    if end is End.WHOLE:
        assert told == ("", "")
        assert not state_note(message)
    if end is End.UNKNOWN:
        assert all(str(reason) in text for text in told)
    if end is End.FILTERED:
        assert all("content filter" in text for text in (*told, describe_filtered(message)))


EMPTY: list[tuple[dict[str, object], str]] = [
    ({}, "the answer is empty"),
    ({"content": " \n"}, "the answer is empty"),
    ({"reasoning": "hm"}, "the answer is empty: only reasoning came"),
    (
        {"reasoning": "hm", "reason": "length"},
        "the token limit was reached before the answer began: only reasoning came",
    ),
]


@pytest.mark.parametrize(("fields", "line"), EMPTY)
def test_an_empty_answer_is_told_as_one(
    fields: dict[str, object], line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    message = answer(**{"content": "", **fields})  # type: ignore[arg-type]
    print_warnings(AnswerEnded(message), quiet=False)
    assert describe_empty(message) == line
    assert line in " ".join(drawn(message).split())
    assert capsys.readouterr().err == f"chatrepl: {line}\n"


CALLS: Json = json.loads('[{"function": {"name": "f", "arguments": "{}"}}]')


@pytest.mark.parametrize(
    "message",
    [
        answer(),
        answer("content_filter", ""),
        answer("stop", "", extra={"refusal": "no"}),
        answer("tool_calls", "", extra={"tool_calls": CALLS}),
        answer(None, "", state=State.STOPPED),
        answer(None, "", state=State.CUT),
    ],
)
def test_what_says_something_else_is_not_told_as_empty(message: Message) -> None:
    assert not describe_empty(message)
