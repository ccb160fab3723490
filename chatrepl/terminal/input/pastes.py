"""Pastes too large to draw: a short text stands for each in the input line."""

__all__ = ["BigPastes"]

BIG_PASTE_CHARS = 65536


class BigPastes:
    """Keeps large pastes aside, and puts them back where their text stands."""

    def __init__(self) -> None:
        self._kept: dict[str, str] = {}

    def shorten(self, text: str) -> str:
        """Return what to insert for a paste: itself, or a text that stands for it."""
        if len(text) < BIG_PASTE_CHARS:
            return text
        size = _size(len(text.encode("utf-8", "surrogatepass")))
        lines = text.count("\n") + 1
        name = f"[pasted {size}, {lines} line{'' if lines == 1 else 's'}]"
        number = 2
        plain = name
        while self._kept.get(name, text) != text:
            name = f"{plain[:-1]}, no. {number}]"
            number += 1
        self._kept[name] = text
        return name

    def expand(self, text: str) -> str:
        """Put the pastes back that a text mentions."""
        if "[pasted " in text:
            for name, body in self._kept.items():
                text = text.replace(name, body)
        return text


def _size(count: int) -> str:
    return f"{count / 1e6:.1f} MB" if count >= 1e6 else f"{count / 1e3:.0f} KB"
