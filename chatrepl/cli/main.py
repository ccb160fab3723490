"""The front door: argv and environment in, exit code out."""

import os
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, NoReturn

from chatrepl.cli.arguments import Options, parse_options
from chatrepl.cli.process import (
    is_interactive,
    open_missing_streams,
    print_line,
    variables,
)
from chatrepl.core.errors import ChatreplError, UsageError, unexpected
from chatrepl.terminal.tty.raw_mode import HeldTerminal, hold_terminal

if TYPE_CHECKING:
    from chatrepl.cli.wiring import Program

__all__ = ["main", "run"]


def run() -> NoReturn:
    """Run the program, and exit as it says."""
    open_missing_streams()
    code = main(sys.argv[1:], variables())
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):
            stream.flush()
    # All is saved and closed; taking the SDK and a vocabulary of 200,000 tokens apart would keep
    # the shell waiting for half a second.
    os._exit(code)


def main(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    """Do what the command line asks; return the exit code. Every failure is one line on stderr."""
    is_live = is_interactive() and environment.get("TERM", "") not in ("", "dumb")
    early = hold_terminal() if is_live else None
    try:
        options = parse_options(arguments)
        if options.print_completion:
            _restore(early)
            return _print_completion(options.print_completion)
        if early is not None and _is_conversation(options):
            from chatrepl.cli.modes.interactive import converse

            return converse(options, environment, early)
        _restore(early)
        if early is None and is_interactive() and _is_conversation(options):
            from chatrepl.cli.modes.conversation import converse_in_lines

            return converse_in_lines(options, environment)
        return _without_prompt(options, environment)
    except BrokenPipeError:
        # Whoever read has seen enough.
        return 0
    except ChatreplError as error:
        _restore(early)
        print_line(f"chatrepl: {error}", to_stderr=True)
        return error.exit_code
    except Exception as error:  # noqa: BLE001 - nobody foresaw it; a line all the same
        _restore(early)
        print_line(f"chatrepl: {unexpected(error)}", to_stderr=True)
        return 1
    except KeyboardInterrupt:
        return 130
    finally:
        _restore(early)


def _restore(early: HeldTerminal | None) -> None:
    if early is not None:
        early.restore()


def _print_completion(shell: str) -> int:
    from chatrepl.cli.arguments import option_rows
    from chatrepl.cli.shell_completion import completion_script

    print_line(completion_script(shell, option_rows()))
    return 0


def _is_conversation(options: Options) -> bool:
    return not (
        options.prompt
        or options.list_models
        or options.list_sessions
        or options.list_roles
        or options.export
        or options.dry_run
        or options.json
        or options.each_line
        or options.script
    )


def _without_prompt(options: Options, environment: Mapping[str, str]) -> int:
    from chatrepl.cli.modes import one_shot as oneshot
    from chatrepl.cli.wiring import wire

    if options.pick:
        raise UsageError("--pick needs a terminal to choose in", "-r NAME, --list-sessions")
    if options.each_line or options.script:
        return _many(options, environment)
    text = "" if _only_prints(options) else oneshot.read_message(list(options.prompt))
    program = wire(options, environment)
    return _to_the_end(program, lambda: _deal(program, text), program.session.stop)


def _many(options: Options, environment: Mapping[str, str]) -> int:
    """Deal with many lines, of a script or of stdin."""
    from chatrepl.cli.modes import one_shot as oneshot
    from chatrepl.cli.modes.batch import EachLine
    from chatrepl.cli.modes.line_source import LineSource
    from chatrepl.cli.modes.script import Script, open_script
    from chatrepl.cli.startup import begin
    from chatrepl.cli.wiring import wire

    if options.each_line and os.isatty(0):
        raise UsageError("--each-line reads lines from stdin", "pipe a file in, or use < FILE")
    source = open_script(options.script) if options.script else LineSource(0)
    program = wire(options, environment)
    lines: Script | EachLine
    if options.script:
        lines = Script(program, source, options.script)
    else:
        lines = EachLine(program, list(options.prompt), source)

    async def work() -> int:
        await oneshot.quietly(begin(program), options.quiet)
        return await lines.run()

    return _to_the_end(program, work, lines.stop)


def _to_the_end(
    program: "Program", deal: Callable[[], Awaitable[int]], stop: Callable[[], bool]
) -> int:
    from chatrepl.cli.modes import one_shot as oneshot

    if program.options.debug and not program.options.quiet:
        log = program.session.ports.debug_log.path
        print_line(f"chatrepl: a log is written to {log}", to_stderr=True)

    async def work() -> int:
        try:
            return await deal()
        finally:
            for notice in program.session.take_notices():
                oneshot.tell(notice, program.options.quiet)
            await program.close()

    return oneshot.run_until_signal(work(), stop)


def _only_prints(options: Options) -> bool:
    lists = options.list_models or options.list_sessions or options.list_roles
    return bool(lists or options.export)


async def _deal(program: "Program", text: str) -> int:
    from chatrepl.cli.modes import listing
    from chatrepl.cli.modes import one_shot as oneshot
    from chatrepl.cli.startup import begin

    options = program.options
    if options.list_sessions:
        return await listing.list_sessions(program)
    if options.list_roles:
        return await listing.list_roles(program)
    if options.list_models:
        return await listing.list_models(program)
    if options.export:
        return await listing.export(program, options.export)
    await oneshot.quietly(begin(program), options.quiet)
    if options.dry_run:
        return await oneshot.dry_run(program, text)
    return await oneshot.one_shot(program, text)
