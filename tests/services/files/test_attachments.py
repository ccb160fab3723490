"""Attachments of files and web pages: supported, refused, converted to text."""

import asyncio
import os
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatrepl.core.conversation.attachments import image_tokens, size_of, text_of
from chatrepl.core.errors import ChatreplError, UsageError
from chatrepl.core.json_value import Json
from chatrepl.services.files.attachments import AttachmentLoader
from chatrepl.services.files.html_to_text import html_to_text
from chatrepl.services.files.images import image_kind, tokens_of_image
from chatrepl.services.files.user_files import UserFiles
from tests.support.servers.sse_replies import Raw, RecordedRequest, Reply
from tests.support.servers.sse_server import SseServer
from tests.support.values.images import png


def load(place: str) -> dict[str, Json]:
    return asyncio.run(AttachmentLoader().load(place))


def test_a_text_and_an_image_are_told_apart_by_what_they_hold(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_text("\ufeffno image: ä\n", "utf-8")
    (tmp_path / "b.txt").write_bytes(png(1024, 1024))
    text, image = load(str(tmp_path / "a.png")), load(str(tmp_path / "b.txt"))
    assert text_of(text) == "no image: ä\n"
    assert text_of(image) is None
    assert str(image["image_url"]).startswith("{'url': 'data:image/png;base64,iVBOR")
    assert size_of(image) == pytest.approx(len(png(1024, 1024)), abs=2)
    assert image_tokens([image]) == 765


def test_what_cannot_be_attached_is_a_line_that_says_why(tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00\x01")
    (tmp_path / "zero").write_bytes(b"a\x00b")
    (tmp_path / "large").write_bytes(b"x" * (4 * 2**20 + 1))
    os.mkfifo(tmp_path / "pipe")
    for name in ("binary", "zero", "large", "pipe", "nowhere", "."):
        with pytest.raises(UsageError) as told:
            load(str(tmp_path / name))
        assert "\n" not in told.value.message


@pytest.mark.parametrize(
    ("width", "height", "tokens"),
    [(1024, 1024, 765), (2048, 4096, 1105), (512, 512, 255), (100, 100, 255), (4000, 3000, 765)],
)
def test_images_count_by_the_rule_of_tiles(width: int, height: int, tokens: int) -> None:
    assert tokens_of_image(png(width, height)) == tokens
    gif = b"GIF89a" + struct.pack("<HH", width, height)
    assert tokens_of_image(gif) == tokens
    frame = b"\xff\xc0\x00\x11\x08" + struct.pack(">HH", height, width) + b"\x03"
    assert tokens_of_image(b"\xff\xd8\xff\xe0\x00\x04ab" + frame) == tokens


@given(
    st.sampled_from([b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF89a", b"RIFF1234WEBPVP8X"]),
    st.binary(),
)
def test_any_image_however_broken_counts_something(head: bytes, rest: bytes) -> None:
    assert image_kind(head + rest)
    assert tokens_of_image(head + rest) >= 85


def test_a_page_becomes_its_words() -> None:
    page = """<!doctype html><html><head><title>The  Title</title><style>p {}</style></head>
    <body><nav>Menu</nav><h1>Head</h1><p>One <b>bold</b>
    word &amp; more.<script>if (a < b) {}</script></p><ul><li>first<li>second</ul>
    <pre>  kept
      as is</pre><table><tr><td>a</td><td>b</td></tr></table></body></html>"""
    assert html_to_text(page) == (
        "The Title\n\n# Head\n\nOne bold word & more.\n\n- first\n- second\n\n"
        "  kept\n      as is\n\n| a | b"
    )


@given(st.text(alphabet='<>/!-apredivscript &;#\n"=', max_size=200))
def test_any_markup_gives_a_text(page: str) -> None:
    assert isinstance(html_to_text(page), str)


def serve(request: RecordedRequest) -> Reply:
    match request.path:
        case "/page":
            body = "<html><title>T</title><p>Gr\u00fc\u00dfe</p>".encode("latin-1")
            return Raw([body], content_type="text/html; charset=iso-8859-1")
        case "/moved":
            return Raw([b""], 302, headers={"location": "/page"})
        case "/loop":
            return Raw([b""], 302, headers={"location": "/loop"})
        case "/image":
            return Raw([png(100, 100)], content_type="text/plain")
        case "/large":
            return Raw([b"x" * 2**20] * 21, content_type="text/plain")
        case "/binary":
            return Raw([b"PK\x03\x04\x00"], content_type="application/zip")
        case "/reset":
            return Raw([b"begin", 0.05], content_type="text/plain", ending="reset")
        case _:
            return Raw([b"not here"], 404, "text/plain")


class PageServer(SseServer):
    def _usual(self, request: RecordedRequest) -> Reply:
        return serve(request)


def test_pages_and_images_of_the_web_are_attached_and_faults_told_in_a_line() -> None:
    with PageServer() as server:
        root = f"http://127.0.0.1:{server.port}"
        assert text_of(load(f"{root}/page")) == "T\n\nGrüße"
        assert text_of(load(f"{root}/moved")) == "T\n\nGrüße"
        assert load(f"{root}/image")["type"] == "image_url"
        for path, said in (
            ("/nowhere", "404"),
            ("/loop", "without end"),
            ("/large", "larger than 20 MB"),
            ("/binary", "is no text"),
            ("/reset", "cannot be fetched"),
        ):
            with pytest.raises(ChatreplError, match=said):
                load(root + path)
    with pytest.raises(ChatreplError, match="cannot be fetched"):
        load(f"{root}/page")
    for wrong in ("http://", "http://[::1", "https://exa mple/"):
        with pytest.raises(ChatreplError):
            load(wrong)


def test_a_key_in_an_address_is_not_shown() -> None:
    with PageServer() as server, pytest.raises(ChatreplError) as told:
        load(f"http://user:hunter2@127.0.0.1:{server.port}/nowhere?api_key=hunter2")
    assert "hunter2" not in str(told.value)


def test_paths_are_completed_with_folders_marked(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    (tmp_path / "nodes").mkdir()
    (tmp_path / ".hidden").touch()
    files = UserFiles()
    begun = f"{tmp_path}/no"
    assert files.matching(begun) == [f"{tmp_path}/nodes/", f"{tmp_path}/notes.txt"]
    assert files.matching(f"{tmp_path}/") == [f"{tmp_path}/nodes/", f"{tmp_path}/notes.txt"]
    assert files.matching(f"{tmp_path}/.h") == [f"{tmp_path}/.hidden"]
    assert files.matching("/nowhere/at/all") == []
    assert not files.is_file(str(tmp_path))
    assert files.is_file(f"{tmp_path}/notes.txt")
    assert not files.is_file("\0")


def test_a_page_of_blanks_without_a_line_end_is_read() -> None:
    assert html_to_text(f"<pre>a{' ' * 400_000}b</pre>").split() == ["a", "b"]
    assert html_to_text("<pre>a \t \nb</pre>") == "a\nb"
