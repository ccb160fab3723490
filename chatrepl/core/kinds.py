"""The kinds of values a setting can have: how each is read, checked, described and shown.

``parse`` reads what a person typed after a command or gave to an option; ``check`` takes what a
configuration or a session file holds. Both raise ``UsageError`` that names the allowed values.
"""

import json
from dataclasses import dataclass

from chatrepl.core.errors import UsageError
from chatrepl.core.examples import Examples
from chatrepl.core.json_value import Json, check_json
from chatrepl.core.settings.kinds import Choice, Integer, Number, Switch, Text, Words, shown
from chatrepl.core.settings.logit_bias import check_bias_key, parse_biases, show_biases
from chatrepl.core.settings.response_format import check_format

__all__ = [
    "AnyJson",
    "Bias",
    "Choice",
    "Examples",
    "Format",
    "Integer",
    "Kind",
    "Number",
    "Switch",
    "Text",
    "Words",
]


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
class Format:
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


Kind = Examples | AnyJson | Text | Integer | Number | Choice | Switch | Words | Bias | Format
