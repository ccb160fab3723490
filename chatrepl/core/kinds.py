"""The kinds of values a setting can have: how each is read, checked, described and shown.

``parse`` reads what a person typed after a command or gave to an option; ``check`` takes what a
configuration or a session file holds. Both raise ``UsageError`` that names the allowed values.
"""

import json
import math
import re
from dataclasses import dataclass

from chatrepl.core.errors import UsageError
from chatrepl.core.messages import Json
from chatrepl.core.words import WORD, split_words, unescape

__all__ = [
    "AnyJson",
    "Bias",
    "Choice",
    "Format",
    "Integer",
    "Kind",
    "Number",
    "Switch",
    "Text",
    "Words",
]


@dataclass(frozen=True, slots=True)
class Text:
    """Free text; in double quotes it may hold escapes."""

    placeholder: str = "TEXT"

    @property
    def range(self) -> str:
        """Describe the allowed values."""
        return "any text"

    @property
    def values(self) -> tuple[str, ...]:
        """List values worth completing."""
        return ()

    def parse(self, text: str) -> Json:
        """Take the text as it stands, or unescaped where it is one quoted word."""
        stripped = text.strip()
        whole = WORD.fullmatch(stripped)
        return unescape(whole[1]) if whole and whole[1] is not None else stripped

    def check(self, value: Json) -> Json:
        """Accept a string."""
        if not isinstance(value, str):
            raise UsageError(f"{_show(value)} is not text", "put it in quotes")
        return value

    def show(self, value: Json) -> str:
        """Write a value as a person would type it."""
        return str(value)


@dataclass(frozen=True, slots=True)
class Integer:
    """A whole number between two bounds (inclusive; ``None``: no bound)."""

    low: int | None = None
    high: int | None = None
    placeholder: str = "INTEGER"

    @property
    def range(self) -> str:
        """Describe the allowed values."""
        return f"a whole number{_bounds(self.low, self.high)}"

    @property
    def values(self) -> tuple[str, ...]:
        """List values worth completing."""
        return ()

    def parse(self, text: str) -> Json:
        """Read a whole number; ``_`` and ``,`` may group digits, ``k`` means thousand."""
        plain = text.strip().replace("_", "").replace(",", "")
        match = re.fullmatch(r"([+-]?[0-9]{1,18})(k?)", plain, flags=re.IGNORECASE)
        if match is None:
            raise UsageError(f"{_show(text)} is not {self.range}")
        return self.check(int(match[1]) * (1000 if match[2] else 1))

    def check(self, value: Json) -> Json:
        """Accept an int within the bounds."""
        if isinstance(value, bool) or not isinstance(value, int) or not _within(self, value):
            raise UsageError(f"{_show(value)} is not {self.range}")
        return value

    def show(self, value: Json) -> str:
        """Write a value as a person would type it."""
        return str(value)


@dataclass(frozen=True, slots=True)
class Number:
    """A decimal number between two bounds (inclusive)."""

    low: float
    high: float
    placeholder: str = "NUMBER"

    @property
    def range(self) -> str:
        """Describe the allowed values."""
        return f"a number{_bounds(self.low, self.high)}"

    @property
    def values(self) -> tuple[str, ...]:
        """List values worth completing."""
        return ()

    def parse(self, text: str) -> Json:
        """Read a number written with a point (or a lone decimal comma)."""
        plain = text.strip().replace(",", ".")
        if re.fullmatch(r"[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d{1,3})?", plain, re.IGNORECASE) is None:
            raise UsageError(f"{_show(text)} is not {self.range}")
        number = float(plain)
        return self.check(
            int(number)
            if number.is_integer() and "." not in plain and "e" not in plain.lower()
            else number
        )

    def check(self, value: Json) -> Json:
        """Accept a finite number within the bounds."""
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise UsageError(f"{_show(value)} is not {self.range}")
        if not math.isfinite(value) or not _within(self, value):
            raise UsageError(f"{_show(value)} is not {self.range}")
        return value

    def show(self, value: Json) -> str:
        """Write a value as a person would type it."""
        return str(value)


@dataclass(frozen=True, slots=True)
class Choice:
    """One of a few names; ``open`` accepts others too (servers may know more)."""

    names: tuple[str, ...]
    open: bool = False
    placeholder: str = "NAME"

    @property
    def range(self) -> str:
        """Describe the allowed values."""
        listed = ", ".join(self.names)
        return f"{listed}, or a name the server knows" if self.open else f"one of {listed}"

    @property
    def values(self) -> tuple[str, ...]:
        """List values worth completing."""
        return self.names

    def parse(self, text: str) -> Json:
        """Read one of the names."""
        return self.check(text.strip())

    def check(self, value: Json) -> Json:
        """Accept one of the names, or another single word where ``open``."""
        if isinstance(value, str) and value.lower() in self.names:
            return value.lower()
        if self.open and isinstance(value, str) and re.fullmatch(r"[\w.-]+", value):
            return value
        raise UsageError(f"{_show(value)} is not {self.range}")

    def show(self, value: Json) -> str:
        """Write a value as a person would type it."""
        return str(value)


@dataclass(frozen=True, slots=True)
class Switch:
    """On or off; ``words`` names the two states, on first."""

    words: tuple[str, str] = ("on", "off")
    placeholder: str = ""

    @property
    def range(self) -> str:
        """Describe the allowed values."""
        return " or ".join(self.words)

    @property
    def values(self) -> tuple[str, ...]:
        """List values worth completing."""
        return self.words

    def parse(self, text: str) -> Json:
        """Read on or off, in the setting's own words or the usual ones."""
        word = text.strip().lower()
        if word in (self.words[0], "on", "true", "yes", "1"):
            return True
        if word in (self.words[1], "off", "false", "no", "0"):
            return False
        raise UsageError(f"{_show(text)} is not {self.range}")

    def check(self, value: Json) -> Json:
        """Accept a boolean or the setting's own words."""
        if isinstance(value, str) and value in self.words:
            return value == self.words[0]
        if not isinstance(value, bool):
            raise UsageError(f"{_show(value)} is not true or false")
        return value

    def show(self, value: Json) -> str:
        """Write a value as a person would type it."""
        return self.words[0] if value else self.words[1]


