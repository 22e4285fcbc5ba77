"""What the pages say of files and names is there."""

from __future__ import annotations

import importlib
import re
from functools import reduce
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [*sorted((ROOT / "docs").glob("*.md")), ROOT / "README.md", ROOT / "CONTRIBUTING.md"]
FILE = re.compile(r"`((?:[\w-]+/)+[\w-]+\.(?:py|yaml|sh))`")
NAMES = re.compile(r"`((?:\w+/)*\w+)\.py`: ((?:`[\w.]+`(?:, )?)+)")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_that_a_page_names_exist(page: Path) -> None:
    """With their folder: from the project's root, from the package, or beside the page."""
    places = (ROOT, ROOT / "gan_lightning", page.parent)
    named = FILE.findall(page.read_text())
    assert [name for name in named if not any((place / name).exists() for place in places)] == []


def test_names_of_the_table_of_equations_exist() -> None:
    text = (ROOT / "docs" / "theory.md").read_text()
    found = [
        (module.replace("/", "."), name)
        for module, names in NAMES.findall(text)
        for name in re.findall(r"[\w.]+", names)
    ]
    assert len(found) > 20
    for module, name in found:
        reduce(getattr, name.split("."), importlib.import_module(f"gan_lightning.{module}"))
