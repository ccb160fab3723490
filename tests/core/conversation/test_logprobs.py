"""Log probabilities: tokens joined to words, their storage, and their view."""

import math
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from chatrepl.core.conversation.logprobs import (
    pieces_of,
    scores_of,
    with_scores,
    words_of,
)
from chatrepl.core.conversation.metadata import LOGPROBS_FIELD
from chatrepl.core.events import (
    ChoiceFinished,
    Notice,
    Table,
    TextDelta,
    TokenScore,
    TokensScored,
    WordsShaded,
)
from chatrepl.core.messages import Message, State
from tests.support.fakes import World
from tests.support.session_talk import say

NOW = datetime(2026, 1, 1, tzinfo=UTC)
UNSURE = math.log(0.3)


def kept(*scores: TokenScore) -> Message:
    return Message("a", None, "assistant", "", NOW, extra=with_scores({}, scores))


def bytewise(text: str, sizes: list[int]) -> list[TokenScore]:
    """Cut a text's bytes into tokens as byte-level vocabularies do, anywhere."""
    data, tokens = text.encode(), []
    for size in sizes:
        part, data = data[:size], data[size:]
        if part:
            tokens.append(TokenScore(part.decode("utf-8", "replace"), -0.5, part))
    return [*tokens, TokenScore(data.decode("utf-8", "replace"), -0.5, data)] if data else tokens


@given(st.text(), st.lists(st.integers(1, 5)))
def test_tokens_cut_inside_characters_join_to_the_very_text_after_being_kept(
    text: str, sizes: list[int]
) -> None:
    scores = scores_of(kept(*bytewise(text, sizes)))
    assert "".join(piece.text for piece in pieces_of(scores)) == text
    assert "".join(word for word, _ in words_of(pieces_of(scores))) == text


def test_a_character_of_several_tokens_is_as_likely_as_all_of_them_together() -> None:
    first, second = "é".encode()[:1], "é".encode()[1:]
    half = math.log(0.5)
    (piece,) = pieces_of([TokenScore("\ufffd", half, first), TokenScore("\ufffd", half, second)])
    assert piece.text == "é"
    assert math.isclose(piece.probability, 0.25)


def test_a_word_is_as_sure_as_its_least_sure_token_and_marks_stand_alone() -> None:
    scores = [TokenScore(" Par", 0.0), TokenScore("is", UNSURE), TokenScore(".", -3.0)]
    words = words_of(pieces_of([TokenScore("It's", 0.0), *scores]))
    assert [word for word, _ in words] == ["It's", " Paris", "."]
    assert math.isclose(words[1][1], 0.3)


def test_alternatives_are_kept_of_unsure_tokens_and_scores_of_4000_tokens_at_most() -> None:
    others = tuple((f"other{number}", -float(number)) for number in range(20))
    answer = kept(TokenScore("sure", 0.0, None, others), TokenScore("unsure", -2.0, None, others))
    sure, unsure = scores_of(answer)
    assert sure.others == ()
    assert [token for token, _ in unsure.others] == [f"other{number}" for number in range(5)]
    many = kept(*[TokenScore("x", -1.0)] * 5000)
    assert len(scores_of(many)) == 4000


def test_scores_of_another_programs_transcript_are_read_as_far_as_they_are_well_formed() -> None:
    rows: list[object] = [
        {"token": "a", "logprob": -1.0, "bytes": [97, 999], "top_logprobs": "none"},
        {"token": 3, "logprob": -1.0},
        {"token": "b", "logprob": float("nan")},
        {"token": "c", "logprob": 5},
        None,
    ]
    message = Message("a", None, "assistant", "", NOW, extra={"logprobs": {"content": rows}})  # type: ignore[dict-item]
    assert scores_of(message) == [TokenScore("a", -1.0), TokenScore("c", 0.0)]


async def test_the_view_shades_the_last_answer_and_lists_its_least_sure_tokens() -> None:
    world = World()
    scores = (
        TokenScore("It is", -0.01),
        TokenScore(" Paris", UNSURE, None, ((" Paris", UNSURE), (" Rome", -1.5))),
    )
    world.model.scripts.append(
        [TextDelta("It is Paris"), TokensScored(scores), ChoiceFinished("stop")]
    )
    async with world.opened() as session:
        await say(session, "where?")
        events = await say(session, "/logprobs show")
        (shaded,) = [event for event in events if isinstance(event, WordsShaded)]
        assert [text for text, _ in shaded.pieces] == ["It is", " Paris"]
        (table,) = [event for event in events if isinstance(event, Table)]
        assert table.rows == [("30%", "Paris", "Rome 22%", "It is [Paris]")]
        (told,) = [event for event in await say(session, "/info") if isinstance(event, Table)]
        assert ("logprobs", "of 2 tokens; /logprobs show") in [tuple(row) for row in told.rows]


async def test_an_answer_without_scores_is_told_how_to_get_them() -> None:
    async with World().opened() as session:
        await say(session, "where?")
        (event,) = await say(session, "/logprobs show")
        assert isinstance(event, Notice)
        assert "/logprobs on" in event.hint
        assert [e.text for e in await say(session, "/logprobs on") if isinstance(e, Notice)] == [
            "logprobs: on"
        ]
        assert session.settings.get("logprobs") is True


def test_an_answer_that_goes_on_with_one_without_scores_has_none() -> None:
    cut = Message("a", None, "assistant", "It", NOW, state=State.CUT)
    assert LOGPROBS_FIELD not in with_scores({}, [TokenScore(" is", -1.0)], cut)
    scored = Message("a", None, "assistant", "It", NOW, extra=kept(TokenScore("It", 0.0)).extra)
    both = Message(
        "b", None, "assistant", "", NOW, extra=with_scores({}, [TokenScore("!", 0.0)], scored)
    )
    assert [score.token for score in scores_of(both)] == ["It", "!"]
