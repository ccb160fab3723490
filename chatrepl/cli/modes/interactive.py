"""A conversation at the live prompt: show it, load the rest behind it, leave the terminal clean."""

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
from chatrepl.terminal.tty.background_colour import may_ask_background
from chatrepl.terminal.tty.raw_mode import HeldTerminal

__all__ = ["converse"]


def converse(options: Options, environment: Mapping[str, str], held: HeldTerminal) -> int:
    """Talk until someone leaves; return the exit code. A signal ends the process as it says.

    The prompt comes first: all that it does not need is imported and wired behind it, in a thread.
    """
    return run_conversation(_talk(options, environment, held))


async def _talk(options: Options, environment: Mapping[str, str], held: HeldTerminal) -> int | None:
    pending = PendingActions()
    prompt = LivePrompt(
        actions=pending,
        held=held,
        vi=options.settings.get("vi") is True,
        history_file=None if options.no_save else find_paths(environment).history_file,
        unicode=is_unicode(sys.stdout.encoding),
    )
    pending.attach(prompt)
    talking = asyncio.create_task(_talk_behind(prompt, pending, options, environment))
    # A failure there must not leave a prompt that nobody answers.
    talking.add_done_callback(lambda _: prompt.leave())
    try:
        fatal = await prompt.run()
    finally:
        if prompt.actions is pending:
            # There is nothing to save yet, so nothing to wait for.
            talking.cancel()
        else:
            prompt.actions.leave()
        with suppress(asyncio.CancelledError):
            await talking
    return fatal


async def _talk_behind(
    prompt: LivePrompt, pending: PendingActions, options: Options, environment: Mapping[str, str]
) -> None:
    await prompt.painted()
    if may_ask_background(environment) and not options.no_color:
        await prompt.ask_background()
    stop = threading.Event()
    try:
        open_conversation = await asyncio.to_thread(_load, options, environment, stop)
    finally:
        stop.set()
    await open_conversation(prompt, pending)


def _load(
    options: Options, environment: Mapping[str, str], stop: threading.Event
) -> Callable[[LivePrompt, PendingActions], Awaitable[None]]:
    from chatrepl.cli.modes.conversation import load

    return load(options, environment, stop)
