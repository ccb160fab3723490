import asyncio
import os
import sys
from pathlib import Path

import pytest

from chatrepl.services.system.clipboard import SystemClipboard

pytestmark = pytest.mark.process

TEXT = "Grüße, 日本 🙂\nsecond line\n"


class Desktop:
    """A folder of fake clipboard programs, each of which saves its input to a file."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()

    def has(self, name: str, program: str = "") -> None:
        script = self.folder / name
        script.write_text(
            f"#!{sys.executable}\n"
            "import os, pathlib, sys, time\n"
            f"got = pathlib.Path({str(self.folder / (name + '.got'))!r})\n"
            f"args = pathlib.Path({str(self.folder / (name + '.args'))!r})\n"
            f"{program or 'got.write_bytes(sys.stdin.buffer.read())'}\n"
            "args.write_text(' '.join(sys.argv[1:]))\n"
        )
        script.chmod(0o700)

    def got(self, name: str) -> bytes | None:
        file = self.folder / f"{name}.got"
        return file.read_bytes() if file.exists() else None

    def copy(
        self, environment: dict[str, str], text: str = TEXT, *, timeout_s: float = 10.0
    ) -> bool:
        environment = {"PATH": str(self.folder), **environment}
        return asyncio.run(SystemClipboard(environment, timeout_s=timeout_s).copy(text))


@pytest.fixture
def desktop(tmp_path: Path) -> Desktop:
    return Desktop(tmp_path / "bin")


@pytest.mark.parametrize(
    ("name", "environment", "encoding", "arguments"),
    [
        ("wl-copy", {"WAYLAND_DISPLAY": "wayland-0"}, "utf-8", "--type text/plain"),
        ("xclip", {"DISPLAY": ":0"}, "utf-8", "-selection clipboard"),
        ("xsel", {"DISPLAY": ":0"}, "utf-8", "--clipboard --input"),
        ("pbcopy", {}, "utf-8", ""),
        ("termux-clipboard-set", {}, "utf-8", ""),
        ("clip.exe", {}, "utf-16", ""),
        ("xclip", {"DISPLAY": "localhost:10.0", "SSH_TTY": "/dev/pts/1"}, "utf-8", None),
    ],
)
def test_the_desktops_own_program_gets_the_text_exactly(
    desktop: Desktop, name: str, environment: dict[str, str], encoding: str, arguments: str | None
) -> None:
    desktop.has(name)
    assert desktop.copy(environment)
    got = desktop.got(name)
    assert got is not None
    assert got.decode(encoding) == TEXT
    if arguments is not None:
        assert (desktop.folder / f"{name}.args").read_text() == arguments


@pytest.mark.parametrize(
    ("name", "environment"),
    [
        ("wl-copy", {"DISPLAY": ":0"}),
        ("xclip", {}),
        ("xclip", {"DISPLAY": ""}),
        ("xsel", {"WAYLAND_DISPLAY": "wayland-0"}),
        ("pbcopy", {"SSH_CONNECTION": "10.0.0.1 1 10.0.0.2 22"}),
        ("clip.exe", {"SSH_TTY": "/dev/pts/1"}),
        ("other", {"DISPLAY": ":0", "WAYLAND_DISPLAY": "wayland-0"}),
    ],
)
def test_a_program_whose_desktop_is_not_there_is_left_alone(
    desktop: Desktop, name: str, environment: dict[str, str]
) -> None:
    desktop.has(name)
    assert not desktop.copy(environment)
    assert desktop.got(name) is None


@pytest.mark.parametrize(
    "program",
    ["sys.exit(1)", "time.sleep(100)", "os.close(0); sys.exit(1)", "raise OSError"],
)
def test_where_one_program_fails_the_next_is_asked(desktop: Desktop, program: str) -> None:
    desktop.has("xclip", program)
    desktop.has("xsel")
    assert desktop.copy({"DISPLAY": ":0"}, "x" * 1_000_000, timeout_s=2.0)
    assert desktop.got("xsel") == b"x" * 1_000_000


def test_a_file_that_cannot_be_run_is_passed_over(desktop: Desktop) -> None:
    (desktop.folder / "xclip").write_text("#!/no/such/interpreter\n")
    (desktop.folder / "xclip").chmod(0o700)
    assert not desktop.copy({"DISPLAY": ":0"})


def test_a_program_that_stays_to_serve_the_clipboard_is_not_waited_for(desktop: Desktop) -> None:
    stays = "got.write_bytes(sys.stdin.buffer.read())\nif os.fork() == 0: time.sleep(5)"
    desktop.has("xclip", stays)
    desktop.has("xsel")
    assert desktop.copy({"DISPLAY": ":0"}, timeout_s=4.0)
    assert desktop.got("xclip") == TEXT.encode()
    assert desktop.got("xsel") is None


async def test_giving_up_while_a_program_hangs_ends_it(desktop: Desktop) -> None:
    desktop.has("xclip", "got.write_text(str(os.getpid())); time.sleep(100)")
    environment = {"PATH": str(desktop.folder), "DISPLAY": ":0"}
    copying = asyncio.create_task(SystemClipboard(environment, timeout_s=60).copy(TEXT))
    while not desktop.got("xclip"):
        await asyncio.sleep(0.01)
    copying.cancel()
    await asyncio.gather(copying, return_exceptions=True)
    with pytest.raises(ProcessLookupError):
        os.kill(int(desktop.got("xclip") or 0), 0)


def test_a_lone_surrogate_does_not_stop_the_copy(desktop: Desktop) -> None:
    desktop.has("pbcopy")
    assert desktop.copy({}, "a\ud800b")
    assert desktop.got("pbcopy") == b"a?b"
