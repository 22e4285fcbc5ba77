"""The rooms of the house and the one way through them."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.conftest import ROOT

PACKAGE = ROOT / "gan_lightning"
LEAVES = {
    "errors",
    "streams",
    "files",
    "distributed",
    "run_folder",
    "clock",
}  # what every room may use
ALLOWED: dict[str, set[str]] = {
    "networks": set(),
    "losses": set(),
    "normalization": set(),
    "image_files": set(),
    "data": {"image_files", "signals"},
    "extractors": {"image_files"},
    "scores": {"extractors", "image_files"},
    "images": {"networks"},
    "checkpointing": set(),
    "optim": set(),
    "slurm": set(),
    "signals": {"slurm"},
    "run_lock": set(),
    "scores_log": set(),
    "checkpoint_io": {"checkpointing"},
    "validation": set(),
    "logger": set(),
    "graph": set(),
    "divergence": set(),
    "step": {"losses", "normalization"},
    "gan": {
        "step",
        "graph",
        "checkpointing",
        "divergence",
        "validation",
        "losses",
        "normalization",
        "networks",
        "images",
        "optim",
    },
    "callbacks": {
        "gan",
        "logger",
        "extractors",
        "scores",
        "images",
        "networks",
        "data",
        "scores_log",
        "signals",
        "slurm",
    },
}


def rooms_imported(path: Path) -> set[str]:
    """The rooms of the package that a file imports at run time."""
    tree = ast.parse(path.read_text())
    typing_only = {
        id(node)
        for block in ast.walk(tree)
        if isinstance(block, ast.If) and "TYPE_CHECKING" in ast.unparse(block.test)
        for node in ast.walk(block)
    }
    names: set[str] = set()
    for node in ast.walk(tree):
        if id(node) in typing_only:
            continue
        if isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    parts = [name.split(".") for name in names]
    return {p[1] for p in parts if p[0] == "gan_lightning" and len(p) > 1}


@pytest.mark.parametrize("room", ALLOWED)
def test_imports_point_one_way(room: str) -> None:
    folder = PACKAGE / room
    files = list(folder.rglob("*.py")) if folder.is_dir() else [PACKAGE / f"{room}.py"]
    assert files
    for path in files:
        beyond = rooms_imported(path) - ALLOWED[room] - LEAVES - {room}
        assert not beyond, f"{path.name} imports {beyond}"


def test_no_room_is_forgotten() -> None:
    found = {p.stem for p in PACKAGE.iterdir() if p.suffix == ".py" or (p / "__init__.py").exists()}
    commands = {"cli", "__init__"}
    assert found - LEAVES - commands <= set(ALLOWED), found
