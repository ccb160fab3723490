"""Texts made safe for a terminal: control, bidirectional and invisible characters."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatrepl.core.text.terminal_safe import TextCleaner, safe_line, safe_text

BIDI = [0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)]
HOSTILE = [
    *range(0x20),
    *range(0x7F, 0xA0),
    *BIDI,
    *(0xAD, 0x034F, 0x115F, 0x1160, 0x180E, 0x200B, 0x200C, 0x200D, 0x2028, 0x2060, 0x3164),
    *(0xD800, 0xDFFF, 0xFE00, 0xFE0E, 0xFE0F, 0xFEFF, 0xFFA0, 0xFFF9, 0xFFFE, 0xE0001, 0xE0041),
]
texts = st.text(
    st.one_of(
        st.sampled_from([chr(code) for code in HOSTILE]),
        st.sampled_from("ab 1#👩🏽❤नकس字"),
        st.characters(codec=None),
    ),
    max_size=40,
)


def is_forbidden(character: str) -> bool:
    code = ord(character)
    return (
        (unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") and character not in "\n\t")
        or code in BIDI
        or 0xE0000 <= code < 0xE1000
        or character in "\u200b\u2060\u2061\u2062\u2063\u2064\ufeff\u00ad\u180e\u034f\u3164\uffa0"
    )


@given(texts)
def test_no_control_bidi_or_invisible_character_comes_through(text: str) -> None:
    assert [character for character in safe_text(text) if is_forbidden(character)] == []


@given(texts)
def test_every_character_becomes_exactly_one_so_nothing_is_swallowed(text: str) -> None:
    assert len(safe_text(text)) == len(text)


@given(texts)
def test_cleaning_twice_changes_nothing_more(text: str) -> None:
    assert safe_text(safe_text(text)) == safe_text(text)


@given(st.lists(texts, max_size=8))
def test_any_cut_of_a_stream_is_cleaned_alike(pieces: list[str]) -> None:
    cleaner, whole = TextCleaner(), TextCleaner()
    streamed = "".join([*(cleaner.feed(piece) for piece in pieces), cleaner.finish()])
    assert streamed == whole.feed("".join(pieces)) + whole.finish()


@given(st.text(st.sampled_from("a\r\n\x1b"), max_size=12))
def test_a_stream_cut_at_every_character_keeps_its_line_ends(text: str) -> None:
    cleaner = TextCleaner()
    streamed = "".join([*(cleaner.feed(character) for character in text), cleaner.finish()])
    assert streamed == safe_text(text.replace("\r\n", "\n"))


@pytest.mark.parametrize(
    "text",
    [
        "👩\u200d👩\u200d👧",
        "❤\ufe0f",
        "1\ufe0f⃣",
        "👩🏽\u200d🚀",
        "🏴\u200d☠\ufe0f",
        "क\u094d\u200dष",
        "می\u200cخواهم",  # noqa: RUF001
        "ශ\u0dca\u200dර",
        "plain text\twith\ntwo lines",
        "naïve — “quotes” … 中文 한국어 ไทย",
    ],
)
def test_joiners_stay_where_they_make_up_emoji_and_script(text: str) -> None:
    assert safe_text(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[2J", "␛[2J"),
        ("\x9b2J", "\ufffd2J"),
        ("a\rb", "a␍b"),
        ("ad\u200dmin", "ad␦min"),
        ("a\u200d\u200d\u200db", "a␦␦␦b"),
        ("a\ufe0fb", "a␦b"),
        ("user\u202egpj.exe", "user␦gpj.exe"),
        ("x\U000e0041", "x\ufffd"),
        ("one\u2028two", "one\ntwo"),
        ("\ud83d", "\ufffd"),
    ],
)
def test_trickery_is_shown_as_marks(text: str, shown: str) -> None:
    assert safe_text(text) == shown


def test_a_run_of_joiners_keeps_only_the_first() -> None:
    assert safe_text("👩\u200d\u200d\u200d") == "👩\u200d␦␦"


def test_one_line_shows_its_line_ends() -> None:
    assert safe_line("a\r\nb\n\tc\x1b\n") == "a⏎b⏎ c␛"
