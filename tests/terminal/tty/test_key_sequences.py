"""Control sequences of keys: they never become text, nor an Escape."""

import asyncio
import os
from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prompt_toolkit.key_binding.defaults import load_key_bindings
from prompt_toolkit.key_binding.key_processor import KeyPress
from prompt_toolkit.keys import Keys

from chatrepl.terminal.tty.keyboard import ALT_KEYS, Keyboard
from tests.support.terminal.driven_prompt import Start

MODIFIERS = range(2, 17)
XTERM = [
    *(f"\x1b[{final}" for final in "ABCDEFH"),
    *(f"\x1b[1;{number}{final}" for number in MODIFIERS for final in "ABCDEFHPQS"),
    *(f"\x1b[{key}~" for key in (1, 2, 3, 4, 5, 6, 11, 12, 13, 14, 15, 17, 20, 24)),
    *(f"\x1b[{key};{n}~" for key in (2, 3, 5, 6, 11, 15, 18, 24) for n in MODIFIERS),
    *(f"\x1bO{final}" for final in "ABCDFHPQRSM"),
    *(f"\x1bO{number}{final}" for number in MODIFIERS for final in "ABCDFHPQRS"),
    *(f"\x1b[27;{number};{key}~" for number in (2, 5, 6) for key in (9, 97, 127)),
]
RXVT = [
    *(f"\x1b[{key}{final}" for key in (2, 3, 5, 6, 7, 8, 11, 15, 23, 34) for final in "~^$@"),
    *(f"\x1b[{final}" for final in "abcd"),
    *(f"\x1bO{final}" for final in "abcd"),
]
RXVT_LETTERS = {f"{bracket}{final}" for bracket in "[O" for final in "abcd"}
LINUX = [f"\x1b[[{final}" for final in "ABCDE"]
ITERM2 = [f"\x1b{plain}" for plain in ("\x1b[A", "\x1b[B", "\x1bOA", "\x1b[3~", "\x1b[H", "\x1b[F")]
KITTY = [
    *("\x1b[97;5u", "\x1b[57399u", "\x1b[127;3u", "\x1b[9;2u", "\x1b[97:65;2u", "\x1b[97;1:3u"),
    *("\x1b[1;5:3D", "\x1b[1;1:2A", "\x1b[3;5:1~", "\x1b[27;129u", "\x1b[57441;2:1u"),
]
SEQUENCES = XTERM + RXVT + LINUX + ITERM2 + KITTY
TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), max_size=12)
MIXED = st.lists(TEXTS | st.sampled_from(SEQUENCES), min_size=1, max_size=8)


def presses_of(reads: Sequence[bytes], *, pauses: bool = False) -> list[KeyPress]:
    """Return the key presses that a keyboard makes of what a terminal sends."""

    async def read_all() -> list[KeyPress]:
        reading, writing = os.pipe()
        keyboard = Keyboard(
            reading, on_closed=lambda: None, on_error=lambda _: None, on_reply=lambda _: None
        )
        presses: list[KeyPress] = []
        with keyboard.attach(lambda: presses.extend(keyboard.read_keys())):
            for data in filter(None, reads):
                os.write(writing, data)
                await asyncio.sleep(0)
                await asyncio.sleep(0)
                presses += keyboard.flush_keys() if pauses else keyboard.read_keys()
            presses += keyboard.flush_keys()
        os.close(reading)
        os.close(writing)
        return presses

    return asyncio.run(read_all())


def text_of(presses: Sequence[KeyPress]) -> str:
    return "".join(press.data for press in presses)


@settings(max_examples=300, deadline=None)
@given(MIXED, st.lists(st.integers(1, 200), max_size=6))
def test_sequences_leave_exactly_the_text_however_they_are_cut(
    parts: list[str], cuts: list[int]
) -> None:
    data = "".join(parts).encode()
    places = [0, *sorted(cut for cut in set(cuts) if cut < len(data)), len(data)]
    reads = [data[begin:end] for begin, end in pairwise(places)]
    presses = presses_of(reads)
    assert text_of(presses) == "".join(part for part in parts if part not in SEQUENCES)
    alone = [
        press
        for press, following in pairwise([*presses, KeyPress(Keys.Ignore)])
        if press.key == Keys.Escape and following.key not in ALT_KEYS
    ]
    assert alone == []


def may_be_typed(begin: str, end: str) -> bool:
    """Say whether a person can type both parts, with a pause between: Alt+[ and a letter, say."""
    return begin.endswith(("[", "O", "\x1b\x1b")) or (begin == "\x1b" and end in RXVT_LETTERS)


@pytest.mark.parametrize("at", [1, -1, -2], ids=["after-escape", "last", "last-but-one"])
def test_a_pause_within_a_sequence_types_nothing(at: int) -> None:
    cut = [(sequence[:at], sequence[at:]) for sequence in SEQUENCES if sequence[:at]]
    typed = {
        parts: text_of(presses_of([part.encode() for part in parts], pauses=True))
        for parts in cut
        if not may_be_typed(*parts)
    }
    assert len(typed) > 100
    assert {parts: text for parts, text in typed.items() if text.strip("\x1b")} == {}


def test_the_keys_with_alt_are_those_that_prompt_toolkit_binds() -> None:
    bound = {
        binding.keys[1]
        for binding in load_key_bindings().bindings
        if len(binding.keys) == 2 and binding.keys[0] == Keys.Escape
    }
    with_control = {Keys.ControlH, Keys.ControlM, Keys.ControlY}
    assert {key for key in bound if isinstance(key, Keys)} == ALT_KEYS | with_control


KEYS = ["\x1b[1;5D", "\x1b[1;3A", "\x1b[1;2P", "\x1b[5;5~", "\x1b[7$", "\x1b\x1b[B", "\x1b[97;5u"]


@pytest.mark.parametrize("key", KEYS)
def test_a_key_that_is_not_bound_does_nothing(start: Start, key: str) -> None:
    terminal = start().wait_prompt()
    terminal.send(f"hello world{key}")
    terminal.send("\x1b[F!\r")
    terminal.wait_call("submit", "hello world!")
    terminal.send("busy\r")
    terminal.wait_for("waiting")
    terminal.send(key + key)
    terminal.settle(0.3)
    assert terminal.calls("stop") == []
    assert terminal.calls("edit_last") == []
