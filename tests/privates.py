"""The private names of Lightning and jsonargparse that a file uses, or changes in a subclass."""

from __future__ import annotations

import ast
import inspect
import os
import re
import textwrap
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from typing import Any

import torch
from torch import nn

LIBRARIES = ("argparse", "jsonargparse", "lightning")
"""jsonargparse's parsers and formatters are argparse's, too."""
INTERNAL = ("val_check_batch", "fit_loop", "epoch_loop", "batch_progress", "total_batch_idx")
"""What has no underscore in Lightning and no promise either."""
OF_OTHERS = {
    name for owner in (os, torch, torch.Tensor, nn.Conv2d(1, 1, 1)) for name in dir(owner)
} | {"_fields", "_make", "_replace"}  # of named tuples, and public
"""Private names that are no business of these libraries."""


def private_names_used(source: str) -> set[str]:
    """The private names of the libraries that a file uses.

    Args:
        source: Its text; what it imports must be there.
    """
    tree = ast.parse(source)
    names = {name for node in ast.walk(tree) for name in (*_imported(node), *_used(node))}
    own = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    return (names - own) | {
        name for node in _classes(tree) if node.bases for name in _of_bases(node, tree)
    }


def is_private(name: str) -> bool:
    return re.match(r"_[A-Za-z]", name) is not None


def _imported(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import | ast.ImportFrom):
        start = f"{node.module}." if isinstance(node, ast.ImportFrom) else ""
        for full in (f"{start}{alias.name}" for alias in node.names):
            if full.split(".")[0] in LIBRARIES:
                yield from filter(is_private, full.split("."))


def _used(node: ast.AST) -> Iterator[str]:
    """Attributes of whatever the libraries may have made, also by a text; `self` aside."""
    own = isinstance(node, ast.Attribute) and ast.unparse(node.value) in ("self", "cls")
    if isinstance(node, ast.Attribute) and not own:
        name = node.attr
    elif isinstance(node, ast.Call) and ast.unparse(node.func) in ("getattr", "setattr", "hasattr"):
        name = str(getattr(node.args[1], "value", "")) if node.args[1:] else ""
    else:
        return
    if name in INTERNAL or (is_private(name) and name not in OF_OTHERS):
        yield name


def _of_bases(node: ast.ClassDef, tree: ast.Module) -> set[str]:
    """What a class overrides or uses of the libraries' classes that it is one of."""
    bases = {base for kind in _kinds(node, tree) for base in inspect.getmro(kind)}
    theirs = {
        name for base in bases if base.__module__.split(".")[0] in LIBRARIES for name in _has(base)
    }
    defined = {part.name for part in ast.walk(node) if isinstance(part, ast.FunctionDef)}
    used = {part.attr for part in ast.walk(node) if isinstance(part, ast.Attribute)}
    return {name for name in (defined | used) & theirs if is_private(name)}


def _kinds(node: ast.ClassDef, tree: ast.Module) -> Iterator[type[Any]]:
    """The imported classes that a class is made from, over those of its own file."""
    own = {made.name: made for made in _classes(tree)}
    homes = {
        alias.asname or alias.name: (part.module, alias.name)
        for part in ast.walk(tree)
        if isinstance(part, ast.ImportFrom)
        for alias in part.names
    }
    for base in node.bases:
        name = ast.unparse(base).split("[")[0]
        if name in own:
            yield from _kinds(own[name], tree)
        elif name in homes:
            module, attribute = homes[name]
            kind = getattr(import_module(str(module)), attribute)
            if isinstance(kind, type):
                yield kind


def _classes(tree: ast.Module) -> list[ast.ClassDef]:
    return [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]


@cache
def _has(kind: type[Any]) -> frozenset[str]:
    """The attributes of a class, and those that its methods give to an object."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(kind)))
    stored = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)
    }
    return frozenset({*vars(kind), *stored})
