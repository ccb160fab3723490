"""Modules as syntax trees, their imports, and circles among them."""

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath

__all__ = ["Function", "Module", "circles", "import_graph", "read_modules"]

Function = ast.FunctionDef | ast.AsyncFunctionDef
Definition = ast.Module | ast.ClassDef | Function


@dataclass(frozen=True)
class Module:
    """One source file."""

    path: PurePosixPath
    """From the project's folder."""
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)

    @cached_property
    def nodes(self) -> Sequence[ast.AST]:
        """All nodes of the tree, those at the top first."""
        return list(ast.walk(self.tree))

    @property
    def name(self) -> str:
        """The dotted name; of an ``__init__``, the package's."""
        return ".".join(self.path.with_suffix("").parts).removesuffix(".__init__")

    @property
    def is_package(self) -> bool:
        return self.path.name == "__init__.py"

    @property
    def line_count(self) -> int:
        return len(self.text.splitlines())

    def place(self, node: ast.AST) -> str:
        """Return path and line of a node."""
        return f"{self.path}:{getattr(node, 'lineno', 1)}"

    def imports(self) -> Iterator[tuple[str, ast.AST]]:
        """Yield each imported name in full, as ``package.module.name``, wherever it is imported."""
        for node in self.nodes:
            if isinstance(node, ast.Import):
                yield from ((alias.name, node) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                origin = "." * node.level + (node.module or "")
                yield from ((f"{origin}.{alias.name}", node) for alias in node.names)

    def classes(self) -> Iterator[ast.ClassDef]:
        """Yield the classes of the module's top level."""
        yield from (node for node in self.tree.body if isinstance(node, ast.ClassDef))

    def functions(self) -> Iterator[Function]:
        """Yield all functions, methods and nested functions."""
        yield from (node for node in self.nodes if isinstance(node, Function))

    def docstrings(self) -> Iterator[tuple[str, ast.AST]]:
        """Yield the docstrings of the module, its classes and its functions."""
        for node in self.nodes:
            if isinstance(node, Definition) and (docstring := ast.get_docstring(node)):
                yield docstring, node


def read_modules(folder: Path) -> list[Module]:
    """Read all modules below a folder of the project, by their paths."""
    root = folder.parent
    return [
        Module(PurePosixPath(path.relative_to(root).as_posix()), path.read_text("utf-8"))
        for path in sorted(folder.rglob("*.py"))
    ]


def import_graph(modules: Sequence[Module]) -> dict[str, set[str]]:
    """Return for each module the others of them that it imports."""
    names = {module.name for module in modules}
    graph: dict[str, set[str]] = {}
    for module in modules:
        imported = (name for name, _ in module.imports())
        targets = {name if name in names else name.rpartition(".")[0] for name in imported}
        graph[module.name] = targets & names - {module.name}
    return graph


def circles(graph: Mapping[str, set[str]]) -> list[list[str]]:
    """Return the groups of nodes that reach each other."""
    reached = {node: _reachable(graph, node) for node in graph}
    groups = {
        tuple(sorted(other for other in reached[node] if node in reached[other]))
        for node in graph
        if node in reached[node]
    }
    return sorted(map(list, groups))


def _reachable(graph: Mapping[str, set[str]], start: str) -> set[str]:
    found: set[str] = set()
    waiting = [*graph[start]]
    while waiting:
        node = waiting.pop()
        if node not in found:
            found.add(node)
            waiting += graph[node]
    return found
