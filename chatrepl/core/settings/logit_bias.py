"""Token biases by text: their written form, and conversion to the token ids that are sent.

The API knows ids only. A text of several tokens biases each of them. A word inside a sentence has
other tokens than the same word alone, so it is given with the blank before it (``" word"=-5``).
"""

import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from chatrepl.core.errors import UsageError
from chatrepl.core.json_value import Json
from chatrepl.core.text.quoting import unescape

if TYPE_CHECKING:
    from chatrepl.core.ports.chat_model import TokenCounter


_WORD = re.compile(
    r"""\s*(?:\#(?P<id>\d{1,7}) | "(?P<quoted>(?:\\.|[^"\\])+)" | (?P<text>[^\s"=\#][^\s=]*))
        =(?P<bias>\S+)\s*""",
    re.VERBOSE | re.DOTALL,
)


def parse_biases(text: str) -> dict[str, str] | None:
    """Read ``TEXT=NUMBER`` and ``#ID=NUMBER`` words as numbers by key; None if others occur.

    A key that is all digits is a token's id; a text of digits keeps its quotes.
    """
    found: dict[str, str] = {}
    place = 0
    while place < len(text):
        match = _WORD.match(text, place)
        if match is None:
            return None
        biased = unescape(match["quoted"]) if match["quoted"] is not None else match["text"]
        found[match["id"] or _key(biased)] = match["bias"]
        place = match.end()
    return found


def check_bias_key(key: str) -> None:
    """Raise ``UsageError`` for a key that is neither a token's id nor a text."""
    try:
        text = _text(key)
    except ValueError:
        text = ""
    if not text:
        raise UsageError(f"“{key}” is neither a token's id nor a text")


def show_biases(biases: Mapping[str, Json]) -> str:
    """Write biases as they are typed."""
    return " ".join(f"{_word(key)}={bias}" for key, bias in biases.items())


def token_biases(
    biases: Mapping[str, Json], counter: "TokenCounter", model: str
) -> dict[str, Json]:
    """Return biases by token id, the API's form. The model's encoding must be loaded.

    Raises ``UsageError`` for a text if the model's vocabulary is not known: in another vocabulary
    its ids would be other words.
    """
    by_id: dict[str, Json] = {}
    for key, bias in biases.items():
        ids = [key] if key.isdecimal() else _ids(key, counter, model)
        by_id.update(dict.fromkeys(ids, bias))
    return by_id


def biases_in_words(biases: Mapping[str, Json], counter: "TokenCounter", model: str) -> str:
    """Describe which tokens the texts are; empty if all keys are ids. Raises ``UsageError``."""
    return "; ".join(
        f"{json.dumps(_text(key), ensure_ascii=False)} is token "
        + " and ".join(_ids(key, counter, model))
        for key in biases
        if not key.isdecimal()
    )


def _ids(key: str, counter: "TokenCounter", model: str) -> list[str]:
    encoding, is_known = counter.encoding_for(model)
    if not is_known:
        raise UsageError(
            f"logit_bias: the vocabulary of {model} is not known, so no token of it can be named "
            "by its text",
            "give ids: /logit_bias #ID=NUMBER",
        )
    return [str(number) for number in counter.ids(_text(key), encoding)]


def _key(text: str) -> str:
    return json.dumps(text, ensure_ascii=False) if text.isdecimal() or text[:1] == '"' else text


def _text(key: str) -> str:
    return str(json.loads(key)) if key[:1] == '"' else key


def _word(key: str) -> str:
    if key.isdecimal():
        return f"#{key}"
    text = _text(key)
    plain = re.fullmatch(r'[^\s"=#\\][^\s=]*', text) and not text.isdecimal()
    return text if plain else json.dumps(text, ensure_ascii=False)
