"""The conversation behind the prompt: wired, begun, and closed."""

import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import TYPE_CHECKING

from chatrepl import __version__
from chatrepl.cli.arguments import Options
from chatrepl.cli.event_loop import run_and_leave
from chatrepl.cli.process import is_utf8, stdout_encoding
from chatrepl.cli.startup import begin
from chatrepl.cli.wiring import Program, wire
from chatrepl.core.commands.handlers.servers import introduce_local
from chatrepl.core.events import Event, Level, Notice
from chatrepl.terminal.live.conversation_view import ConversationView
from chatrepl.terminal.live.pending_actions import PendingActions
from chatrepl.terminal.tty.raw_mode import exit_by_signal

if TYPE_CHECKING:
    from chatrepl.terminal.draw.event_renderer import EventRenderer
    from chatrepl.terminal.plain.dumb_terminal import DumbTerminal
    from chatrepl.terminal.prompt.prompt import LivePrompt

__all__ = ["converse_in_lines", "load"]


class PromptPerson:
    """Asks the person at the prompt, once there is one."""

    def __init__(self, *, has_input_line: bool) -> None:
        self.has_input_line = has_input_line
        self.prompt: LivePrompt | DumbTerminal | None = None

    async def confirm(self, question: str, *, default: bool = False) -> bool:
        """Ask yes or no."""
        return self.prompt is not None and await self.prompt.confirm(question, default=default)

    async def ask_text(self, question: str, *, secret: bool = False) -> str | None:
        """Ask for a line of text."""
        return await self.prompt.ask_text(question, secret=secret) if self.prompt else None


def load(
    options: Options, environment: Mapping[str, str], stop: threading.Event
) -> Callable[["LivePrompt", PendingActions], Awaitable[None]]:
    """Wire the program; return what talks through a prompt until someone leaves.

    Runs in a thread, and gives up what takes long when ``stop`` is set. Raises ``UsageError``.
    """
    person = PromptPerson(has_input_line=True)
    program = wire(options, environment, person, stop)

    async def talk(prompt: "LivePrompt", door: PendingActions) -> None:
        person.prompt = prompt
        program.shell.hand_over = prompt.run_child_with_output
        front = ConversationView(
            program.session,
            lambda: _load_drawing(options, environment, prompt),
            unicode=is_utf8(sys.stdout.encoding),
        )
        front.attach(prompt)
        door.open(front)
        try:
            await front.run(_begin(program))
        finally:
            await program.close()

    return talk


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
    """Talk on a terminal that knows no escapes; return the exit code."""
    from chatrepl.terminal.draw.event_renderer import EventRenderer
    from chatrepl.terminal.plain.dumb_terminal import DumbTerminal

    person = PromptPerson(has_input_line=False)
    program = wire(options, environment, person)
    encoding = stdout_encoding()
    drawing = EventRenderer(environment, is_terminal=False, encoding=encoding, no_color=True)
    mark = "❯ " if is_utf8(encoding) else "> "  # noqa: RUF001 - the prompt's own sign

    async def talk() -> int | None:
        mode = DumbTerminal(program.session, drawing, sys.stdout, 0, mark)
        person.prompt = mode
        try:
            return await mode.run(_begin(program))
        finally:
            await program.close()

    fatal = run_and_leave(talk())
    if fatal is not None:
        exit_by_signal(fatal)
    return 0


async def _begin(program: Program) -> AsyncIterator[Event]:
    """Go on with the session that is asked for, and make sure that somebody answers."""
    session = program.session
    yield Notice(f"chatrepl {__version__}", hint="/help lists the commands, Ctrl+D leaves")
    async for event in begin(program):
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
