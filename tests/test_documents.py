"""Documents against the code: generated parts, set-up commands, the changelog."""

import re
from pathlib import Path

import pytest

from chatrepl import __version__
from chatrepl.core.commands.table import COMMANDS
from tests.support import ROOT
from tests.support.reference import fill

PLACES = (ROOT, ROOT / "chatrepl")
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_generated_parts_are_what_the_tables_say(path: Path) -> None:
    text = path.read_text("utf-8")
    assert fill(text) == text, "run: python -m tests.support.tools.fill_documents"


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_links_to_files_lead_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", path.read_text("utf-8")):
        assert (path.parent / target).exists(), target


def test_paths_in_the_architecture_exist() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    named = set(re.findall(r"`((?:chatrepl|core|services|terminal|cli|tests)/[\w/.]*)`", text))
    assert len(named) > 60
    assert [path for path in named if not any((place / path).exists() for place in PLACES)] == []


def test_the_readme_has_exactly_two_set_up_commands() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    lines = [line for line in readme.split("\n") if line.startswith("python3 -m venv ")]
    assert len(lines) == 2
    assert "chatrepl --local" in lines[0]
    assert "pytest" in lines[1]


def test_the_changelog_knows_this_version() -> None:
    assert f"## {__version__}" in (ROOT / "docs" / "changelog.md").read_text("utf-8")


def test_every_command_has_a_summary_and_names_are_unique() -> None:
    names = [name for command in COMMANDS for name in (command.name, *command.aliases)]
    assert len(names) == len(set(names))
    assert all(command.summary for command in COMMANDS)
