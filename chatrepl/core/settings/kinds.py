"""Kinds of setting values: how each is typed, checked, shown and completed."""

import json
import re
from abc import ABC, abstractmethod
from dataclasses import dataclass
from datetime import datetime

from chatrepl.core.errors import UsageError
from chatrepl.core.json_value import Json, check_json
from chatrepl.core.messages import Message
from chatrepl.core.settings.logit_bias import check_bias_key, parse_biases, show_biases
from chatrepl.core.settings.response_format import check_format
from chatrepl.core.text.quoting import WORD, split_words, unescape

_TOO_LARGE = 2**63
_SHOWN_CHARS = 60
_RESET = "default"
"""The word that unsets a setting; quoted where it is a value itself."""

_ROLES = ("user", "assistant")
EXAMPLE_FIELD = "example"
"""Key of ``Message.extra`` that marks an example message."""


class Kind(ABC):
    """Base class of the kinds; by default a value is any text that ``check`` accepts."""

    __slots__ = ()

    @property
    def placeholder(self) -> str:
        """The value's name in usages; empty: the usage lists ``values``."""
        return ""

    @property
    @abstractmethod
    def range(self) -> str:
        """The allowed values in words."""

    @property
    def values(self) -> tuple[str, ...]:
        """Values that completion offers, as they are typed."""
        return ()

    def parse(self, text: str) -> Json:
        """Read a value as it is typed. Raises ``UsageError``."""
        return self.check(unquoted(text))

    @abstractmethod
    def check(self, value: Json) -> Json:
        """Return a value from a file or a session in its normal form. Raises ``UsageError``."""

    def show(self, value: Json) -> str:
        """Write a value as it is typed."""
        return str(value)

    def refusal(self, value: Json, hint: str = "") -> UsageError:
        """Make the error for a value out of range."""
        return UsageError(f"{_quoted(value)} is not {self.range}", hint)


def unquoted(text: str) -> str:
    """Return a text without blanks around it; unescaped, if it is one word in double quotes."""
    stripped = text.strip()
    whole = WORD.fullmatch(stripped)
    return unescape(whole[1]) if whole and whole[1] is not None else stripped


def _quoted(value: Json) -> str:
    """Quote a value for an error, shortened."""
    written = value.strip() if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    short = written if len(written) <= _SHOWN_CHARS else written[: _SHOWN_CHARS - 3] + "…"
    return f"“{short}”"


@dataclass(frozen=True, slots=True)
class Text(Kind):
    """Free text; in double quotes it may hold escapes."""

    placeholder: str = "TEXT"
    range = "any text"

    def check(self, value: Json) -> Json:
        """Accept a string."""
        if not isinstance(value, str):
            raise UsageError(f"{_quoted(value)} is not text", "put it in quotes")
        return value


@dataclass(frozen=True, slots=True)
class Integer(Kind):
    """Whole number between two bounds (inclusive; ``None``: no bound)."""

    low: int | None = None
    high: int | None = None
    placeholder = "INTEGER"

    @property
    def range(self) -> str:
        """The allowed values in words."""
        return f"a whole number{_bounds(self.low, self.high)}"

    def parse(self, text: str) -> Json:
        """Read a whole number; ``_`` and ``,`` may group digits, ``k`` means thousand."""
        plain = text.strip().replace("_", "").replace(",", "")
        match = re.fullmatch(r"([+-]?[0-9]{1,400})(k?)", plain, flags=re.IGNORECASE)
        if match is None:
            raise self.refusal(text)
        return self.check(int(match[1]) * (1000 if match[2] else 1))

    def check(self, value: Json) -> Json:
        """Accept an int within the bounds."""
        if isinstance(value, bool) or not isinstance(value, int) or not _is_within(self, value):
            raise self.refusal(value)
        if not -_TOO_LARGE <= value < _TOO_LARGE:
            raise UsageError(f"{_quoted(value)} has more than the 64 bits of a whole number")
        return value


