"""What Tab offers: names of commands, and their values. Pure; asks nobody."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from chatrepl.core.commands.command import Value, find_command
from chatrepl.core.commands.table import COMMANDS
from chatrepl.core.errors import UsageError
from chatrepl.core.session import Session

__all__ = ["Suggestion", "complete"]

_MENTION = re.compile(r"(?<!\S)@(?:\"(?P<quoted>[^\"\n]*)|(?P<word>[^\s\"]*))$")


@dataclass(frozen=True, slots=True)
class Suggestion:
    """One item of the menu."""

    text: str
    """What is put in place of the word before the cursor."""
    start: int
    """Where that word begins, as a negative offset from the cursor."""
    description: str = ""


def complete(session: Session, before: str) -> Sequence[Suggestion]:
    """Offer completions for the text before the cursor: in a command, and for ``@path``."""
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
    if command.complete is None:
        return ()
    word = rest.rpartition(" ")[2] if not command.takes_phrase else rest
    return [
        Suggestion(value.text, -len(word), value.description)
        for value in command.complete(session, rest)
        if _matches(value, word, anywhere=command.takes_phrase)
    ]


def _paths(session: Session, quoted: str | None, word: str | None) -> list[Suggestion]:
    begun = (word if quoted is None else quoted) or ""
    length = len(begun) + (1 if quoted is None else 2)
    return [
        Suggestion(f'@"{path}"' if quoted is not None or " " in path else f"@{path}", -length)
        for path in session.ports.files.matching(begun)
    ]


def _matches(value: Value, typed: str, *, anywhere: bool) -> bool:
    """Compare a value with what was typed: its beginning, or all words anywhere in it."""
    if not anywhere:
        return value.text.lower().startswith(typed.lower())
    text = f"{value.text} {value.description}".lower()
    return all(word in text for word in typed.lower().split())


def _names(begun: str) -> list[Suggestion]:
    wanted = begun.lower().replace("-", "_")
    found = [
        Suggestion("/" + command.name, -len(begun) - 1, command.summary)
        for command in COMMANDS
        if command.name.startswith(wanted)
    ]
    if found or not wanted:
        return found
    return [
        Suggestion("/" + alias, -len(begun) - 1, command.summary)
        for command in COMMANDS
        for alias in command.aliases
        if alias.startswith(wanted)
    ]
