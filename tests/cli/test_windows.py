"""Context windows that only the server knows."""

import json
from pathlib import Path
from typing import Any

import pytest

from chatrepl.core.events import Event, Notice, PlainText
from chatrepl.terminal.live.toolbar import Toolbar
from tests.support.events import errors, notices
from tests.support.servers.sse_replies import Answer
from tests.support.servers.sse_server import SseServer
from tests.support.session_talk import collect, say
from tests.support.wired_session import Home

WINDOW_TOKENS = 32_768
LONG = " ".join(["long"] * 2500)
"""So many tokens that three of them need more than the usual guess."""


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


@pytest.fixture
def server() -> Any:
    listed = {"id": "m", "object": "model", "max_model_len": WINDOW_TOKENS}
    with SseServer(default=lambda _: Answer("ok", usage=False)) as running:
        running.models = ["other", listed]
        yield running


def options(server: SseServer) -> list[str]:
    return ["--base-url", server.base_url, "-m", "m"]


def asked_for_models(server: SseServer) -> int:
    return sum(request.method == "GET" for request in server.requests)


def context_of(events: list[Event]) -> Any:
    [text] = [event.text for event in events if isinstance(event, PlainText)]
    return json.loads(text)


def test_a_short_conversation_asks_for_nothing(home: Home, server: SseServer) -> None:
    events = home.talk(options(server), "one", "two", "/context --json")
    assert asked_for_models(server) == 0
    assert context_of(events)["window"] == 8192


def test_a_conversation_beyond_the_guess_goes_whole_where_the_server_tells_its_window(
    home: Home, server: SseServer
) -> None:
    events = home.talk(options(server), LONG, LONG, LONG, LONG, "/context --json")
    assert len(server.requests[-1].messages) == 7
    assert asked_for_models(server) == 1
    shown = context_of(events)
    assert shown["window"] == WINDOW_TOKENS
    assert all(row["in"] for row in shown["messages"])
    assert not any("no longer" in text for text in notices(events))


def test_a_message_longer_than_the_guess_is_sent(home: Home, server: SseServer) -> None:
    whole = f"{LONG} {LONG} {LONG} {LONG}"
    assert errors(home.talk(options(server), whole)) == []
    assert server.requests[-1].messages == [{"role": "user", "content": whole}]


def test_a_request_shown_before_a_turn_is_the_one_that_the_turn_sends(
    home: Home, server: SseServer
) -> None:
    home.talk([*options(server), "-S", "kept"], LONG, LONG)
    server.requests.clear()
    events = home.talk([*options(server), "-r", "kept"], f"/request {LONG}", LONG)
    [shown] = [json.loads(event.text) for event in events if isinstance(event, PlainText)]
    assert shown["messages"] == server.requests[-1].messages
    assert len(shown["messages"]) == 5


@pytest.mark.parametrize("ending", ["missing", "silent", "other"])
def test_a_server_that_does_not_tell_is_asked_once_and_the_guess_holds(
    home: Home, server: SseServer, ending: str
) -> None:
    match ending:
        case "missing":
            server.error(404, {"detail": "Not Found"}, to="models")
        case "silent":
            server.silence(to="models")
        case _:
            server.models = ["other"]
    events = home.talk(options(server), *[LONG] * 4, "/context --json")
    assert asked_for_models(server) == 1
    assert errors(events) == []
    told = [event for event in events if isinstance(event, Notice) and "no longer" in event.text]
    assert all("/budget N" in notice.hint for notice in told) and told
    shown = context_of(events)
    assert shown["window"] == 8192
    assert not all(row["in"] for row in shown["messages"])


def test_a_message_that_only_a_guess_refuses_says_how_to_send_it(
    home: Home, server: SseServer
) -> None:
    server.models = []
    whole = f"{LONG} {LONG} {LONG}"
    events = home.talk(options(server), whole)
    [refused] = [event for event in events if isinstance(event, Notice)]
    assert "are ≈7,508 tokens, ≈1,364 more than the ≈6,144 there is room for" in refused.text
    assert "by /budget N" in refused.hint
    assert errors(home.talk(options(server), "/budget 12000", whole)) == []
    assert server.requests[-1].messages == [{"role": "user", "content": whole}]


def test_a_budget_beyond_the_guess_is_believed(home: Home, server: SseServer) -> None:
    server.models = []
    events = home.talk(options(server), "/budget 32000", *[LONG] * 5, "/context --json")
    assert len(server.requests[-1].messages) == 9
    assert context_of(events)["window"] == context_of(events)["budget"] == 32_000
    small = home.talk(options(server), "/budget 32000", "/set context_window 9000", *[LONG] * 5)
    assert len(server.requests[-1].messages) < 9
    assert errors(small) == []


@pytest.mark.parametrize("line", ["/set context_window 9000", "/budget 6000", "/budget 9000"])
def test_a_window_or_budget_that_the_user_set_is_not_asked_for(
    home: Home, server: SseServer, line: str
) -> None:
    home.talk(options(server), line, LONG, LONG, LONG)
    assert asked_for_models(server) == 0


async def test_the_toolbar_makes_no_request(home: Home, server: SseServer) -> None:
    async with home.opened([*options(server), "-S", "kept"]) as program:
        await collect(program.open_session())
        await say(program.session, LONG, LONG, LONG)
    server.requests.clear()
    async with home.opened([*options(server), "-r", "kept"]) as program:
        toolbar = Toolbar(program.session)
        await collect(program.open_session())
        await toolbar.refresh()
        assert "of ≈6,144 tokens" in toolbar.text(100)
        assert asked_for_models(server) == 0
        await say(program.session, "go on")
        await toolbar.refresh()
        assert "of 28,672 tokens" in toolbar.text(100)
        assert asked_for_models(server) == 1


def test_a_profile_whose_server_lists_nothing_is_compared_all_the_same(
    home: Home, server: SseServer
) -> None:
    with SseServer(default=lambda _: Answer("from there")) as other:
        other.silence(to="models")
        home.configure(f'[profiles.work]\nbase_url = "{other.base_url}"')
        events = home.talk(options(server), "/compare m work:x", "hi", "/retry work:x")
        assert errors(events) == []
        assert [request.method for request in other.requests] == ["GET", "POST", "POST"]
    assert server.requests[-1].body["model"] == "m"
