"""Rules of the layout: rooms, owners of libraries, order, names and sizes."""

import sys
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import PurePosixPath

import pytest

from tests.support import ROOT
from tests.support.source_tree import Module, circles, import_graph, read_modules

ROOMS = {
    "core": {"core"},
    "services": {"core", "services"},
    "terminal": {"core", "terminal"},
    "cli": {"core", "services", "terminal", "cli"},
}
"""Each room with the rooms that it may import."""

CORE_ORDER = (
    *("errors", "json_value", "messages", "usage", "events"),
    *("text", "ports", "settings", "conversation", "transcript", "servers", "context"),
    *("sessions", "turn", "session", "commands"),
)
"""The modules and packages of core; each may import those before it."""

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
"""Each library with the packages that may import it."""

CORE_MAY_NOT = {"os", "sys", "socket", "subprocess", "time", "random", "secrets", "pathlib.Path"}
"""Parts of the standard library that reach the outside world."""

FOLDER_MODULES = 12
WIDER_FOLDERS = {"chatrepl/core": 16, "chatrepl/terminal/draw/markdown": 16}
SMALLEST_LINES, LARGEST_LINES = 60, 500
UNUSUAL_SIZES: dict[str, str] = {
    "chatrepl/core/conversation/ends.py": "one table, read by all that shows or sends answers",
    "chatrepl/core/json_value.py": "the type of JSON values, imported by all of the core",
    "chatrepl/core/text/quoting.py": "imported by commands and configuration, which share no other",
    "chatrepl/core/text/surrogates.py": "imported by the prompt before the core is loaded",
    "chatrepl/services/local_model/server.py": "the program of a child process",
    "chatrepl/services/openai_api/json_fields.py": "checks shared by the streams and the errors",
    "chatrepl/terminal/capabilities.py": "imported before anything is drawn",
    "chatrepl/terminal/prompt/actions.py": "the prompt's port, which is all that it knows",
}
"""Modules of other sizes, each with its reason."""
LONGEST_FUNCTION_LINES = 60
RIDDLES = ("what", "who", "whoever", "whose", "nobody", "how", "whether", "that", "of", "where")
"""Words that begin no docstring: its first sentence names the thing."""
TEST_FOLDERS_OF_THEIR_OWN = ("benchmarks", "e2e", "long", "support")


@cache
def package() -> Sequence[Module]:
    return read_modules(ROOT / "chatrepl")


@cache
def suite() -> Sequence[Module]:
    return read_modules(ROOT / "tests")


def module(path: str, text: str = "") -> Module:
    return Module(PurePosixPath(path), text)


def belongs_to(name: str, owner: str) -> bool:
    return name == owner or name.startswith(owner + ".")


def import_fault(name: str, imported: str) -> str | None:
    """Return the fault of one import of a module, both named in full, or None."""
    own = name.removeprefix("chatrepl").removeprefix(".")
    top, *rest = imported.split(".")
    if not top:
        return "relative import"
    if top == "chatrepl":
        room = own.split(".")[0]
        if own in ("", "__main__") or rest[0] in ("__version__", *ROOMS[room]):
            return None
        return f"{room} may not import {rest[0]}"
    if top in OWNERS:
        is_owner = any(belongs_to(own, owner) for owner in OWNERS[top])
        return None if is_owner else f"{top} belongs to {' and '.join(OWNERS[top])}"
    if top not in sys.stdlib_module_names:
        return f"{top} has no owner"
    if belongs_to(own, "core") and {top, imported} & CORE_MAY_NOT:
        return f"core may not use {imported}"
    return None


def import_faults(modules: Sequence[Module]) -> Iterator[str]:
    for one in modules:
        for imported, node in one.imports():
            if fault := import_fault(one.name, imported):
                yield f"{one.place(node)}: {fault}"


def order_faults(modules: Sequence[Module]) -> Iterator[str]:
    for name, targets in import_graph(modules).items():
        own = name.split(".")[2:3]
        if name.startswith("chatrepl.core.") and own[0] not in CORE_ORDER:
            yield f"{name} has no place in the order of core"
            continue
        for target in sorted(targets):
            part = target.split(".")[2:3]
            if not (name.startswith("chatrepl.core.") and part and part[0] in CORE_ORDER):
                continue
            if CORE_ORDER.index(part[0]) > CORE_ORDER.index(own[0]):
                yield f"{name} imports {target}, which comes after it"


def folder_faults(modules: Sequence[Module]) -> Iterator[str]:
    counts = Counter(str(one.path.parent) for one in modules if not one.is_package)
    for folder, count in counts.items():
        if count > WIDER_FOLDERS.get(folder, FOLDER_MODULES):
            yield f"{folder} has {count} modules"


