"""Figures and notices of several answers and several models."""

import json
from pathlib import Path

from chatrepl.core.events import AnswerEnded
from tests.support.events import answer_text, errors, notices, tables
from tests.support.servers.sse_server import Answer, Raw, RecordedRequest, SseServer
from tests.support.wired_session import Home


def test_the_usage_of_a_response_of_several_answers_stands_beside_none_of_them(
    tmp_path: Path,
) -> None:
    usage = {"prompt_tokens": 9, "completion_tokens": 30}
    with SseServer() as server:
        server.answer(["one two three four five", "six"], usage=usage)
        server.answer("seven", usage={"prompt_tokens": 9, "completion_tokens": 2})
        options = ["--base-url", server.base_url, "-m", "gpt-4.1", "--n", "2"]
        events = Home(tmp_path / "home").talk(options, "hi", "/retry", "/alternatives", "/info")
    alternatives, info = tables(events)
    figures = [row[-1].split(" · ") for row in alternatives.rows]
    lengths = [next(each for each in row if each.endswith(("token", "tokens"))) for row in figures]
    assert ["$" in row[-1] for row in alternatives.rows] == [False, False, True]
    assert lengths == ["≈5 tokens", "≈1 token", "2 tokens"]
    assert alternatives.footer[0] == (
        "answers 1 to 2 are one response; reported of it: prompt 9, completion 30, $0.000258; "
        "≈ is counted here"
    )
    assert {row[0]: row[1] for row in info.rows}["usage"] == "prompt 9, completion 2"


def test_the_usage_of_a_response_is_told_as_that_of_all_its_answers(tmp_path: Path) -> None:
    with SseServer() as server:
        server.answer(["one", "two"], usage={"prompt_tokens": 9, "completion_tokens": 30})
        options = ["--base-url", server.base_url, "-m", "gpt-4.1", "--n", "2"]
        events = Home(tmp_path / "home").talk(options, "hi", "/pick 2", "/info")
    rows = {row[0]: row[1] for row in tables(events)[0].rows}
    assert rows["usage"] == "prompt 9, completion 30 (reported of all 2 answers)"
    assert "speed" not in rows


def test_estimated_figures_are_told_once_for_all_compared_models(tmp_path: Path) -> None:
    with SseServer() as server:
        options = ["--base-url", server.base_url, "-m", "a"]
        events = Home(tmp_path / "home").talk(options, "/compare a b", "hi", "/compare b c", "ho")
    assert [text for text in notices(events) if "are estimates" in text] == [
        "token figures are estimates (≈): the vocabularies of a and b are not known, "
        "o200k_base counts",
        "token figures are estimates (≈): the vocabulary of c is not known, o200k_base counts",
    ]


def test_a_server_that_is_down_costs_its_own_column_and_no_other(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    with SseServer() as gone:
        base_url = gone.base_url
    home.configure(f'[profiles.down]\nbase_url = "{base_url}"\n')
    with SseServer() as server:
        options = ["--base-url", server.base_url, "-m", "a"]
        events = home.talk(options, "/compare a down: b", "hi")
    assert any(text.startswith("down: cannot be asked now: ") for text in notices(events))
    assert not errors(events)
    ended = {e.index: e for e in events if isinstance(e, AnswerEnded)}
    assert [ended[index].message.state.value for index in range(3)] == [
        "complete",
        "failed",
        "complete",
    ]
    assert ended[1].error is not None
    assert answer_text(events) == ended[2].message.content == "You said: hi"


def one_answer_by_its_newest_name(request: RecordedRequest) -> Answer | Raw:
    """Answer like a server that takes one answer a request, and calls ``max_tokens`` otherwise."""
    if request.body.get("n", 1) > 1:
        return refusal("Unsupported parameter: 'n' is not supported with this model.")
    if "max_tokens" in request.body:
        return refusal("'max_tokens' is not supported: use 'max_completion_tokens' instead.")
    return Answer("fine")


def refusal(message: str) -> Raw:
    body = json.dumps({"error": {"message": message, "type": "invalid_request_error"}})
    return Raw([body.encode()], 400, "application/json")


def test_a_parameter_refused_to_requests_at_the_same_time_is_told_once(tmp_path: Path) -> None:
    with SseServer(default=one_answer_by_its_newest_name) as server:
        options = ["--base-url", server.base_url, "-m", "a", "--n", "4", "--max-tokens", "50"]
        events = Home(tmp_path / "home").talk(options, "hi", "again")
    told = [text for text in notices(events) if "max_tokens" in text]
    assert told == ["a wants max_completion_tokens instead of max_tokens: sending it again so"]
    answered = [request.body for request in server.requests if "max_tokens" not in request.body]
    assert [body["max_completion_tokens"] for body in answered] == [50] * 8
    assert [event.message.content for event in events if isinstance(event, AnswerEnded)] == (
        ["fine"] * 8
    )
