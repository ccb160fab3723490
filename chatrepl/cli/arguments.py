"""The command line's options: one for each setting, and the program's own."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NoReturn

from chatrepl import __version__
from chatrepl.core.errors import UsageError
from chatrepl.core.json_value import Json
from chatrepl.core.settings.kinds import Choice, Kind, ResponseFormat, Switch, Words
from chatrepl.core.settings.response_format import names_schema_file
from chatrepl.core.settings.table import SETTINGS, Setting, find_setting

if TYPE_CHECKING:
    from chatrepl.core.sessions.library import SessionChoice


_MAXIMUM_PARALLEL = 64


@dataclass(frozen=True, slots=True)
class Options:
    """The command line, parsed."""

    prompt: Sequence[str] = ()
    settings: dict[str, Json] = field(default_factory=dict)
    """Values for the option layer, by setting key."""
    system_file: str | None = None
    schema_file: str | None = None
    """A JSON schema for response_format."""
    profile: str | None = None
    role: str | None = None
    """A role's name, with ``variable=value`` words after it."""
    base_url: str | None = None
    local: bool = False
    gguf: str | None = None
    """Path of a model file that replaces the built-in model."""
    continue_newest: bool = False
    resume: str | None = None
    session: str | None = None
    pick: bool = False
    allow_server_change: bool = False
    """A session may go on at another host than before, unasked."""
    no_save: bool = False
    no_color: bool = False
    quiet: bool = False
    json: bool = False
    dry_run: bool = False
    each_line: bool = False
    parallel: int | None = None
    """Number of lines whose answers stream at the same time; None: one."""
    script: str | None = None
    file: Sequence[str] | None = None
    """Attachments of the first message: paths and web addresses."""
    export: str | None = None
    list_models: bool = False
    list_sessions: bool = False
    list_roles: bool = False
    config: str | None = None
    debug: bool = False
    print_completion: str | None = None

    @property
    def choice(self) -> "SessionChoice":
        """The session that the command line selects."""
        # The library imports the whole core, which must not delay the first prompt.
        from chatrepl.core.sessions.library import SessionChoice

        return SessionChoice(
            newest=self.continue_newest,
            existing=self.resume,
            named=self.session,
            pick=self.pick,
        )


@dataclass(frozen=True, slots=True)
class OptionRow:
    """One option, as completion scripts and the documentation need it."""

    names: Sequence[str]
    help: str
    takes: int
    """Number of values that follow it."""
    metavar: str = ""
    values: Sequence[str] = ()
    is_repeatable: bool = False

    @property
    def wants_file(self) -> bool:
        """True if its value is a path."""
        return self.metavar in ("PATH", "FILE")

    @property
    def is_role(self) -> bool:
        """True if its value is a role."""
        return "--role" in self.names


class _Parser(argparse.ArgumentParser):
    """A parser that raises instead of exiting, so that one place prints every error."""

    def error(self, message: str) -> NoReturn:
        """Raise ``UsageError``."""
        raise UsageError(message, "chatrepl --help lists the options")


def make_parser() -> argparse.ArgumentParser:
    """Build the parser; options cannot be abbreviated."""
    parser = _Parser(
        prog="chatrepl",
        usage="chatrepl [OPTIONS] [PROMPT ...]",
        description="Talk to language models in the terminal. Without PROMPT: a live prompt. "
        "With PROMPT, or with text piped in: one answer on stdout.",
        allow_abbrev=False,
        add_help=False,
    )
    parser.add_argument("prompt", nargs="*", metavar="PROMPT", help=argparse.SUPPRESS)
    _add_server(parser.add_argument_group("who answers"))
    _add_sessions(parser.add_argument_group("sessions"))
    _add_settings(parser.add_argument_group("settings (each is a slash-command too)"))
    _add_display(parser.add_argument_group("display and output"))
    _add_others(parser.add_argument_group("others"))
    return parser


