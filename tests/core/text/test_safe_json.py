"""JSON that is safe on a terminal and in every encoding."""

import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatrepl.core.text.terminal_safe import escape_json, safe_json, safe_text

if TYPE_CHECKING:
    from chatrepl.core.json_value import Json

SAMPLES = 'ab¥‾"\\/\x00\x1b\x7f\x85\x9b\u202e\u2066\ufeff\ud800\udfffé你👩\u200d👧\U000e0041'
TEXTS = st.text(st.one_of(st.sampled_from(SAMPLES), st.characters()), max_size=30)


@given(TEXTS, st.sampled_from([None, 2]))
def test_safe_json_is_safe_and_reads_as_the_same_value(text: str, indent: int | None) -> None:
    value: Json = {text: [text, 1, None]}
    written = safe_json(value, indent=indent)
    assert json.loads(written) == value
    assert safe_text(written) == written


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "gbk", "shift_jis", "utf-8", "utf-16"])
@given(text=TEXTS)
def test_escaped_json_can_be_written_in_every_encoding(encoding: str, text: str) -> None:
    written = escape_json(json.dumps(text, ensure_ascii=False), encoding)
    assert written.encode(encoding).decode(encoding) == written
    assert json.loads(written) == text


def test_printable_characters_stay_readable() -> None:
    assert safe_json("你好 é 👩\u200d👧 \u202e") == '"你好 é 👩\u200d👧 \\u202e"'
    assert escape_json('"é 你"', "latin-1") == '"\\u00e9 \\u4f60"'
