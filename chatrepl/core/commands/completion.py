"""Tab completion: names of commands, their values, and paths after ``@``."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from chatrepl.core.commands.command import Value, find_command
from chatrepl.core.commands.table import COMMANDS
from chatrepl.core.errors import UsageError
from chatrepl.core.session import Session

_MENTION = re.compile(r"(?<!\S)@(?:\"(?P<quoted>[^\"\n]*)|(?P<word>[^\s\"]*))$")


@dataclass(frozen=True, slots=True)
class Suggestion:
    """Item of the completion menu."""

    text: str
    """Replacement of the word before the cursor."""
    start: int
    """Beginning of that word, as a negative offset from the cursor."""
    description: str = ""


def complete(session: Session, before: str) -> Sequence[Suggestion]:
    """Return the completions for the text before the cursor, without asking any server."""
    if mention := _MENTION.search(before):
        return _paths(session, mention["quoted"], mention["word"])
    if not before.startswith("/") or before.startswith("//") or "\n" in before:
        return ()
    name, blank, rest = before[1:].partition(" ")
    if not blank:
        return _names(name)
    try:
        command = find_command(name, COMMANDS)
    except UsageError:
        return ()
    is_further = " " in rest.lstrip()
    if command.complete is None or (is_further and command.completes == "first word"):
        return ()
    is_phrase = command.completes == "phrase"
    word = rest if is_phrase else rest.rpartition(" ")[2]
    return [
        Suggestion(value.text, -len(word), value.description)
        for value in command.complete(session, rest)
        if _matches(value, word, anywhere=is_phrase)
    ]


def _paths(session: Session, quoted: str | None, word: str | None) -> list[Suggestion]:
    begun = (word if quoted is None else quoted) or ""
    length = len(begun) + (1 if quoted is None else 2)
    return [
        Suggestion(f'@"{path}"' if quoted is not None or " " in path else f"@{path}", -length)
        for path in session.ports.files.matching(begun)
    ]


def _matches(value: Value, typed: str, *, anywhere: bool) -> bool:
    """Return whether a value begins with a text, or, anywhere in it, has all of its words."""
    if not anywhere:
        return value.text.lower().startswith(typed.lower())
    text = f"{value.text} {value.description}".lower()
    return all(word in text for word in typed.lower().split())


def _names(begun: str) -> list[Suggestion]:
    """Return the names that begin so; the aliases only if there is no such name."""
    wanted = begun.lower().replace("-", "_")
    start = -len(begun) - 1
    found = [
        Suggestion("/" + command.name, start, command.summary)
        for command in COMMANDS
        if command.name.startswith(wanted)
    ]
    return found or [
        Suggestion("/" + alias, start, command.summary)
        for command in COMMANDS
        for alias in command.aliases
        if alias.startswith(wanted)
    ]