def size_faults(modules: Sequence[Module], unusual: Sequence[str]) -> Iterator[str]:
    sizes = {
        str(one.path): one.line_count
        for one in modules
        if one.path.name not in ("__init__.py", "__main__.py")
    }
    for path, lines in sizes.items():
        is_usual = SMALLEST_LINES <= lines <= LARGEST_LINES
        if is_usual == (path in unusual):
            yield f"{path} has {lines} lines" + " and needs no reason" * is_usual
    yield from (f"{path} is not there" for path in unusual if path not in sizes)


def class_faults(modules: Sequence[Module]) -> Iterator[str]:
    places = defaultdict(list)
    for one in modules:
        for found in one.classes():
            if not found.name.startswith("_"):
                places[found.name].append(str(one.path))
    for name, paths in places.items():
        if len(paths) > 1:
            yield f"{name} stands in {' and '.join(paths)}"


def private_import_faults(modules: Sequence[Module]) -> Iterator[str]:
    for one in modules:
        for imported, node in one.imports():
            name = imported.rpartition(".")[2]
            if imported.startswith("chatrepl.") and name.startswith("_") and name[1] != "_":
                yield f"{one.place(node)}: {imported} is private"


def function_faults(modules: Sequence[Module]) -> Iterator[str]:
    for one in modules:
        for function in one.functions():
            assert function.end_lineno is not None
            lines = function.end_lineno - function.lineno + 1
            if lines > LONGEST_FUNCTION_LINES:
                yield f"{one.place(function)}: {function.name} has {lines} lines"


def docstring_faults(modules: Sequence[Module]) -> Iterator[str]:
    for one in modules:
        for docstring, node in one.docstrings():
            sentence = docstring.splitlines()[0]
            if sentence.lower().split(" ")[0] in RIDDLES:
                yield f"{one.place(node)}: {sentence}"


def shared_helper_faults(modules: Sequence[Module]) -> Iterator[str]:
    for one in modules:
        for imported, node in one.imports():
            top, *rest = imported.split(".")
            if top == "tests" and any(part.startswith(("test_", "conftest")) for part in rest[:-1]):
                yield f"{one.place(node)}: {imported} belongs in tests.support"


def mirror_faults(modules: Sequence[Module], mirrored: Sequence[Module]) -> Iterator[str]:
    folders = {one.path.parent.relative_to("chatrepl") for one in mirrored}
    for one in modules:
        folder = one.path.parent.relative_to("tests")
        is_own = not folder.parts or folder.parts[0] in TEST_FOLDERS_OF_THEIR_OWN
        if not (is_own or folder in folders):
            yield f"{one.path}: there is no folder chatrepl/{folder}"


def test_imports_stay_within_rooms_and_libraries_with_their_owners() -> None:
    assert list(import_faults(package())) == []


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("chatrepl/core/session.py", "from rich.text import Text"),
        ("chatrepl/core/session.py", "from chatrepl.services.files.private_files import write"),
        ("chatrepl/core/session.py", "import os"),
        ("chatrepl/core/session.py", "from pathlib import Path"),
        ("chatrepl/core/session.py", "from .errors import ChatreplError"),
        ("chatrepl/services/files/__init__.py", "import chatrepl.terminal.live.toolbar"),
        ("chatrepl/terminal/front.py", "def f():\n    from chatrepl.services.store import x"),
        ("chatrepl/terminal/front.py", "if TYPE_CHECKING:\n    from chatrepl.cli.main import x"),
        ("chatrepl/services/store/store.py", "import prompt_toolkit.application"),
        ("chatrepl/services/system/shell.py", "import requests"),
    ],
)
def test_a_forbidden_import_is_caught(path: str, source: str) -> None:
    assert len(list(import_faults([module(path, source)]))) == 1


def test_no_modules_import_each_other_in_a_circle() -> None:
    assert circles(import_graph(package())) == []


def test_a_circle_is_caught() -> None:
    modules = [
        module("p/a.py", "if TYPE_CHECKING:\n    from p.b import B"),
        module("p/b.py", "def f():\n    from p import c"),
        module("p/c.py", "import p.a"),
        module("p/d.py", "import p.a"),
    ]
    assert circles(import_graph(modules)) == [["p.a", "p.b", "p.c"]]


def test_core_imports_only_what_comes_before_in_its_order() -> None:
    assert list(order_faults(package())) == []


