"""Context length errors of every known shape: one visible refit, then an error."""

from pathlib import Path
from typing import Any

import pytest

from chatrepl.core.events import DraftReturned
from tests.support.events import answer_text, errors, notices
from tests.support.servers.length_samples import TOO_LONG
from tests.support.servers.sse_server import SseServer
from tests.support.wired_session import Home

SHAPES = [pytest.param(*case[1:], id=case[0]) for case in TOO_LONG]


def conversation(window: int, prompt_tokens: int) -> list[str]:
    """Write two messages that count about as much as the server says of them."""
    older = "word " * max(1, round(prompt_tokens * 0.62))
    newest = "newest " + "word " * round(min(prompt_tokens * 0.3, window * 0.3))
    return ["/set context_window 10000000", "/reserve 100", older, newest]


@pytest.mark.parametrize(("status", "body", "window", "prompt_tokens"), SHAPES)
def test_a_refused_length_leads_to_one_visible_refit_or_to_an_error_with_the_text_back(
    tmp_path: Path, status: int, body: Any, window: int | None, prompt_tokens: int | None
) -> None:
    with SseServer() as server:
        server.answer("first")
        server.error(status, body)
        server.answer("second")
        lines = conversation(window or 4096, prompt_tokens or window or 4096)
        events = Home(tmp_path).talk(["--base-url", server.base_url, "-m", "unknown"], *lines)
    if window is None and prompt_tokens is None:
        assert len(server.requests) == 2
        assert len(errors(events)) == 1
        assert DraftReturned(lines[-1].strip()) in events or DraftReturned(lines[-1]) in events
        return
    assert len(server.requests) == 3, errors(events)
    assert answer_text(events).endswith("second")
    assert any("fitting it to the server's own numbers" in text for text in notices(events))
    refitted = [message["content"] for message in server.requests[2].messages]
    assert refitted[-1].startswith("newest")
    assert len(refitted) <= len(server.requests[1].messages)


def test_a_server_that_goes_on_refusing_is_asked_twice(tmp_path: Path) -> None:
    _, status, body, window, prompt_tokens = TOO_LONG[0]
    assert window is not None and prompt_tokens is not None
    with SseServer() as server:
        server.answer("first")
        server.error(status, body)
        server.error(status, body)
        server.error(status, body)
        lines = conversation(window, prompt_tokens)
        events = Home(tmp_path).talk(["--base-url", server.base_url, "-m", "unknown"], *lines)
    assert len(server.requests) == 3
    assert len(errors(events)) == 1
    assert any(isinstance(event, DraftReturned) for event in events)


def test_a_refusal_counts_more_than_what_the_server_reported_before(tmp_path: Path) -> None:
    refusal = {"detail": "Sequence of 950 tokens does not fit: this deployment accepts 600 tokens"}
    usage = {"prompt_tokens": 200, "completion_tokens": 100, "total_tokens": 300}
    with SseServer() as server:
        server.answer("word " * 100)
        server.answer("word " * 100, usage=usage)
        server.error(422, refusal)
        server.answer("third")
        lines = ["one", "two", "three"]
        events = Home(tmp_path).talk(["--base-url", server.base_url, "-m", "unknown"], *lines)
    assert answer_text(events).endswith("third"), errors(events)
    # Its own count of that prompt and what it said before cannot both be true.
    sent = [len(request.messages) for request in server.requests]
    assert sent[:3] == [1, 3, 5]
    assert sent[3] < 5
