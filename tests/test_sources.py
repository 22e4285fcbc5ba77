"""What no file of the package says, or says without a reason."""

from __future__ import annotations

import ast
import re

import pytest

from tests.conftest import ROOT

PACKAGE = ROOT / "gan_lightning"


def options_named(source: str) -> list[str]:
    """The strings of a file, docstrings aside, that name an option of the command line."""
    tree = ast.parse(source)
    of_others = {
        id(child)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr | ast.JoinedStr)
        for child in ast.iter_child_nodes(node)
        if isinstance(child, ast.Constant)
    }
    texts = (text_of(node) for node in ast.walk(tree) if id(node) not in of_others)
    return [text for text in texts if re.search(r"(?<![\w}-])--[a-z{%]", text)]


def text_of(node: ast.AST) -> str:
    """What a string says, with {x} in place of each value that is filled in; "" of all else."""
    if isinstance(node, ast.JoinedStr):
        return "".join(text_of(part) or "{x}" for part in node.values)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return "".join(text_of(part) or "{x}" for part in (node.left, node.right))
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


@pytest.mark.parametrize(
    "code",
    [
        'f("--trainer")',
        'f(f"--data.{x} is")',
        'f(f"--{name}")',
        'f(f"set --{name} to {value}")',
        'f("--{} is wrong".format(name))',
        'f("--%s is wrong" % name)',
        'f("--" + name)',
        'f(f"{x}", "--" f"{name}")',
        'def f(x="--trainer"): ...',
    ],
)
def test_options_are_seen_however_they_are_spelled(code: str) -> None:
    assert len(options_named(f'"""Of --this."""\nx = 1\n{code}')) == 1


@pytest.mark.parametrize(
    "code",
    [
        '"""Of --this."""',
        'f("a -- b", "---", "x--y")',
        'f(f"{a}--{b}", f"{a} -- {b}", "--")',
        "x + 1",
    ],
)
def test_dashes_are_no_options(code: str) -> None:
    assert not options_named(code)


def test_only_the_command_line_knows_how_options_are_spelled() -> None:
    """Rooms name arguments; `gan_lightning.cli.blame` finds which options those are."""
    for path in PACKAGE.rglob("*.py"):
        if path.parent.name != "cli" and path != PACKAGE / "studies" / "commands.py":  # writes them
            assert not options_named(path.read_text()), path


def test_every_exception_from_the_rules_says_why() -> None:
    """Behind it, or in a comment above."""
    unsaid = []
    for path in (
        p for room in ("gan_lightning", "benchmarks") for p in (ROOT / room).rglob("*.py")
    ):
        above = ""
        for line in path.read_text().split("\n"):
            bare = re.search(r"# (type: ignore\[[^]]*\]|noqa: [A-Z0-9, ]+) *$", line)
            if bare and not above.strip().startswith("#"):
                unsaid.append(f"{path.relative_to(ROOT)}: {line.strip()}")
            above = line
    assert not unsaid
