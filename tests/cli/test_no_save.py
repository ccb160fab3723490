"""Runs with ``--no-save``: saved sessions are read, and none is changed."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from chatrepl.cli.modes.listing import export, list_sessions
from chatrepl.core.events import ConversationShown, Event, Notice, Table
from tests.support.servers.sse_server import SseServer
from tests.support.session_talk import collect, say
from tests.support.wired_session import Home


def home_with(folder: Path, server: SseServer) -> Home:
    return Home(folder, options=["--base-url", server.base_url, "-m", "x"], has_person=False)


def talk(home: Home, arguments: str, *lines: str) -> list[Event]:
    return home.talk(arguments.split(), *lines)


def saved_questions(home: Home, name: str) -> list[str]:
    """Return what the user said in a saved session."""
    return asyncio.run(load_questions(home, name))


async def load_questions(home: Home, name: str) -> list[str]:
    async with home.opened([]) as program:
        store = program.session.ports.store
        record = await store.find(name)
        assert record is not None
        saved = [message.content for message in (await store.load(record.id)).messages]
        return [text for text in saved if not text.startswith("You said")]


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    with SseServer() as server:
        made = home_with(tmp_path, server)
        talk(made, "-S work", "first", "/pin 1")
        yield made


def told(events: list[Event]) -> str:
    return "\n".join(event.text for event in events if isinstance(event, Notice))


async def test_saved_sessions_are_listed_and_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with SseServer() as server:
        home = home_with(tmp_path, server)
        async with home.opened(["-S", "work"]) as program:
            await collect(program.open_session())
            await say(program.session, "first")
        async with home.opened(["--no-save", "--list-sessions"]) as program:
            await list_sessions(program)
        assert "work" in capsys.readouterr().out
        async with home.opened(["--no-save", "-c", "--export", "-"]) as program:
            await export(program, "-")
    assert '"first"' in capsys.readouterr().out


@pytest.mark.parametrize("choice", ["-c", "-r work", "-S work"])
def test_a_saved_session_goes_on_in_a_copy_that_is_not_saved(home: Home, choice: str) -> None:
    events = talk(home, f"--no-save {choice}", "private", "/context")
    assert "going on with “work”" in told(events)
    assert "2 messages" in told(events)
    table = next(event for event in events if isinstance(event, Table))
    assert [row[3] for row in table.rows[:2]] == ["pinned", "pinned"]
    assert saved_questions(home, "work") == ["first"]


def test_a_copy_that_is_saved_after_all_is_a_session_of_its_own(home: Home) -> None:
    events = talk(home, "--no-save -r work", "private", "/save work", "/save mine", "more")
    assert "another session is named “work”" in told(events)
    assert saved_questions(home, "work") == ["first"]
    assert saved_questions(home, "mine") == ["first", "private", "more"]


def test_sessions_are_listed_and_loaded_by_number(home: Home) -> None:
    events = talk(home, "--no-save", "private", "/sessions", "/load 2")
    table = next(event for event in events if isinstance(event, Table))
    assert [row[6] for row in table.rows] == ["private", "first"]
    assert "going on with “work”" in told(events)
    assert saved_questions(home, "work") == ["first"]


def test_saved_sessions_are_searched_and_a_place_in_one_opens_in_a_copy(home: Home) -> None:
    talk(home, "-r work", "/undo", "needle one", "/undo", "other")
    events = talk(home, "--no-save", "needle two", "/search needle", "/load 3", "/history")
    hits = next(event for event in events if isinstance(event, Table))
    assert [row[4] for row in hits.rows] == [
        "You said: needle two",
        "needle two",
        "You said: needle one",
        "needle one",
    ]
    shown = [event for event in events if isinstance(event, ConversationShown)]
    assert [m.content for m in shown[-1].messages] == ["needle one", "You said: needle one"]
    assert saved_questions(home, "work")[-1] == "other"


def test_save_and_info_tell_that_nothing_is_saved(home: Home) -> None:
    events = talk(home, "--no-save", "private", "/save", "/info")
    assert "not saved (--no-save): private" in told(events)
    table = next(event for event in events if isinstance(event, Table))
    assert ("saved", "no, for --no-save") in [tuple(row) for row in table.rows]


def test_costs_count_what_saved_sessions_spent(home: Home) -> None:
    events = talk(home, "--no-save -r work", "private", "/cost")
    (costs,) = [event for event in events if isinstance(event, Table)]
    # One answer is in the saved session, whose copy here does not count again, and one is new.
    answers = {row[0]: row[2] for row in costs.rows}
    assert answers["today"] == answers["this month"] == "2"


def test_a_limit_holds_over_saved_and_unsaved_runs(tmp_path: Path) -> None:
    with SseServer() as server:
        home = home_with(tmp_path, server)
        (tmp_path / "config.toml").write_text('[prices."x"]\nprompt = 100.0\ncompletion = 100.0\n')
        limited = ("/set max_tokens 1", "/set spending_limit 0.002")
        assert "spending limit" not in told(talk(home, "--no-save", *limited, "one"))
        talk(home, "-S work", "some words")
        assert "spending limit" in told(talk(home, "--no-save", *limited, "one"))
