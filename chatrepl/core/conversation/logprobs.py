"""Log probabilities of an answer's tokens, stored with the answer, and as words.

They are stored in the form of the API's ``logprobs``, without redundant parts: ``bytes`` only where
they do not follow from the text, other tokens only where the model was unsure.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from chatrepl.core.conversation.metadata import LOGPROBS_FIELD, field_of
from chatrepl.core.events import TokenScore
from chatrepl.core.json_value import Json
from chatrepl.core.messages import Message

SURE = 0.9
"""The least probability of a token that counts as sure."""

_MAX_TOKENS = 4000
_MAX_OTHERS = 5
_DIGITS = 4
_FIRST_IDEOGRAPH = "\u2e80"


@dataclass(frozen=True, slots=True)
class Piece:
    """One token, or the fewest tokens that form whole characters together."""

    text: str
    probability: float
    others: tuple[tuple[str, float], ...] = ()
    """Alternatives with their probabilities, the likeliest first."""


def with_scores(
    extra: Mapping[str, Json], scores: Sequence[TokenScore], continued: Message | None = None
) -> dict[str, Json]:
    """Return an answer's extra fields with the scores of its first 4,000 tokens.

    ``continued`` is the answer that this one goes on with, and begins with. If its tokens have no
    scores, the new ones are left out, as they would be taken for those of its text.
    """
    before: list[Json] = []
    if continued is not None and continued.content:
        before = _rows(continued)
        if not before:
            return dict(extra)
    rows = [*before, *(_row(score) for score in scores)][:_MAX_TOKENS]
    return {**extra, LOGPROBS_FIELD: {"content": rows}} if rows else dict(extra)


def scores_of(answer: Message) -> list[TokenScore]:
    """Return an answer's stored scores, without those that are invalid (in imported answers)."""
    return [score for row in _rows(answer) if (score := _score(row)) is not None]


def pieces_of(scores: Sequence[TokenScore]) -> list[Piece]:
    """Convert scores to pieces: tokens that are parts of a character are joined.

    Their probabilities multiply.
    """
    pieces: list[Piece] = []
    parts: list[TokenScore] = []
    for score in scores:
        if not parts and (score.data is None or _is_whole(score.data)):
            pieces.append(_piece(score))
            continue
        parts.append(score)
        if score.data is None or _is_whole(b"".join(part.data or b"" for part in parts)):
            pieces.append(_joined(parts))
            parts = []
    if parts:
        pieces.append(_joined(parts))
    return [piece for piece in pieces if piece.text]


def words_of(pieces: Sequence[Piece]) -> list[tuple[str, float]]:
    """Join pieces into words, each with the probability of its least probable piece.

    Blanks, punctuation, and each piece of a script without blanks remain single.
    """
    words: list[tuple[str, float]] = []
    for piece in pieces:
        # A blank by itself is never marked as unsure.
        probability = piece.probability if piece.text.strip() else 1.0
        if words and _is_of_word(piece.text[0]) and _is_of_word(words[-1][0][-1]):
            text, before = words.pop()
            words.append((text + piece.text, min(before, probability)))
        else:
            words.append((piece.text, probability))
    return words


def _is_of_word(character: str) -> bool:
    return character.isalnum() and character < _FIRST_IDEOGRAPH


def _is_whole(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _piece(score: TokenScore) -> Piece:
    text = score.token if score.data is None else score.data.decode()
    others = sorted(score.others, key=lambda other: -other[1])
    return Piece(
        text,
        math.exp(score.logprob),
        tuple((other, math.exp(logprob)) for other, logprob in others if other != score.token),
    )


def _joined(parts: Sequence[TokenScore]) -> Piece:
    data = b"".join(score.token.encode() if score.data is None else score.data for score in parts)
    return Piece(data.decode("utf-8", "replace"), math.exp(sum(score.logprob for score in parts)))


def _row(score: TokenScore) -> Json:
    row: dict[str, Json] = {"token": score.token, "logprob": round(score.logprob, _DIGITS)}
    if score.data is not None and score.data != score.token.encode():
        row["bytes"] = list(score.data)
    if score.others and math.exp(score.logprob) < SURE:
        likeliest = sorted(score.others, key=lambda other: -other[1])[:_MAX_OTHERS]
        row["top_logprobs"] = [
            {"token": token, "logprob": round(logprob, _DIGITS)} for token, logprob in likeliest
        ]
    return row


def _rows(answer: Message) -> list[Json]:
    rows = field_of(answer, LOGPROBS_FIELD).get("content")
    return list(rows) if isinstance(rows, list) else []


def _score(row: Json) -> TokenScore | None:
    if not isinstance(row, dict):
        return None
    token, logprob = row.get("token"), row.get("logprob")
    if not isinstance(token, str) or not _is_logarithm(logprob):
        return None
    score = TokenScore(token, min(0.0, float(str(logprob))))
    numbers = row.get("bytes")
    if isinstance(numbers, list) and all(type(n) is int and 0 <= n < 256 for n in numbers):
        score = replace(score, data=bytes(n for n in numbers if isinstance(n, int)))
    others = row.get("top_logprobs")
    return replace(score, others=tuple(_others(others if isinstance(others, list) else [])))


def _others(rows: Sequence[Json]) -> Iterator[tuple[str, float]]:
    for row in rows:
        other = _score({**row, "top_logprobs": None}) if isinstance(row, dict) else None
        if other is not None:
            yield other.token, other.logprob


def _is_logarithm(value: Json) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