def _add_server(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "-P", "--profile", metavar="NAME", help="a profile of the configuration, or local"
    )
    group.add_argument("--base-url", metavar="URL", help="server to talk to")
    group.add_argument("--local", action="store_true", help="the built-in demo model")
    group.add_argument("--gguf", metavar="PATH", help="a model's GGUF file, run on this machine")
    group.add_argument(
        "-R",
        "--role",
        metavar="NAME",
        help="a saved role; its variables in the same word: 'translator language=French'",
    )
    group.add_argument("--system-file", metavar="PATH", help="system role from a file")


def _add_sessions(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "-c",
        "--continue",
        dest="continue_newest",
        action="store_true",
        help="go on with the newest session",
    )
    group.add_argument("-r", "--resume", metavar="NAME", help="go on with a named session")
    group.add_argument("--pick", action="store_true", help="choose a session from a list")
    group.add_argument(
        "-S", "--session", metavar="NAME", help="open or create the session of that name"
    )
    group.add_argument(
        "--allow-server-change",
        action="store_true",
        help="continue a session even if it would now be sent to another server than before",
    )
    group.add_argument("--no-save", action="store_true", help="keep this run off the disk")
    group.add_argument(
        "--export",
        metavar="FILE",
        help="with -c, -r or -S: write the transcript (.md, .json, .html; - is JSON on stdout)",
    )


def _add_settings(group: argparse._ArgumentGroup) -> None:
    for setting in SETTINGS:
        if not setting.options:
            continue
        help_text = f"{setting.help} ({setting.kind.range})".replace("%", "%%")
        destination = f"setting_{setting.key}"
        if isinstance(setting.kind, Switch):
            # An option without a value cannot swallow the prompt.
            group.add_argument(
                *setting.options,
                dest=destination,
                action="store_const",
                const=setting.kind.words[0],
                help=setting.help,
            )
            continue
        group.add_argument(
            *setting.options,
            dest=destination,
            metavar=setting.kind.placeholder or setting.key.upper(),
            action="append" if isinstance(setting.kind, Words) else "store",
            help=help_text,
        )
    group.add_argument(
        "-o",
        "--option",
        nargs=2,
        action="append",
        metavar=("KEY", "VALUE"),
        help="any further field of the request body",
    )


