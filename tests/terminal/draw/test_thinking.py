import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatrepl.terminal.draw.thinking import ThinkSplitter

pieces = st.lists(
    st.sampled_from(["<think>", "</think>", "<", "<th", "ink>", "</", "a", "\n", " ", "<thinker>"]),
    max_size=10,
)


def split(pieces: list[str]) -> dict[str, str]:
    splitter = ThinkSplitter()
    parts = [part for piece in pieces for part in splitter.feed(piece)] + splitter.finish()
    assert all(text for _, text in parts)
    kinds = [kind for kind, _ in parts]
    assert kinds == sorted(kinds)
    return {
        wanted: "".join(text for kind, text in parts if kind == wanted)
        for wanted in ("reasoning", "text")
    }


@given(pieces)
def test_any_cut_gives_the_same_reasoning_and_text(pieces: list[str]) -> None:
    text = "".join(pieces)
    assert split(pieces) == split([text]) == split(list(text))


@pytest.mark.parametrize(
    ("answer", "reasoning", "text"),
    [
        ("<think>\nhm\n</think>\n\nYes.", "hm\n", "Yes."),
        (" \n<think>hm</think>Yes.", "hm", "Yes."),
        ("Yes. <think>no</think>", "", "Yes. <think>no</think>"),
        ("<thinking>no</thinking>", "", "<thinking>no</thinking>"),
        ("<think>never closed", "never closed", ""),
        ("<think>a</think><think>b</think>", "a", "<think>b</think>"),
        ("<think></think>\nYes.", "", "Yes."),
        ("<think>1 </ 2</think>", "1 </ 2", ""),
        ("<think>1 </th", "1 </th", ""),
        ("<thi", "", "<thi"),
        ("  x", "", "  x"),
        ("<think>", "", ""),
    ],
)
def test_only_a_think_tag_at_the_beginning_encloses_reasoning(
    answer: str, reasoning: str, text: str
) -> None:
    assert split([answer]) == {"reasoning": reasoning, "text": text}
