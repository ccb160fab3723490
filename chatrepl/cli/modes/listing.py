"""Listing mode: print sessions, models, roles or a transcript, and exit."""

import sys
from pathlib import PurePath
from typing import TYPE_CHECKING

from chatrepl.cli.process import print_line, printable_json, stdout_encoding
from chatrepl.cli.program import Program
from chatrepl.core.commands.handlers import roles
from chatrepl.core.commands.handlers.sessions import choose_at_start, transcript_text
from chatrepl.core.errors import UsageError
from chatrepl.core.sessions import library
from chatrepl.core.settings.roles import variables_of
from chatrepl.core.text.terminal_safe import escape_json, safe_line

if TYPE_CHECKING:
    from chatrepl.core.json_value import Json


async def list_sessions(program: Program) -> int:
    """Print the saved sessions, newest first, one on each line or as JSON; return 0."""
    listed = await program.session.ports.store.sessions()
    if program.options.json:
        rows: list[Json] = [
            {
                "id": summary.id,
                "name": summary.name,
                "title": summary.title,
                "updated": summary.updated.isoformat().replace("+00:00", "Z"),
                "model": summary.model,
                "messages": summary.message_count,
                "first_words": summary.first_words,
            }
            for summary in listed
        ]
        return _print_json(rows)
    for summary in listed:
        updated = summary.updated.strftime("%Y-%m-%d %H:%M")
        name = summary.name or summary.id[:8]
        words = safe_line(summary.title or summary.first_words)
        print_line(f"{safe_line(name):20}  {updated}  {summary.message_count:5}  {words}")
    if not listed and sys.stdout.isatty():
        print_line("no session is saved yet", to_stderr=True)
    return 0


async def list_models(program: Program) -> int:
    """Print the server's models, one on each line or as JSON; return 0."""
    session = program.session
    async for _ in session.servers.prepare_local():
        pass
    models = await session.servers.list_models()
    if program.options.json:
        rows: list[Json] = [
            {
                "id": info.id,
                "owned_by": info.owned_by,
                "context_window": info.context_window
                or session.ports.catalog.context_window(info.id),
            }
            for info in models
        ]
        return _print_json(rows)
    for info in models:
        print_line(safe_line(info.id))
    return 0


async def list_roles(program: Program) -> int:
    """Print the roles, one on each line or as JSON; return 0."""
    listed = await roles.read_roles(program.session)
    if program.options.json:
        rows: list[Json] = [
            {
                "name": role.name,
                "description": role.description,
                "variables": {**variables_of(role)},
                "model": role.settings.get("model"),
            }
            for role, _ in listed
        ]
        return _print_json(rows)
    for role, variables in listed:
        words = role.description or variables
        print_line(safe_line(f"{role.name:20}  {words}").rstrip())
    return 0


async def export(program: Program, path: str) -> int:
    """Write the selected session's transcript to a path, or JSON to stdout for ``-``; return 0.

    Raises ``UsageError``.
    """
    options = program.options
    if not (options.continue_newest or options.resume or options.session):
        raise UsageError("--export wants a session", "add -c, -r NAME or -S NAME")
    suffix = ".json" if path == "-" else PurePath(path).suffix.lower()
    if suffix not in (".md", ".json", ".html"):
        raise UsageError(f"--export does not know the suffix of {path}", ".md, .json or .html")
    session = program.session
    async for _ in choose_at_start(session, program.options.choice, only_reads=True):
        pass
    if not len(library.transcript_of(session).messages):
        raise UsageError("this session has no messages")
    text = await transcript_text(session, suffix)
    if path == "-":
        print_line(escape_json(text.rstrip("\n"), stdout_encoding()))
    else:
        written_path = await session.ports.files.write(path, text)
        print_line(f"chatrepl: wrote {written_path}", to_stderr=True)
    return 0


def _print_json(rows: "list[Json]") -> int:
    print_line(printable_json(rows, indent=2))
    return 0
