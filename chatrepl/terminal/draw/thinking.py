"""Separation of a model's reasoning from its answer where both come as one text.

Some servers leave the reasoning in the answer, between ``<think>`` and ``</think>`` at its very
beginning. Only there is it taken as reasoning: a ``<think>`` further on is part of the answer.
"""

from collections.abc import Iterator
from typing import Literal

Part = Literal["reasoning", "text"]

_State = Literal["start", "opened", "thinking", "closed", "answer"]

_OPEN = "<think>"
_CLOSE = "</think>"


class ThinkSplitter:
    """Splitter of a streamed answer into reasoning and text; any cut gives the same parts."""

    __slots__ = ("_held", "_state")

    def __init__(self) -> None:
        self._held = ""
        self._state: _State = "start"

    def feed(self, text: str) -> list[tuple[Part, str]]:
        """Return the parts that are certain so far, in order, none of them empty.

        White space before ``<think>`` and line ends right after either tag belong to neither part.
        Only white space at the beginning and a possible beginning of a tag are held back.
        """
        self._held += text
        return [part for part in self._parts() if part[1]]

    def finish(self) -> list[tuple[Part, str]]:
        """Return what was held back, and reset; reasoning need not have been closed."""
        held, state = self._held, self._state
        self._held, self._state = "", "start"
        return [("reasoning" if state == "thinking" else "text", held)] if held else []

    def _parts(self) -> Iterator[tuple[Part, str]]:
        if self._state == "start":
            self._begin()
        if self._state == "opened":
            self._skip_line_ends("thinking")
        if self._state == "thinking":
            thinking, tag, rest = self._held.partition(_CLOSE)
            certain = len(thinking) if tag else len(thinking) - _overlap(thinking, _CLOSE)
            yield "reasoning", thinking[:certain]
            self._held = rest if tag else thinking[certain:]
            self._state = "closed" if tag else "thinking"
        if self._state == "closed":
            self._skip_line_ends("answer")
        if self._state == "answer":
            held, self._held = self._held, ""
            yield "text", held

    def _begin(self) -> None:
        start = self._held.lstrip()
        if start.startswith(_OPEN):
            self._held, self._state = start[len(_OPEN) :], "opened"
        elif not _OPEN.startswith(start):
            self._state = "answer"

    def _skip_line_ends(self, then: _State) -> None:
        self._held = self._held.lstrip("\r\n")
        if self._held:
            self._state = then


def _overlap(text: str, tag: str) -> int:
    """Return the length of the longest end of ``text`` that may be the beginning of ``tag``."""
    lengths = range(min(len(tag) - 1, len(text)), 0, -1)
    return next((length for length in lengths if tag.startswith(text[-length:])), 0)
