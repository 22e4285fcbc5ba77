"""What a file of the package imports when it runs, and where its text does not say what."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

NAME = "gan_lightning"
LOADERS = ("builtins", "imp", "importlib", "pkgutil", "runpy", "sys.modules", "zipimport")
"""What modules can be had through by a name that is only known at run time."""
HARMLESS = ("importlib.metadata",)
FOR_TYPES = ("TYPE_CHECKING", "typing.TYPE_CHECKING")
RUNS_TEXT = ("__import__", "__builtins__", "eval", "exec")


class Imports(NamedTuple):
    """What is imported.

    Attributes:
        rooms: Those of the package.
        untold: Ways in through which any of them could come.
    """

    rooms: set[str]
    untold: set[str]


def imports_of(source: str, path: Path) -> Imports:
    """What a file imports at run time, in whatever way.

    Args:
        source: Its text.
        path: Where it stands within the package; relative imports start from there.
    """
    nodes = list(_at_run_time(ast.parse(source)))
    names = {name for node in nodes for name in _imported(node, path)}
    untold = {
        *(name for name in names if _within(name, LOADERS) and not _within(name, HARMLESS)),
        *(ast.unparse(node) for node in nodes if _opens_all(node)),
        *_reached(nodes),
    }
    parts = [name.split(".") for name in names]
    return Imports({part[1] for part in parts if part[0] == NAME and part[1:]}, untold)


def _at_run_time(node: ast.AST) -> Iterator[ast.AST]:
    """What is below a node, but for what is imported for types alone."""
    yield node
    below: Iterable[ast.AST] = ast.iter_child_nodes(node)
    if isinstance(node, ast.If) and ast.unparse(node.test) in FOR_TYPES:
        below = node.orelse
    for child in below:
        yield from _at_run_time(child)


def _imported(node: ast.AST, path: Path) -> Iterator[str]:
    """The full names that a statement imports."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        home = (NAME, *path.parent.parts)
        start = home[: len(home) + 1 - node.level] if node.level else ()
        for alias in node.names:
            yield ".".join(filter(None, (*start, node.module, alias.name)))


def _opens_all(node: ast.AST) -> bool:
    """Whether a statement binds the package itself, which hands on whatever is asked of it."""
    return isinstance(node, ast.Import) and any(
        alias.name == NAME or (alias.name.startswith(f"{NAME}.") and not alias.asname)
        for alias in node.names
    )


def _reached(nodes: Iterable[ast.AST]) -> Iterator[str]:
    """What is used, beside what is imported, that runs texts or knows all modules."""
    nodes = list(nodes)
    system = {
        alias.asname or alias.name
        for node in nodes
        if isinstance(node, ast.Import)
        for alias in node.names
        if alias.name == "sys"
    }
    for node in nodes:
        if isinstance(node, ast.Name) and node.id in RUNS_TEXT:
            yield node.id
        if isinstance(node, ast.Attribute):
            owner = node.value.id if isinstance(node.value, ast.Name) else ""
            if node.attr in ("__import__", "import_module"):
                yield node.attr
            if node.attr == "modules" and owner in system:
                yield "sys.modules"


def _within(name: str, modules: Iterable[str]) -> bool:
    return any(f"{name}.".startswith(f"{module}.") for module in modules)