@dataclass(frozen=True, slots=True)
class Words:
    r"""Up to ``most`` texts; typed as separate words, quoted where they hold blanks or ``\n``."""

    most: int
    placeholder: str = "TEXT"

    @property
    def range(self) -> str:
        """Describe the allowed values."""
        return f"1 to {self.most} texts"

    @property
    def values(self) -> tuple[str, ...]:
        """List values worth completing."""
        return ('"\\n"', '"\\n\\n"')

    def parse(self, text: str) -> Json:
        """Read separate words."""
        return self.check(list(split_words(text)))

    def check(self, value: Json) -> Json:
        """Accept one text or a list of them, none of them empty."""
        texts: Json = [value] if isinstance(value, str) else value
        if not isinstance(texts, list) or not 1 <= len(texts) <= self.most:
            raise UsageError(f"{_show(value)} is not {self.range}")
        if not all(isinstance(text, str) and text for text in texts):
            raise UsageError(f"{_show(value)} is not {self.range}", "a text cannot be empty")
        return texts

    def show(self, value: Json) -> str:
        """Write a value as a person would type it."""
        texts = value if isinstance(value, list) else [value]
        return " ".join(json.dumps(text, ensure_ascii=False) for text in texts)


@dataclass(frozen=True, slots=True)
class Bias:
    """Token biases: ``#ID=NUMBER`` words, -100 to 100; kept as the API's id → number object."""

    placeholder: str = "#ID=NUMBER"

    @property
    def range(self) -> str:
        """Describe the allowed values."""
        return "#ID=NUMBER words, each number between -100 and 100"

    @property
    def values(self) -> tuple[str, ...]:
        """List values worth completing."""
        return ()

    def parse(self, text: str) -> Json:
        """Read ``#ID=NUMBER`` words."""
        biases: dict[str, Json] = {}
        for word in split_words(text):
            match = re.fullmatch(r"#(\d{1,7})=(\S+)", word)
            if match is None:
                raise UsageError(f"{_show(word)} is not {self.range}")
            biases[match[1]] = Number(-100, 100).parse(match[2])
        return self.check(biases)

    def check(self, value: Json) -> Json:
        """Accept an object of token ids to numbers."""
        if not isinstance(value, dict) or not value:
            raise UsageError(f"{_show(value)} is not {self.range}")
        for key, bias in value.items():
            if not key.isdecimal():
                raise UsageError(f"{_show(key)} is not a token id", self.range)
            Number(-100, 100).check(bias)
        return value

    def show(self, value: Json) -> str:
        """Write a value as a person would type it."""
        pairs = value.items() if isinstance(value, dict) else ()
        return " ".join(f"#{key}={bias}" for key, bias in pairs)


@dataclass(frozen=True, slots=True)
class Format:
    """The form of an answer: ``text``, ``json_object``, or the API's own object in JSON."""

    placeholder: str = "text|json_object|JSON"

    @property
    def range(self) -> str:
        """Describe the allowed values."""
        return "text, json_object, or a JSON object as the API takes it"

    @property
    def values(self) -> tuple[str, ...]:
        """List values worth completing."""
        return ("text", "json_object")

    def parse(self, text: str) -> Json:
        """Read a name or a JSON object."""
        word = text.strip()
        if word in self.values:
            return {"type": word}
        try:
            value: Json = json.loads(word)
        except (ValueError, RecursionError):
            raise UsageError(f"{_show(text)} is not {self.range}") from None
        return self.check(value)

    def check(self, value: Json) -> Json:
        """Accept a name or an object with a ``type``."""
        if isinstance(value, str) and value in self.values:
            return {"type": value}
        if not isinstance(value, dict) or not isinstance(value.get("type"), str):
            raise UsageError(f"{_show(value)} is not {self.range}")
        return value

    def show(self, value: Json) -> str:
        """Write a value as a person would type it."""
        if isinstance(value, dict) and list(value) == ["type"]:
            return str(value["type"])
        return json.dumps(value, ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class AnyJson:
    """A value of a server's own field: JSON where it reads as JSON, else text."""

    placeholder: str = "VALUE"

    @property
    def range(self) -> str:
        """Describe the allowed values."""
        return "a JSON value or text"

    @property
    def values(self) -> tuple[str, ...]:
        """List values worth completing."""
        return ()

    def parse(self, text: str) -> Json:
        """Read JSON, or take the text as it is."""
        try:
            value: Json = json.loads(text)
        except (ValueError, RecursionError):
            return text.strip()
        return value

    def check(self, value: Json) -> Json:
        """Accept anything."""
        return value

    def show(self, value: Json) -> str:
        """Write a value as a person would type it."""
        return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


Kind = AnyJson | Text | Integer | Number | Choice | Switch | Words | Bias | Format


def _within(kind: Integer | Number, value: float) -> bool:
    return (kind.low is None or value >= kind.low) and (kind.high is None or value <= kind.high)


def _bounds(low: float | None, high: float | None) -> str:
    if low is not None and high is not None:
        return f" between {low:g} and {high:g}"
    return "" if low is None else f" of at least {low:g}"


def _show(value: Json) -> str:
    written = value.strip() if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    short = written if len(written) <= 60 else written[:57] + "…"
    return f"“{short}”"
