"""A run that is kept off the disk still sees what is saved, and changes none of it."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from chatrepl.cli.arguments import parse_options
from chatrepl.cli.modes.listing import export, list_sessions
from chatrepl.cli.program import Program
from chatrepl.cli.wiring import wire
from chatrepl.core.commands.dispatch import handle_line
from chatrepl.core.events import ConversationShown, Event, Notice, Table
from tests.support.servers.sse_server import SseServer


class Home:
    """A home in which the program runs again and again."""

    def __init__(self, folder: Path, server: SseServer) -> None:
        self._folder, self._server = folder, server

    def run(self, arguments: str, work: Callable[[Program], Awaitable[object]]) -> None:
        async def main() -> None:
            options = ["--base-url", self._server.base_url, "-m", "x", *arguments.split()]
            program = wire(parse_options(options), {"CHATREPL_HOME": str(self._folder)})
            try:
                await work(program)
            finally:
                await program.close()

        asyncio.run(main())

    def talk(self, arguments: str, *lines: str) -> list[Event]:
        """Begin as the options say, say lines, and return all that happened."""
        events: list[Event] = []

        async def work(program: Program) -> None:
            events.extend([event async for event in program.open_session()])
            for line in lines:
                events.extend([event async for event in handle_line(program.session, line)])

        self.run(arguments, work)
        return events

    def said(self, name: str) -> list[str]:
        """Return what is on the disk of a session."""
        found: list[str] = []

        async def work(program: Program) -> None:
            store = program.session.ports.store
            record = await store.find(name)
            assert record is not None
            found.extend(m.content for m in (await store.load(record.id)).messages)

        self.run("", work)
        return [text for text in found if not text.startswith("You said")]


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    with SseServer() as server:
        made = Home(tmp_path, server)
        made.talk("-S work", "first", "/pin 1")
        yield made


def told(events: list[Event]) -> str:
    return "\n".join(event.text for event in events if isinstance(event, Notice))


def test_saved_sessions_are_listed_and_written(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    home.run("--no-save --list-sessions", list_sessions)
    assert "work" in capsys.readouterr().out
    home.run("--no-save -c --export -", lambda program: export(program, "-"))
    assert '"first"' in capsys.readouterr().out


@pytest.mark.parametrize("choice", ["-c", "-r work", "-S work"])
def test_a_saved_session_goes_on_in_a_copy_that_is_not_saved(home: Home, choice: str) -> None:
    events = home.talk(f"--no-save {choice}", "private", "/context")
    assert "going on with “work”" in told(events)
    assert "2 messages" in told(events)
    table = next(event for event in events if isinstance(event, Table))
    assert [row[3] for row in table.rows[:2]] == ["pinned", "pinned"]
    assert home.said("work") == ["first"]


def test_a_copy_that_is_saved_after_all_is_a_session_of_its_own(home: Home) -> None:
    events = home.talk("--no-save -r work", "private", "/save work", "/save mine", "more")
    assert "another session is named “work”" in told(events)
    assert home.said("work") == ["first"]
    assert home.said("mine") == ["first", "private", "more"]


def test_sessions_are_listed_and_loaded_by_number(home: Home) -> None:
    events = home.talk("--no-save", "private", "/sessions", "/load 2")
    table = next(event for event in events if isinstance(event, Table))
    assert [row[6] for row in table.rows] == ["private", "first"]
    assert "going on with “work”" in told(events)
    assert home.said("work") == ["first"]


def test_saved_sessions_are_searched_and_a_place_in_one_opens_in_a_copy(home: Home) -> None:
    home.talk("-r work", "/undo", "needle one", "/undo", "other")
    events = home.talk("--no-save", "needle two", "/search needle", "/load 3", "/history")
    hits = next(event for event in events if isinstance(event, Table))
    assert [row[4] for row in hits.rows] == [
        "You said: needle two",
        "needle two",
        "You said: needle one",
        "needle one",
    ]
    shown = [event for event in events if isinstance(event, ConversationShown)]
    assert [m.content for m in shown[-1].messages] == ["needle one", "You said: needle one"]
    assert home.said("work")[-1] == "other"


def test_it_is_told_that_nothing_is_saved(home: Home) -> None:
    events = home.talk("--no-save", "private", "/save", "/info")
    assert "not saved (--no-save): private" in told(events)
    table = next(event for event in events if isinstance(event, Table))
    assert ("saved", "no, for --no-save") in [tuple(row) for row in table.rows]


def test_what_is_spent_elsewhere_counts_in_the_day_s_limit(home: Home) -> None:
    events = home.talk("--no-save -r work", "private", "/cost")
    (costs,) = [event for event in events if isinstance(event, Table)]
    # One answer is in the saved session, whose copy here does not count again, and one is new.
    answers = {row[0]: row[2] for row in costs.rows}
    assert answers["today"] == answers["this month"] == "2"


def test_a_limit_holds_over_saved_and_unsaved_runs(tmp_path: Path) -> None:
    with SseServer() as server:
        home = Home(tmp_path, server)
        (tmp_path / "config.toml").write_text('[prices."x"]\nprompt = 100.0\ncompletion = 100.0\n')
        limited = ("/set max_tokens 1", "/set spending_limit 0.002")
        assert "spending limit" not in told(home.talk("--no-save", *limited, "one"))
        home.talk("-S work", "some words")
        assert "spending limit" in told(home.talk("--no-save", *limited, "one"))