@dataclass(frozen=True, slots=True)
class Number(Kind):
    """Decimal number between two bounds (inclusive)."""

    low: float
    high: float
    placeholder: str = "NUMBER"

    @property
    def range(self) -> str:
        """The allowed values in words."""
        return f"a number{_bounds(self.low, self.high)}"

    def parse(self, text: str) -> Json:
        """Read a number written with a point, or with a comma that cannot mean thousands."""
        if re.fullmatch(r"[+-]?\d{1,3}(,\d{3})+(\.\d*)?", text.strip()):
            raise UsageError(f"{_quoted(text)} may mean two numbers", "write it without a comma")
        plain = text.strip().replace(",", ".")
        if re.fullmatch(r"[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d{1,3})?", plain, re.IGNORECASE) is None:
            raise self.refusal(text)
        number = float(plain)
        is_whole = number.is_integer() and "." not in plain and "e" not in plain.lower()
        return self.check(int(number) if is_whole else number)

    def check(self, value: Json) -> Json:
        """Accept a finite number within the bounds."""
        # An int may be too long for a float, so it is compared as it is; NaN is within no bounds.
        if (
            isinstance(value, bool)
            or not isinstance(value, int | float)
            or not _is_within(self, value)
        ):
            raise self.refusal(value)
        return value


def _is_within(kind: Integer | Number, value: float) -> bool:
    return (kind.low is None or value >= kind.low) and (kind.high is None or value <= kind.high)


def _bounds(low: float | None, high: float | None) -> str:
    if low is not None and high is not None:
        return f" between {_bound(low)} and {_bound(high)}"
    return "" if low is None else f" of at least {_bound(low)}"


def _bound(number: float) -> str:
    return f"{int(number):,}" if number == int(number) else f"{number:g}"


@dataclass(frozen=True, slots=True)
class Choice(Kind):
    """One of a few names; ``open`` accepts others too (servers may know more)."""

    names: tuple[str, ...]
    open: bool = False
    placeholder = "NAME"

    @property
    def range(self) -> str:
        """The allowed values in words."""
        listed = ", ".join(self.values)
        return f"{listed}, or a name the server knows" if self.open else f"one of {listed}"

    @property
    def values(self) -> tuple[str, ...]:
        """The names as they are typed."""
        return tuple(map(self.show, self.names))

    def check(self, value: Json) -> Json:
        """Accept one of the names, or another single word where ``open``."""
        if isinstance(value, str) and value.lower() in self.names:
            return value.lower()
        if self.open and isinstance(value, str) and re.fullmatch(r"[\w.-]+", value):
            return value
        raise self.refusal(value)

    def show(self, value: Json) -> str:
        """Write a name, in quotes where the bare word would unset the setting."""
        return f'"{value}"' if value == _RESET else str(value)


@dataclass(frozen=True, slots=True)
class Switch(Kind):
    """On or off."""

    words: tuple[str, str] = ("on", "off")
    """Names of the two states, on first."""

    @property
    def range(self) -> str:
        """The allowed values in words."""
        return " or ".join(self.words)

    @property
    def values(self) -> tuple[str, ...]:
        """The names of the two states."""
        return self.words

    def parse(self, text: str) -> Json:
        """Read on or off, in the setting's own words or the usual ones."""
        word = text.strip().lower()
        if word in (self.words[0], "on", "true", "yes", "1"):
            return True
        if word in (self.words[1], "off", "false", "no", "0"):
            return False
        raise self.refusal(text)

    def check(self, value: Json) -> Json:
        """Accept a boolean or the setting's own words."""
        if isinstance(value, str) and value in self.words:
            return value == self.words[0]
        if not isinstance(value, bool):
            raise UsageError(f"{_quoted(value)} is not true or false")
        return value

    def show(self, value: Json) -> str:
        """Write the state in the setting's own words."""
        return self.words[0] if value else self.words[1]


@dataclass(frozen=True, slots=True)
class Words(Kind):
    r"""List of texts; typed as separate words, quoted where they hold blanks or ``\n``."""

    most: int
    """How many texts there may be."""
    placeholder = "TEXT"
    values = ('"\\n"', '"\\n\\n"')

    @property
    def range(self) -> str:
        """The allowed values in words."""
        return f"1 to {self.most} texts"

    def parse(self, text: str) -> Json:
        """Read separate words."""
        return self.check(list(split_words(text)))

    def check(self, value: Json) -> Json:
        """Accept one text or a list of them, none of them empty."""
        texts: Json = [value] if isinstance(value, str) else value
        if not isinstance(texts, list) or not 1 <= len(texts) <= self.most:
            raise self.refusal(value)
        if not all(isinstance(text, str) and text for text in texts):
            raise self.refusal(value, "a text cannot be empty")
        return texts

    def show(self, value: Json) -> str:
        """Write each text in quotes."""
        texts = value if isinstance(value, list) else [value]
        return " ".join(json.dumps(text, ensure_ascii=False) for text in texts)


