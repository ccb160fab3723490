"""Colours by the terminal's background."""

import pytest

from tests.support.servers.sse_server import SseServer
from tests.support.terminal.program import Run, Start

QUESTION = b"\x1b]11;?\x1b\\\x1b[c"
WHITE = "\x1b]11;rgb:ffff/ffff/ffff\x1b\\\x1b[?62;22c"
BLACK = "\x1b]11;rgb:0000/0000/0000\x07\x1b[?62;22c"
# Headings on a light and on a dark background; magenta where nothing is known.
LIGHT, DARK, UNKNOWN = b"38;2;108;31;179", b"38;2;215;175;255", b";35m"
TRUECOLOR = {"COLORTERM": "truecolor"}


@pytest.mark.parametrize(("reply", "heading"), [(WHITE, LIGHT), (BLACK, DARK), ("", UNKNOWN)])
def test_the_theme_fits_what_the_terminal_says(
    start: Start, server: SseServer, reply: str, heading: bytes
) -> None:
    server.answer("# Title\n\nthe end\n")
    chat = start(env=TRUECOLOR).ready()
    chat.wait_for(lambda _: QUESTION in chat.raw)
    chat.send(reply)
    chat.ready().say("go").expect("the end").ready()
    assert heading in chat.raw
    assert "rgb" not in chat.everything()
    server.answer("# Again\n\nthe real end\n")
    chat.say("/theme light").say("go on").expect("the real end")
    assert LIGHT in chat.raw


def test_colorfgbg_tells_where_the_terminal_does_not(start: Start, server: SseServer) -> None:
    server.answer("# Title\n\nthe end\n")
    chat = start(env=TRUECOLOR | {"COLORFGBG": "0;15"}).ready()
    chat.say("go").expect("the end")
    assert LIGHT in chat.raw


@pytest.mark.parametrize("env", [{"TERM": "dumb"}, {"TERM": "linux"}, {"NO_COLOR": "1"}])
def test_a_terminal_of_no_colours_is_not_asked(start: Start, env: dict[str, str]) -> None:
    chat = start(env=env)
    chat.expect("chatrepl").say("hello").expect("You said: hello")
    assert b"]11;" not in chat.raw


def test_nothing_is_asked_behind_a_pipe(run: Run, server: SseServer) -> None:
    done = run("--base-url", server.base_url, "hello")
    assert "\x1b" not in done.stdout + done.stderr
