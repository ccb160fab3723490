"""A conversation behind a prompt: wire the program, open the session, run it, close it."""

import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import TYPE_CHECKING

from chatrepl import __version__
from chatrepl.cli.arguments import Options
from chatrepl.cli.event_loop import run_conversation
from chatrepl.cli.process import stdout_encoding
from chatrepl.cli.program import Program, TerminalPerson
from chatrepl.cli.wiring import wire
from chatrepl.core.commands.handlers.servers import introduce_local
from chatrepl.core.events import Event, Level, Notice
from chatrepl.core.text.terminal_safe import is_unicode
from chatrepl.terminal.live.conversation_view import ConversationView
from chatrepl.terminal.live.pending_actions import PendingActions

if TYPE_CHECKING:
    from chatrepl.terminal.draw.event_renderer import EventRenderer
    from chatrepl.terminal.prompt.prompt import LivePrompt


def load(
    options: Options, environment: Mapping[str, str], stop: threading.Event
) -> Callable[["LivePrompt", PendingActions], Awaitable[None]]:
    """Wire the program; return a function that runs the conversation at a prompt to its end.

    Runs in a thread; ``stop`` ends a key's command. Raises ``UsageError``.
    """
    person = TerminalPerson(has_input_line=True)
    program = wire(options, environment, person, stop)

    async def converse(prompt: "LivePrompt", pending: PendingActions) -> None:
        person.terminal = prompt
        program.shell.hand_over = prompt.run_child_with_output
        view = ConversationView(
            program.session,
            prompt,
            lambda: _load_drawing(options, environment, prompt),
            unicode=is_unicode(sys.stdout.encoding),
        )
        pending.forward_to(view)
        try:
            await view.run(_opening_events(program))
        finally:
            await program.close()

    return converse


def _load_drawing(
    options: Options, environment: Mapping[str, str], prompt: "LivePrompt"
) -> "EventRenderer":
    from chatrepl.terminal.draw.event_renderer import EventRenderer

    return EventRenderer(
        environment,
        is_terminal=True,
        encoding=stdout_encoding(),
        no_color=options.no_color,
        background=lambda: prompt.background,
    )


def converse_in_lines(options: Options, environment: Mapping[str, str]) -> int:
    """Run a conversation on a terminal without escape sequences; return the exit code."""
    from chatrepl.terminal.draw.event_renderer import EventRenderer
    from chatrepl.terminal.plain.dumb_terminal import DumbTerminal

    person = TerminalPerson()
    program = wire(options, environment, person)
    encoding = stdout_encoding()
    drawing = EventRenderer(environment, is_terminal=False, encoding=encoding, no_color=True)
    mark = "❯ " if is_unicode(encoding) else "> "  # noqa: RUF001 - the prompt's own sign

    async def converse() -> int | None:
        terminal = DumbTerminal(program.session, drawing, sys.stdout, 0, mark)
        person.terminal = terminal
        try:
            return await terminal.run(_opening_events(program))
        finally:
            await program.close()

    return run_conversation(converse())


async def _opening_events(program: Program) -> AsyncIterator[Event]:
    """Open the session, and offer the built-in model where there is no server."""
    session = program.session
    yield Notice(f"chatrepl {__version__}", hint="/help lists the commands, Ctrl+D leaves")
    async for event in program.open_session():
        yield event
    if session.servers.uses_local:
        yield introduce_local(session)
    elif session.servers.current is None:
        async for event in _offer_local(program):
            yield event


async def _offer_local(program: Program) -> AsyncIterator[Event]:
    session = program.session
    ports = session.ports
    size = "" if ports.local.is_fetched() else ", a download of 93 MB, once"
    question = f"No key and no server. Talk to the built-in demo model{size}?"
    if await ports.person.confirm(question, default=True):
        session.settings = session.servers.use_local(session.settings)
        yield introduce_local(session)
        async for event in session.servers.prepare_local():
            yield event
        return
    yield Notice(
        "there is no server to talk to yet",
        Level.WARNING,
        hint="set OPENAI_API_KEY or --base-url; /local switches to the demo model",
    )
