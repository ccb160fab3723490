"""Parsing of terminals' replies."""

import pytest

from chatrepl.terminal.tty.query_sequences import (
    background_of,
    cursor_row_of,
    is_device_attributes,
    may_ask_background,
    size_of,
)


@pytest.mark.parametrize(
    ("reply", "background"),
    [
        ("\x1b]11;rgb:1e1e/1e1e/2e2e\x1b\\", "dark"),
        ("\x1b]11;rgb:ff/ff/ff\x07", "light"),
        ("\x1b]11;rgba:ffff/ffff/ffff/8000\x07", "light"),
        ("\x1b]11;#eeeeee\x07", "light"),
        ("\x1b]11;#111\x07", "dark"),
        ("\x1b]10;rgb:ff/ff/ff\x07", None),
        ("\x1b[?62;4c", None),
    ],
)
def test_background_is_dark_or_light(reply: str, background: str | None) -> None:
    assert background_of(reply) == background


def test_replies_for_cursor_size_and_attributes_are_told_apart() -> None:
    cursor, size, attributes = "\x1b[12;40R", "\x1b[8;24;80t", "\x1b[?64;1;2c"
    assert [cursor_row_of(reply) for reply in (cursor, size, attributes)] == [11, None, None]
    assert [size_of(reply) for reply in (cursor, size, attributes)] == [None, (24, 80), None]
    assert is_device_attributes(attributes)
    assert not is_device_attributes(cursor)


def test_background_is_asked_only_where_colours_are_shown() -> None:
    assert may_ask_background({"TERM": "xterm-256color"})
    assert not may_ask_background({"TERM": "linux"})
    assert not may_ask_background({"TERM": "xterm", "NO_COLOR": "1"})
    assert not may_ask_background({})
