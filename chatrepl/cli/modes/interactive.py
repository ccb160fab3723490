"""Interactive mode: show the live prompt, load the program in a thread, restore the terminal."""

import asyncio
import sys
import threading
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress

from chatrepl.cli.arguments import Options
from chatrepl.cli.event_loop import run_conversation
from chatrepl.core.text.terminal_safe import is_unicode
from chatrepl.services.files.paths import find_paths
from chatrepl.terminal.live.pending_actions import PendingActions
from chatrepl.terminal.prompt.prompt import LivePrompt
from chatrepl.terminal.tty.query_sequences import may_ask_background
from chatrepl.terminal.tty.raw_mode import HeldTerminal


def converse(options: Options, environment: Mapping[str, str], held: HeldTerminal) -> int:
    """Run a conversation at the live prompt; return the exit code.

    The prompt comes first: everything that it does not need is imported and wired later, in a
    thread. A signal ends the process, as seen by its parent.
    """
    return run_conversation(_run(options, environment, held))


async def _run(options: Options, environment: Mapping[str, str], held: HeldTerminal) -> int | None:
    """Run prompt and conversation; return the signal that ended them, or None."""
    pending = PendingActions()
    prompt = LivePrompt(
        actions=pending,
        held=held,
        vi=options.settings.get("vi") is True,
        history_file=None if options.no_save else find_paths(environment).history_file,
        unicode=is_unicode(sys.stdout.encoding),
    )
    pending.attach(prompt)
    conversation = asyncio.create_task(_load_and_converse(prompt, pending, options, environment))
    # A failure there must not leave a prompt without a program.
    conversation.add_done_callback(lambda _: prompt.leave())
    try:
        signal_number = await prompt.run()
    finally:
        if prompt.actions is pending:
            # There is nothing to save yet, so nothing to wait for.
            conversation.cancel()
        else:
            prompt.actions.leave()
        with suppress(asyncio.CancelledError):
            await conversation
    return signal_number


async def _load_and_converse(
    prompt: LivePrompt, pending: PendingActions, options: Options, environment: Mapping[str, str]
) -> None:
    await prompt.painted()
    if may_ask_background(environment) and not options.no_color:
        await prompt.ask_background()
    stop = threading.Event()
    try:
        converse_at = await asyncio.to_thread(_load, options, environment, stop)
    finally:
        stop.set()
    await converse_at(prompt, pending)


def _load(
    options: Options, environment: Mapping[str, str], stop: threading.Event
) -> Callable[[LivePrompt, PendingActions], Awaitable[None]]:
    from chatrepl.cli.modes.conversation import load

    return load(options, environment, stop)
