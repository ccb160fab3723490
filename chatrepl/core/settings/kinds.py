"""The plain kinds of values: texts, numbers, names, switches, lists of texts.

See ``chatrepl.core.settings.kinds`` for what each must offer.
"""

import json
import re
from dataclasses import dataclass
from datetime import datetime

from chatrepl.core.errors import UsageError
from chatrepl.core.json_value import Json, check_json
from chatrepl.core.messages import Message
from chatrepl.core.settings.logit_bias import check_bias_key, parse_biases, show_biases
from chatrepl.core.settings.response_format import check_format
from chatrepl.core.text.quoting import WORD, split_words, unescape

__all__ = [
    "EXAMPLE_FIELD",
    "AnyJson",
    "Bias",
    "Choice",
    "Examples",
    "Integer",
    "Kind",
    "Number",
    "ResponseFormat",
    "Switch",
    "Text",
    "Words",
    "example_message",
    "examples_in",
    "shown",
]

_TOO_LARGE = 2**63
_RESET = "default"
"""The word that unsets: where it is a value too, that one stands in quotes."""

_ROLES = ("user", "assistant")
EXAMPLE_FIELD = "example"
"""Key of ``Message.extra`` that marks an example message."""


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
            raise UsageError(f"{shown(value)} is not text", "put it in quotes")
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
        match = re.fullmatch(r"([+-]?[0-9]{1,400})(k?)", plain, flags=re.IGNORECASE)
        if match is None:
            raise UsageError(f"{shown(text)} is not {self.range}")
        return self.check(int(match[1]) * (1000 if match[2] else 1))

    def check(self, value: Json) -> Json:
        """Accept an int within the bounds."""
        if isinstance(value, bool) or not isinstance(value, int) or not _within(self, value):
            raise UsageError(f"{shown(value)} is not {self.range}")
        if not -_TOO_LARGE <= value < _TOO_LARGE:
            raise UsageError(f"{shown(value)} has more than the 64 bits of a whole number")
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
        """Read a number written with a point, or with a comma that cannot mean thousands."""
        if re.fullmatch(r"[+-]?\d{1,3}(,\d{3})+(\.\d*)?", text.strip()):
            raise UsageError(f"{shown(text)} may mean two numbers", "write it without a comma")
        plain = text.strip().replace(",", ".")
        if re.fullmatch(r"[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d{1,3})?", plain, re.IGNORECASE) is None:
            raise UsageError(f"{shown(text)} is not {self.range}")
        number = float(plain)
        return self.check(
            int(number)
            if number.is_integer() and "." not in plain and "e" not in plain.lower()
            else number
        )

    def check(self, value: Json) -> Json:
        """Accept a finite number within the bounds."""
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise UsageError(f"{shown(value)} is not {self.range}")
        # A whole number may be longer than any decimal one; of no number, nothing is within bounds.
        if not _within(self, value):
            raise UsageError(f"{shown(value)} is not {self.range}")
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
        listed = ", ".join(self.values)
        return f"{listed}, or a name the server knows" if self.open else f"one of {listed}"

    @property
    def values(self) -> tuple[str, ...]:
        """List values worth completing."""
        return tuple(map(self.show, self.names))

    def parse(self, text: str) -> Json:
        """Read one of the names, in quotes or without."""
        return self.check(Text().parse(text))

    def check(self, value: Json) -> Json:
        """Accept one of the names, or another single word where ``open``."""
        if isinstance(value, str) and value.lower() in self.names:
            return value.lower()
        if self.open and isinstance(value, str) and re.fullmatch(r"[\w.-]+", value):
            return value
        raise UsageError(f"{shown(value)} is not {self.range}")

    def show(self, value: Json) -> str:
        """Write a value as a person would type it."""
        return f'"{value}"' if value == _RESET else str(value)


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
        raise UsageError(f"{shown(text)} is not {self.range}")

    def check(self, value: Json) -> Json:
        """Accept a boolean or the setting's own words."""
        if isinstance(value, str) and value in self.words:
            return value == self.words[0]
        if not isinstance(value, bool):
            raise UsageError(f"{shown(value)} is not true or false")
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
            raise UsageError(f"{shown(value)} is not {self.range}")
        if not all(isinstance(text, str) and text for text in texts):
            raise UsageError(f"{shown(value)} is not {self.range}", "a text cannot be empty")
        return texts

    def show(self, value: Json) -> str:
        """Write a value as a person would type it."""
        texts = value if isinstance(value, list) else [value]
        return " ".join(json.dumps(text, ensure_ascii=False) for text in texts)


def _within(kind: Integer | Number, value: float) -> bool:
    return (kind.low is None or value >= kind.low) and (kind.high is None or value <= kind.high)