_BIAS = Number(-100, 100)


class Bias(Kind):
    """Token biases by text or token id; a key that is all digits is an id."""

    __slots__ = ()
    placeholder = "TEXT=NUMBER"
    range = "TEXT=NUMBER or #ID=NUMBER words, each number between -100 and 100"

    def parse(self, text: str) -> Json:
        """Read ``TEXT=NUMBER`` and ``#ID=NUMBER`` words; quotes where a text holds blanks."""
        found = parse_biases(text)
        if not found:
            raise self.refusal(text, '" word"=-5 has a blank before')
        return self.check({key: _BIAS.parse(bias) for key, bias in found.items()})

    def check(self, value: Json) -> Json:
        """Accept an object of texts or token ids to numbers."""
        if not isinstance(value, dict) or not value:
            raise self.refusal(value)
        for key, bias in value.items():
            check_bias_key(key)
            _BIAS.check(bias)
        return value

    def show(self, value: Json) -> str:
        """Write the words that make up the value."""
        return show_biases(value) if isinstance(value, dict) else ""


class ResponseFormat(Kind):
    """Form of an answer: ``text``, ``json_object``, or the API's own object in JSON."""

    __slots__ = ()
    placeholder = "text|json_object|FILE.json|JSON"
    range = "text, json_object, a JSON schema's file (.json), or the API's own JSON object"
    values: tuple[str, ...] = ("text", "json_object")

    def parse(self, text: str) -> Json:
        """Read a name or a JSON object."""
        word = text.strip()
        if word in self.values:
            return {"type": word}
        try:
            value: Json = json.loads(word)
        except (ValueError, RecursionError):
            raise self.refusal(text) from None
        return self.check(value)

    def check(self, value: Json) -> Json:
        """Accept a name or an object with a ``type``."""
        if isinstance(value, str) and value in self.values:
            return {"type": value}
        if not isinstance(value, dict) or not isinstance(value.get("type"), str):
            raise self.refusal(value)
        check_format(value)
        return check_json(value)

    def show(self, value: Json) -> str:
        """Write the name where there is one, else the object as JSON."""
        if isinstance(value, dict) and list(value) == ["type"]:
            return str(value["type"])
        return json.dumps(value, ensure_ascii=False)


class AnyJson(Kind):
    """Value of a server's own field: JSON where it reads as JSON, else text."""

    __slots__ = ()
    placeholder = "VALUE"
    range = "a JSON value or text"

    def parse(self, text: str) -> Json:
        """Read JSON, or take the text as it is; what begins like JSON must be some."""
        try:
            value: Json = json.loads(text)
        except (ValueError, RecursionError) as error:
            if text.lstrip()[:1] not in ("{", "[", '"'):
                return text.strip()
            raise UsageError(
                f"{_quoted(text)} begins like JSON and is none: {error}",
                r"a text that begins so goes in quotes, with \" for a quote in it",
            ) from None
        return self.check(value)

    def check(self, value: Json) -> Json:
        """Accept what JSON can hold."""
        return check_json(value)

    def show(self, value: Json) -> str:
        """Write a text as it is, anything else as JSON."""
        return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


class Examples(Kind):
    """Example messages in the API's form: objects with role and content."""

    __slots__ = ()
    placeholder = "MESSAGES"
    range = "a list of messages, each with role (user or assistant) and content"

    def parse(self, text: str) -> Json:
        """Refuse: a line is no place for them."""
        raise self.refusal(text, "a role has them: /role NAME")

    def check(self, value: Json) -> Json:
        """Accept a list of messages."""
        if not isinstance(value, list) or len(examples_in(value)) != len(value):
            raise self.refusal(value)
        return value

    def show(self, value: Json) -> str:
        """Write the number of messages."""
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
