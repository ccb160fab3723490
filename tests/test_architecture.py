"""The rooms and who may enter them; the owners of libraries; the size of things."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "chatrepl"
MODULES = sorted(PACKAGE.rglob("*.py"))

ROOMS = {
    "core": {"core"},
    "services": {"core", "services"},
    "terminal": {"core", "terminal"},
    "cli": {"core", "services", "terminal", "cli"},
}

OWNERS: dict[str, tuple[str, ...]] = {
    "openai": ("services.openai_api",),
    "httpx2": ("services.openai_api",),
    "tiktoken": ("services.models",),
    "tiktoken_ext": ("services.models",),
    "sqlite3": ("services.store", "services.llm_import"),
    "platformdirs": ("services.files",),
    "genai_prices": ("services.models",),
    "keyring": ("services.system",),
    "xllamacpp": ("services.local_model",),
    "prompt_toolkit": ("terminal.screen", "terminal.prompt", "terminal.tty"),
    "rich": ("terminal.draw",),
    "markdown_it": ("terminal.draw",),
    "pygments": ("terminal.draw",),
    "wcwidth": ("terminal.draw",),
    "pylatexenc": ("terminal.draw",),
    "argparse": ("cli.arguments",),
}

CORE_MAY_NOT = {"os", "sys", "socket", "subprocess", "time", "random", "secrets", "pathlib.Path"}


def module_name(path: Path) -> str:
    return ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__")


def imports(tree: ast.AST) -> Iterator[tuple[str, int]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: relative import"
            for alias in node.names:
                yield f"{node.module}.{alias.name}", node.lineno


def belongs_to(module: str, owner: str) -> bool:
    return module == owner or module.startswith(owner + ".")


def fault(module: str, imported: str) -> str | None:
    """Say what is wrong with one import, or None."""
    top, *rest = imported.split(".")
    if top == "chatrepl":
        room = module.split(".")[0]
        if module in ("", "__main__") or rest[0] == "__version__":
            return None
        return None if rest[0] in ROOMS[room] else f"{room} may not import {rest[0]}"
    if top in OWNERS:
        owned = any(belongs_to(module, owner) for owner in OWNERS[top])
        return None if owned else f"{top} belongs to {OWNERS[top]}"
    if top not in sys.stdlib_module_names:
        return f"{top} has no owner"
    if belongs_to(module, "core") and (top in CORE_MAY_NOT or imported in CORE_MAY_NOT):
        return f"core may not use {imported}"
    return None


@pytest.mark.parametrize("path", MODULES, ids=module_name)
def test_a_module_imports_only_what_its_room_may(path: Path) -> None:
    module = module_name(path)
    tree = ast.parse(path.read_text("utf-8"))
    faults = [
        f"{path.name}:{line}: {what}"
        for name, line in imports(tree)
        if (what := fault(module, name)) is not None
    ]
    assert not faults


@pytest.mark.parametrize(
    ("module", "imported"),
    [
        ("core.session", "rich.text"),
        ("core.session", "chatrepl.services.files.private_files"),
        ("core.session", "os"),
        ("services.files", "chatrepl.terminal.live.conversation_view"),
        ("terminal.front", "chatrepl.services.files.private_files"),
        ("terminal.front", "chatrepl.cli.main"),
        ("services.store", "prompt_toolkit.application"),
        ("services.system", "requests"),
    ],
)
def test_a_forbidden_import_is_caught(module: str, imported: str) -> None:
    assert fault(module, imported) is not None


@pytest.mark.parametrize("path", MODULES, ids=module_name)
def test_a_module_has_under_400_lines_and_says_what_it_is_for(path: Path) -> None:
    text = path.read_text("utf-8")
    assert text.count("\n") < 400
    assert ast.get_docstring(ast.parse(text))


@pytest.mark.parametrize("path", MODULES, ids=module_name)
def test_no_function_is_longer_than_60_lines(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            assert node.end_lineno - node.lineno < 60, node.name