def _bounds(low: float | None, high: float | None) -> str:
    if low is not None and high is not None:
        return f" between {_plain(low)} and {_plain(high)}"
    return "" if low is None else f" of at least {_plain(low)}"


def _plain(bound: float) -> str:
    return f"{int(bound):,}" if bound == int(bound) else f"{bound:g}"


def shown(value: Json) -> str:
    """Quote a value for an error, shortened."""
    written = value.strip() if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    short = written if len(written) <= 60 else written[:57] + "…"
    return f"“{short}”"


@dataclass(frozen=True, slots=True)
class Bias:
    """Token biases by text or token id, -100 to 100; a key that is all digits is an id."""

    placeholder: str = "TEXT=NUMBER"

    @property
    def range(self) -> str:
        """Describe the allowed values."""
        return "TEXT=NUMBER or #ID=NUMBER words, each number between -100 and 100"

    @property
    def values(self) -> tuple[str, ...]:
        """List values worth completing."""
        return ()

    def parse(self, text: str) -> Json:
        """Read ``TEXT=NUMBER`` and ``#ID=NUMBER`` words; quotes where a text holds blanks."""
        found = parse_biases(text)
        if not found:
            raise UsageError(f"{shown(text)} is not {self.range}", '" word"=-5 has a blank before')
        return self.check({key: Number(-100, 100).parse(bias) for key, bias in found.items()})

    def check(self, value: Json) -> Json:
        """Accept an object of texts or token ids to numbers."""
        if not isinstance(value, dict) or not value:
            raise UsageError(f"{shown(value)} is not {self.range}")
        for key, bias in value.items():
            check_bias_key(key)
            Number(-100, 100).check(bias)
        return value

    def show(self, value: Json) -> str:
        """Write a value as a person would type it."""
        return show_biases(value) if isinstance(value, dict) else ""


@dataclass(frozen=True, slots=True)
class ResponseFormat:
    """The form of an answer: ``text``, ``json_object``, or the API's own object in JSON."""

    placeholder: str = "text|json_object|FILE.json|JSON"

    @property
    def range(self) -> str:
        """Describe the allowed values."""
        return "text, json_object, a JSON schema's file (.json), or the API's own JSON object"

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
            raise UsageError(f"{shown(text)} is not {self.range}") from None
        return self.check(value)

    def check(self, value: Json) -> Json:
        """Accept a name or an object with a ``type``."""
        if isinstance(value, str) and value in self.values:
            return {"type": value}
        if not isinstance(value, dict) or not isinstance(value.get("type"), str):
            raise UsageError(f"{shown(value)} is not {self.range}")
        check_format(value)
        return check_json(value)

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
        """Read JSON, or take the text as it is; what begins like JSON must be some."""
        try:
            value: Json = json.loads(text)
        except (ValueError, RecursionError) as error:
            if text.lstrip()[:1] not in ("{", "[", '"'):
                return text.strip()
            raise UsageError(
                f"{shown(text)} begins like JSON and is none: {error}",
                r"a text that begins so goes in quotes, with \" for a quote in it",
            ) from None
        return self.check(value)

    def check(self, value: Json) -> Json:
        """Accept what JSON can hold."""
        return check_json(value)

    def show(self, value: Json) -> str:
        """Write a value as a person would type it."""
        return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class Examples:
    """Example messages in the API's form: objects with role and content."""

    placeholder: str = "MESSAGES"

    @property
    def range(self) -> str:
        """Describe the allowed values."""
        return "a list of messages, each with role (user or assistant) and content"

    @property
    def values(self) -> tuple[str, ...]:
        """List values worth completing."""
        return ()

    def parse(self, text: str) -> Json:
        """Refuse: a line is no place for them."""
        raise UsageError(f"{shown(text)} is not {self.range}", "a role has them: /role NAME")

    def check(self, value: Json) -> Json:
        """Accept a list of messages."""
        if not isinstance(value, list) or len(examples_in(value)) != len(value):
            raise UsageError(f"{shown(value)} is not {self.range}")
        return value

    def show(self, value: Json) -> str:
        """Say how many there are."""
        count = len(examples_in(value))
        return "1 message" if count == 1 else f"{count} messages"


def example_message(role: str, content: str, now: datetime) -> Message:
    """Make a message that opens the conversation and is no part of it."""
    return Message("", None, role, content, now, extra={EXAMPLE_FIELD: True})


def examples_in(value: Json) -> list[tuple[str, str]]:
    """Return the role and text of each well-formed message."""
    found: list[tuple[str, str]] = []
    for message in value if isinstance(value, list) else ():
        if isinstance(message, dict):
            role, content = message.get("role"), message.get("content")
            if isinstance(role, str) and role in _ROLES and isinstance(content, str):
                found.append((role, content))
    return found


Kind = (
    Examples | AnyJson | Text | Integer | Number | Choice | Switch | Words | Bias | ResponseFormat
)