def _add_display(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--no-stream", action="store_true", help="show answers when complete")
    group.add_argument("--raw", action="store_true", help="no Markdown rendering")
    group.add_argument("--no-color", action="store_true", help="no colours")
    group.add_argument("--vi", action="store_true", help="vi keys")
    group.add_argument("--quiet", action="store_true", help="no notices in one-shot use")
    group.add_argument("--json", action="store_true", help="one-shot: the result as JSON")
    group.add_argument(
        "--dry-run", action="store_true", help="one-shot: print the request, send nothing"
    )
    group.add_argument(
        "-f",
        "--file",
        action="append",
        metavar="PATH",
        help="attach a file, an image or a web page to the (first) message",
    )
    group.add_argument(
        "--each-line",
        action="store_true",
        help="each line of stdin is a message of its own, behind PROMPT; JSON lines out",
    )
    group.add_argument(
        "--parallel", metavar="N", help="with --each-line: so many lines at the same time (1 to 64)"
    )
    group.add_argument(
        "--script",
        metavar="FILE",
        help="run messages and slash-commands from a file, one a line; - is stdin",
    )


def _add_others(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--list-models", action="store_true", help="print the models and exit")
    group.add_argument("--list-sessions", action="store_true", help="print the sessions and exit")
    group.add_argument("--list-roles", action="store_true", help="print the roles and exit")
    group.add_argument("--config", metavar="PATH", help="the configuration file to read")
    group.add_argument(
        "--print-completion", metavar="SHELL", help="print the completion for bash, zsh or fish"
    )
    group.add_argument(
        "--debug", action="store_true", help="write a log of requests, without keys and messages"
    )
    group.add_argument("--version", action="version", version=f"chatrepl {__version__}")
    group.add_argument("-h", "--help", action="help", help="show this and exit")


def parse_options(arguments: Sequence[str]) -> Options:
    """Parse the command line. Raises ``UsageError``; ``--help`` and ``--version`` exit."""
    # What follows "--" is text, however it begins; argparse forgets that between options.
    end = arguments.index("--") if "--" in arguments else len(arguments)
    parsed = make_parser().parse_intermixed_args(list(arguments[:end]))
    parsed.prompt = [*parsed.prompt, *arguments[end + 1 :]]
    if sum(map(bool, (parsed.continue_newest, parsed.resume, parsed.session, parsed.pick))) > 1:
        raise UsageError("-c, -r, -S and --pick each choose a session", "give one of them")
    _check_forms(parsed)
    names = Options.__dataclass_fields__.keys() - {"settings", "schema_file"}
    form = parsed.setting_response_format or ""
    return Options(
        **{name: getattr(parsed, name) for name in names},
        settings=_setting_values(parsed),
        schema_file=form if names_schema_file(form) else None,
    )


def _check_forms(parsed: argparse.Namespace) -> None:
    """Refuse combinations of modes that exclude each other; parse ``--parallel``."""
    if parsed.script and (parsed.prompt or parsed.each_line):
        raise UsageError("--script says all there is to say", "leave out the words and --each-line")
    if parsed.script and parsed.dry_run:
        raise UsageError("--dry-run shows one request", "use /request in the script")
    if parsed.each_line and (parsed.dry_run or parsed.pick):
        raise UsageError("--dry-run and --pick do not go with --each-line")
    if parsed.each_line and (parsed.continue_newest or parsed.resume or parsed.session):
        raise UsageError(
            "with --each-line each line is a conversation of its own", "leave out -c, -r and -S"
        )
    if parsed.parallel is None:
        return
    if not parsed.each_line:
        raise UsageError("--parallel goes with --each-line")
    if not parsed.parallel.isdecimal() or not 1 <= int(parsed.parallel[:9]) <= _MAXIMUM_PARALLEL:
        raise UsageError(f"--parallel: not a whole number from 1 to {_MAXIMUM_PARALLEL}")
    parsed.parallel = int(parsed.parallel)


def _setting_values(parsed: argparse.Namespace) -> dict[str, Json]:
    values: dict[str, Json] = {}
    for setting in SETTINGS:
        text = getattr(parsed, f"setting_{setting.key}", None)
        is_file = isinstance(setting.kind, ResponseFormat) and names_schema_file(text or "")
        if text is not None and not is_file:
            values[setting.key] = _parse_value(setting, setting.options[-1], text)
    for key, text in parsed.option or ():
        values[f"extra.{key}"] = _parse_value(_extra_field(key), f"-o {key}", text)
    if parsed.no_stream:
        values["stream"] = False
    if parsed.raw:
        values["markdown"] = False
    if parsed.vi:
        values["vi"] = True
    return values


def _parse_value(setting: Setting, option: str, text: str | list[str]) -> Json:
    kind: Kind = setting.kind
    try:
        if isinstance(text, list):
            return kind.check(list(text))
        return text if setting.key in ("system", "user") else kind.parse(text)
    except UsageError as error:
        raise UsageError(f"{option}: {error.message}", error.hint) from None


def _extra_field(key: str) -> Setting:
    try:
        return find_setting(f"extra.{key}")
    except UsageError as error:
        raise UsageError(f"-o {key}: {error.message}", error.hint) from None


def option_rows() -> list[OptionRow]:
    """Return all options, in the order of ``--help``."""
    kinds = {f"setting_{setting.key}": setting.kind for setting in SETTINGS}
    rows: list[OptionRow] = []
    for action in make_parser()._actions:
        if not action.option_strings or action.help == argparse.SUPPRESS:
            continue
        metavar = action.metavar[0] if isinstance(action.metavar, tuple) else action.metavar
        kind = kinds.get(action.dest)
        values = kind.values if isinstance(kind, ResponseFormat) else ()
        if isinstance(kind, Choice):
            values = kind.names
        if action.dest == "print_completion":
            values = ("bash", "zsh", "fish")
        takes = action.nargs if isinstance(action.nargs, int) else 1
        rows.append(
            OptionRow(
                tuple(action.option_strings),
                (action.help or "").replace("%%", "%"),
                takes,
                metavar or "",
                values,
                is_repeatable=isinstance(action, argparse._AppendAction),
            )
        )
    return rows
