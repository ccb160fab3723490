"""The program's entry point: argv and environment in, exit code out."""

import os
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import nullcontext, suppress
from typing import TYPE_CHECKING, NoReturn

from chatrepl.cli.arguments import Options, parse_options
from chatrepl.cli.process import is_interactive, open_missing_streams, print_line
from chatrepl.core.errors import ChatreplError, UsageError, unexpected
from chatrepl.terminal.capabilities import is_dumb
from chatrepl.terminal.tty.raw_mode import hold_terminal

if TYPE_CHECKING:
    from chatrepl.cli.program import Program


def run() -> NoReturn:
    """Run the program, and exit with its code."""
    open_missing_streams()
    code = main(sys.argv[1:], os.environ)
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):
            stream.flush()
    # All is saved and closed; taking the SDK and a vocabulary of 200,000 tokens apart would keep
    # the shell waiting for half a second.
    os._exit(code)


def main(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run the command line; return the exit code. Every failure is one line on stderr."""
    try:
        return _run_mode(arguments, environment)
    except BrokenPipeError:
        # The reader of the output has seen enough.
        return 0
    except ChatreplError as error:
        print_line(f"chatrepl: {error}", to_stderr=True)
        return error.exit_code
    except Exception as error:  # noqa: BLE001 - an unforeseen one is a line all the same
        print_line(f"chatrepl: {unexpected(error)}", to_stderr=True)
        return 1
    except KeyboardInterrupt:
        return 130


def _run_mode(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    """Choose the mode by the command line and the terminal, and run it; return the exit code."""
    is_live = is_interactive() and not is_dumb(environment)
    # Held from the first moment on, so that keys typed meanwhile reach the prompt unharmed.
    with hold_terminal() if is_live else nullcontext() as held:
        options = parse_options(arguments)
        is_conversation = not options.print_completion and _is_conversation(options)
        if held is not None and is_conversation:
            from chatrepl.cli.modes.interactive import converse

            return converse(options, environment, held)
    if options.print_completion:
        return _print_completion(options.print_completion)
    if is_conversation and not is_live and is_interactive():
        from chatrepl.cli.modes.conversation import converse_in_lines

        return converse_in_lines(options, environment)
    if options.pick:
        raise UsageError("--pick needs a terminal to choose in", "-r NAME, --list-sessions")
    if options.each_line or options.script:
        return _run_lines(options, environment)
    return _run_once(options, environment)


def _print_completion(shell: str) -> int:
    from chatrepl.cli.arguments import option_rows
    from chatrepl.cli.shell_completion import completion_script

    print_line(completion_script(shell, option_rows()))
    return 0


def _is_conversation(options: Options) -> bool:
    return not (
        options.prompt
        or options.dry_run
        or options.json
        or options.each_line
        or options.script
        or _only_prints(options)
    )


def _only_prints(options: Options) -> bool:
    lists = options.list_models or options.list_sessions or options.list_roles
    return bool(lists or options.export)


def _run_lines(options: Options, environment: Mapping[str, str]) -> int:
    """Run many lines, of a script or of stdin."""
    from chatrepl.cli.modes.batch import Batch
    from chatrepl.cli.modes.line_source import LineSource
    from chatrepl.cli.modes.output import report_notices
    from chatrepl.cli.modes.script import Script, open_script
    from chatrepl.cli.wiring import wire

    if options.each_line and os.isatty(0):
        raise UsageError("--each-line reads lines from stdin", "pipe a file in, or use < FILE")
    source = open_script(options.script) if options.script else LineSource(0)
    program = wire(options, environment)
    lines: Script | Batch
    if options.script:
        lines = Script(program, source, options.script)
    else:
        lines = Batch(program, list(options.prompt), source)

    async def work() -> int:
        await report_notices(program.open_session(), options.quiet)
        return await lines.run()

    return _run_to_end(program, work, lines.stop)


def _run_once(options: Options, environment: Mapping[str, str]) -> int:
    """Answer one message, or print a listing."""
    from chatrepl.cli.modes.one_shot import read_message
    from chatrepl.cli.wiring import wire

    text = "" if _only_prints(options) else read_message(list(options.prompt))
    program = wire(options, environment)
    return _run_to_end(program, lambda: _answer_or_list(program, text), program.session.stop)


async def _answer_or_list(program: "Program", text: str) -> int:
    from chatrepl.cli.modes import listing, one_shot
    from chatrepl.cli.modes.output import report_notices

    options = program.options
    if options.list_sessions:
        return await listing.list_sessions(program)
    if options.list_roles:
        return await listing.list_roles(program)
    if options.list_models:
        return await listing.list_models(program)
    if options.export:
        return await listing.export(program, options.export)
    await report_notices(program.open_session(), options.quiet)
    if options.dry_run:
        return await one_shot.print_request(program, text)
    return await one_shot.answer_once(program, text)


def _run_to_end(
    program: "Program", work: Callable[[], Awaitable[int]], stop: Callable[[], bool]
) -> int:
    """Run work on an event loop, and close the program; return the exit code."""
    from chatrepl.cli.event_loop import run_until_signal
    from chatrepl.cli.modes.output import print_notice

    options = program.options
    if options.debug and not options.quiet:
        log = program.session.ports.debug_log.path
        print_line(f"chatrepl: a log is written to {log}", to_stderr=True)

    async def run_and_close() -> int:
        try:
            return await work()
        finally:
            for notice in program.session.take_notices():
                print_notice(notice, options.quiet)
            await program.close()

    return run_until_signal(run_and_close(), stop)
