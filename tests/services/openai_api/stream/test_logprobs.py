"""Token log-probabilities, well-formed and malformed."""

import math
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from chatrepl.core.events import TextDelta, TokenScore, TokensScored
from chatrepl.core.ports.chat_model import Server
from chatrepl.services.openai_api.errors.responses import RequestFacts
from chatrepl.services.openai_api.stream.chunks import ChunkParser
from chatrepl.services.openai_api.stream.usage_and_logprobs import read_scores

FACTS = RequestFacts(Server("http://127.0.0.1:1/v1", origin="test"))


def row(token: str, logprob: object, **more: Any) -> dict[str, Any]:
    return {"token": token, "logprob": logprob, "bytes": list(token.encode()), **more}


def test_a_chunks_scores_come_as_an_event_beside_its_text() -> None:
    parser = ChunkParser(FACTS)
    others = [row("Hi", -0.2), row("Yo", -3.5)]
    scores = {"content": [row("Hi", -0.2, id=7, top_logprobs=others)], "refusal": None}
    parser.feed_payload({"choices": [{"index": 0, "delta": {"content": "Hi"}, "logprobs": scores}]})
    parser.finish()
    expected = TokenScore("Hi", -0.2, b"Hi", (("Hi", -0.2), ("Yo", -3.5)))
    events = [event for event in parser.take() if isinstance(event, TextDelta | TokensScored)]
    assert events == [TextDelta("Hi"), TokensScored((expected,))]


def test_what_is_all_but_impossible_has_a_finite_logarithm() -> None:
    (score,) = read_scores({"content": [row("x", -math.inf)]})
    assert score.logprob == -9999.0
    (score,) = read_scores({"content": [{"token": "\ud83d", "logprob": 1e-9, "bytes": None}]})
    assert score == TokenScore("?", 0.0)


anything = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(
            st.sampled_from(["content", "refusal", "token", "logprob", "bytes", "top_logprobs"]),
            inner,
        )
    ),
)


@given(anything)
def test_whatever_a_server_sends_as_logprobs_is_read_or_left_out(value: object) -> None:
    for score in read_scores(value):
        assert math.isfinite(score.logprob)
        assert score.logprob <= 0
        score.token.encode()
