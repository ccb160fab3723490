"""Handler of /logprobs: the setting, and the view of an answer's token probabilities."""

import json
from collections.abc import AsyncIterator, Sequence

from chatrepl.core.commands.command import Call, Value
from chatrepl.core.commands.handlers.settings import complete_value, show_or_set
from chatrepl.core.conversation.logprobs import SURE, Piece, pieces_of, scores_of, words_of
from chatrepl.core.errors import UsageError
from chatrepl.core.events import Event, Table, WordsShaded
from chatrepl.core.messages import Message
from chatrepl.core.session import Session
from chatrepl.core.settings.table import find_setting

_SHOW = "show"
_MOST_ROWS = 10
_MOST_OTHERS = 3
_AROUND_CHARS = 16


async def logprobs(call: Call) -> AsyncIterator[Event]:
    """/logprobs: show or set the setting; ``show [N]`` shades an answer's words by probability."""
    word, _, rest = call.rest.partition(" ")
    if word != _SHOW:
        async for event in show_or_set(call.session, find_setting("logprobs"), call.rest):
            yield event
        return
    answer = _shown_answer(call, rest.strip())
    pieces = pieces_of(scores_of(answer))
    if not pieces:
        raise UsageError(
            "this answer came without logprobs", "/logprobs on asks for them from now on"
        )
    yield WordsShaded(words_of(pieces))
    unsure = sorted(
        (number for number, piece in enumerate(pieces) if _is_unsure(piece)),
        key=lambda number: pieces[number].probability,
    )[:_MOST_ROWS]
    if unsure:
        yield _table(pieces, unsure)


def _shown_answer(call: Call, number: str) -> Message:
    if number:
        return call.message(number)
    answer = call.session.conversation.last_answer()
    if answer is None:
        raise UsageError("there is no answer yet")
    return answer


def _is_unsure(piece: Piece) -> bool:
    return piece.probability < SURE and bool(piece.text.strip())


def _table(pieces: Sequence[Piece], unsure: Sequence[int]) -> Table:
    has_others = any(pieces[number].others for number in unsure)
    footer = () if has_others else ("/set top_logprobs 5 asks for the likeliest others, too",)
    return Table(
        ("sure", "token", "instead of it", "where"),
        [
            (
                _in_percent(pieces[number].probability),
                _token(pieces[number].text),
                _others(pieces[number]),
                _around(pieces, number),
            )
            for number in unsure
        ],
        title="The least sure tokens",
        footer=footer,
        numeric=frozenset({0}),
    )


def _others(piece: Piece) -> str:
    return ", ".join(
        f"{_token(text, instead_of=piece.text)} {_in_percent(probability)}"
        for text, probability in piece.others[:_MOST_OTHERS]
    )


def _in_percent(probability: float) -> str:
    """Write a probability in percent, a small one with a decimal."""
    if probability < 0.001:
        return "<0.1%"
    return f"{probability:.1%}" if probability < 0.1 else f"{probability:.0%}"


def _token(text: str, instead_of: str = "") -> str:
    """Write a token without its blank; in quotes if it is no word, or differs by the blank only."""
    bare = text.strip()
    is_word = bare.isprintable() and any(character.isalnum() for character in bare)
    is_plain = is_word and bare != instead_of.strip()
    return bare if is_plain else json.dumps(text, ensure_ascii=False)


def _around(pieces: Sequence[Piece], number: int) -> str:
    """Write a token between its neighbours, which are cut at words."""
    text = pieces[number].text
    before = "".join(piece.text for piece in pieces[max(0, number - 8) : number])
    after = "".join(piece.text for piece in pieces[number + 1 : number + 9])
    if len(before) > _AROUND_CHARS:
        cut = before[-_AROUND_CHARS:]
        before = cut.partition(" ")[2] or cut
    if len(after) > _AROUND_CHARS:
        cut = after[:_AROUND_CHARS]
        after = cut.rpartition(" ")[0] or cut
    lead = " " if text[:1].isspace() else ""
    return " ".join(f"{before}{lead}[{text.strip()}]{after}".split())


def complete_logprobs(session: Session, text: str) -> Sequence[Value]:
    """Offer the setting's values, and the view."""
    values = complete_value(session, find_setting("logprobs"), text)
    return [*values, Value(_SHOW, "shade unsure words")]
