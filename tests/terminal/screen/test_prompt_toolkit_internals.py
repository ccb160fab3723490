"""Private names of prompt_toolkit: each exists, and none is used outside their module."""

import ast
import importlib
import inspect
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

import chatrepl.terminal
from chatrepl.terminal.screen import prompt_toolkit_internals
from chatrepl.terminal.screen.prompt_toolkit_internals import PRIVATE_NAMES

TERMINAL = Path(chatrepl.terminal.__file__).parent
MODULES = [
    f"chatrepl.terminal.{folder}.{path.stem}"
    for folder in ("screen", "prompt", "tty")
    for path in sorted((TERMINAL / folder).glob("[a-z]*.py"))
    if path != Path(prompt_toolkit_internals.__file__)
]
PRIVATE = re.compile(r"_(?!_)\w+")
DOCUMENTED = {
    *("application", "buffer", "completion", "document", "enums", "filters", "formatted_text"),
    *("history", "input", "input.ansi_escape_sequences", "input.vt100_parser", "key_binding"),
    *("key_binding.key_processor", "keys", "layout", "layout.processors", "layout.screen"),
    *("output", "output.vt100", "renderer"),
}
"""Modules of prompt_toolkit in the reference of its documentation, as far as they are used."""


def private_names(source: str, *, of_self: bool) -> set[str]:
    """Return the private attributes that are used, of ``self`` or of all else, and methods."""
    found = set()
    for node in ast.walk(ast.parse(textwrap.dedent(source))):
        if isinstance(node, ast.Attribute) and PRIVATE.fullmatch(node.attr):
            is_self = isinstance(node.value, ast.Name) and node.value.id in ("self", "cls")
            if is_self == of_self:
                found.add(node.attr)
        elif isinstance(node, ast.FunctionDef) and of_self and PRIVATE.fullmatch(node.name):
            found.add(node.name)
    return found


def borrowed_names(kind: type) -> set[str]:
    """Return the private names of a class that those of prompt_toolkit have which it extends."""
    bases = [base for base in kind.__mro__ if base.__module__.startswith("prompt_toolkit.")]
    theirs = {
        name for base in bases for name in private_names(inspect.getsource(base), of_self=True)
    }
    return theirs & private_names(inspect.getsource(kind), of_self=True)


def classes(name: str) -> Iterator[type]:
    module = importlib.import_module(name)
    for kind in vars(module).values():
        if isinstance(kind, type) and kind.__module__ == name:
            yield kind


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        pytest.param(kind, name, id=f"{kind.__name__}.{name}")
        for kind, names in PRIVATE_NAMES.items()
        for name in names
    ],
)
def test_prompt_toolkit_has_the_private_name(kind: type, name: str) -> None:
    assert name in private_names(inspect.getsource(kind), of_self=True)


def test_the_list_of_private_names_is_complete() -> None:
    source = inspect.getsource(prompt_toolkit_internals)
    used = private_names(source, of_self=True) | private_names(source, of_self=False)
    assert used == {name for names in PRIVATE_NAMES.values() for name in names}


def test_no_other_module_uses_a_private_name_or_an_undocumented_module() -> None:
    faults = {name: sorted(set(private_imports(name))) for name in MODULES}
    for name in MODULES:
        source = inspect.getsource(importlib.import_module(name))
        faults[name] += private_names(source, of_self=False)
        for kind in classes(name):
            faults[name] += borrowed_names(kind)
    assert {name: names for name, names in faults.items() if names} == {}


def private_imports(name: str) -> Iterator[str]:
    """Yield private names, and undocumented modules, that a module imports."""
    for node in ast.walk(ast.parse(inspect.getsource(importlib.import_module(name)))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("prompt_toolkit"):
            if (node.module or "").removeprefix("prompt_toolkit.") not in DOCUMENTED:
                yield str(node.module)
            yield from (alias.name for alias in node.names if alias.name.startswith("_"))
        elif isinstance(node, ast.Import):
            yield from (a.name for a in node.names if a.name.startswith("prompt_toolkit"))