def test_an_import_against_the_order_of_core_is_caught() -> None:
    modules = [
        module("chatrepl/core/servers/target.py", "from chatrepl.core.session import Session"),
        module("chatrepl/core/session.py", "from chatrepl.core.servers import target"),
        module("chatrepl/core/drawer.py"),
    ]
    assert list(order_faults(modules)) == [
        "chatrepl.core.servers.target imports chatrepl.core.session, which comes after it",
        "chatrepl.core.drawer has no place in the order of core",
    ]


def test_folders_have_few_modules() -> None:
    support = [one for one in suite() if one.path.parts[1] == "support"]
    assert list(folder_faults([*package(), *support])) == []


def test_a_folder_of_many_modules_is_caught() -> None:
    modules = [module(f"chatrepl/core/turn/m{number}.py") for number in range(13)]
    modules += [module(f"chatrepl/core/m{number}.py") for number in range(16)]
    modules += [module("chatrepl/core/__init__.py")]
    assert list(folder_faults(modules)) == ["chatrepl/core/turn has 13 modules"]


def test_modules_are_neither_slices_nor_drawers() -> None:
    assert list(size_faults(package(), list(UNUSUAL_SIZES))) == []
    assert all(UNUSUAL_SIZES.values())


def test_a_module_of_unusual_size_is_caught_and_one_without_need_of_a_reason() -> None:
    sizes = {"small": 59, "smallest": 60, "largest": 500, "large": 501, "listed": 5, "usual": 99}
    modules = [module(f"p/{name}.py", "x\n" * lines) for name, lines in sizes.items()]
    assert list(size_faults(modules, ["p/listed.py", "p/usual.py", "p/gone.py"])) == [
        "p/small.py has 59 lines",
        "p/large.py has 501 lines",
        "p/usual.py has 99 lines and needs no reason",
        "p/gone.py is not there",
    ]


def test_no_public_class_name_stands_twice() -> None:
    assert list(class_faults(package())) == []


def test_a_class_name_that_stands_twice_is_caught() -> None:
    modules = [
        module("p/a.py", "class Turn: ...\nclass _Private: ..."),
        module("p/b.py", "class Turn: ...\nclass _Private: ..."),
    ]
    assert list(class_faults(modules)) == ["Turn stands in p/a.py and p/b.py"]


def test_no_function_is_longer_than_a_screen() -> None:
    assert list(function_faults(package())) == []


def test_a_long_function_is_caught() -> None:
    source = "class C:\n    async def f(self):\n" + "        pass\n" * 60
    source += "def g():\n" + "    pass\n" * 59
    assert list(function_faults([module("p/a.py", source)])) == ["p/a.py:2: f has 61 lines"]


def test_docstrings_begin_with_what_the_thing_is() -> None:
    assert list(docstring_faults([*package(), *suite()])) == []


def test_a_docstring_that_begins_with_a_riddle_is_caught() -> None:
    source = (
        '"""What it is."""\nclass C:\n    """Howls."""\n    def f(self):\n        """How so."""'
    )
    assert list(docstring_faults([module("p/a.py", source)])) == [
        "p/a.py:1: What it is.",
        "p/a.py:4: How so.",
    ]


def test_no_module_imports_a_test_module() -> None:
    assert list(shared_helper_faults(suite())) == []


@pytest.mark.parametrize(
    "source",
    [
        "from tests.core.test_session import say",
        "from tests.services.local_model.conftest import run",
    ],
)
def test_an_import_of_a_test_module_is_caught(source: str) -> None:
    assert len(list(shared_helper_faults([module("tests/cli/test_a.py", source)]))) == 1


def test_folders_of_tests_mirror_the_package() -> None:
    assert list(mirror_faults(suite(), package())) == []


def test_a_folder_of_tests_that_mirrors_nothing_is_caught() -> None:
    modules = [
        module("tests/test_documents.py"),
        module("tests/core/turn/test_turn.py"),
        module("tests/core/drawer/test_drawer.py"),
        module("tests/e2e/test_typing.py"),
    ]
    assert list(mirror_faults(modules, [module("chatrepl/core/turn/turn.py")])) == [
        "tests/core/drawer/test_drawer.py: there is no folder chatrepl/core/drawer"
    ]


def test_no_module_imports_a_private_name_of_another() -> None:
    assert list(private_import_faults(package())) == []


def test_an_import_of_a_private_name_is_caught() -> None:
    source = "from chatrepl.core.errors import _wrap, wrap"
    assert list(private_import_faults([module("p/a.py", source)])) == [
        "p/a.py:1: chatrepl.core.errors._wrap is private"
    ]
