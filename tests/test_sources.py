"""What no file of the package says, or says without a reason."""

from __future__ import annotations

import ast
import re
from collections import Counter

import pytest

from tests.conftest import ROOT
from tests.privates import private_names_used

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
    rooms = ("gan_lightning", "benchmarks", "tests")
    for path in (p for room in rooms for p in (ROOT / room).rglob("*.py")):
        above = ""
        for line in path.read_text().split("\n"):
            bare = re.search(r"# (type: ignore\[[^]]*\]|noqa: [A-Z0-9, ]+) *$", line)
            if bare and not above.strip().startswith("#"):
                unsaid.append(f"{path.relative_to(ROOT)}: {line.strip()}")
            above = line
    assert not unsaid


TWICE = {
    "digits": "the dataset and its extractor: both are what a user types",
    "main": "where a program begins",
    "Parser": "the command line's, and the one of commands that start without torch",
    "run_command": "likewise",
    "prepare": "the command, and what it calls",
    "initialize_": "of any network, and of ResNets as the papers do",
}
"""Public names that two modules give, and why."""


def public_names(source: str) -> set[str]:
    """The functions and classes that a module gives to others."""
    made = (n for n in ast.parse(source).body if isinstance(n, ast.ClassDef | ast.FunctionDef))
    return {n.name for n in made if not n.name.startswith("_")}


def test_a_name_is_of_one_thing() -> None:
    """Whoever reads it, or looks for it, need not ask which of two is meant."""
    counts = Counter(n for p in PACKAGE.rglob("*.py") for n in public_names(p.read_text()))
    assert {name for name, count in counts.items() if count > 1} == set(TWICE)


def test_public_names_are_those_at_the_top() -> None:
    source = "import a\nX = 1\nclass B:\n    def c(self): ...\ndef d(): ...\ndef _e(): ..."
    assert public_names(source) == {"B", "d"}


FROM_CLI = "from lightning.pytorch.cli import LightningCLI\nclass A(LightningCLI):\n    "


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("from lightning.pytorch.loops import _FitLoop", {"_FitLoop"}),
        ("import lightning.fabric._graveyard as g", {"_graveyard"}),
        ("def f():\n    from jsonargparse._util import import_object", {"_util"}),
        ("trainer._signal_connector.register()", {"_signal_connector"}),
        ("getattr(action, '_typehint', None)", {"_typehint"}),
        ("setattr(parser, '_actions', [])", {"_actions"}),
        ("every = trainer.val_check_batch", {"val_check_batch"}),
        ("trainer.fit_loop.total_batch_idx", {"fit_loop", "total_batch_idx"}),
        (FROM_CLI + "def _set_seed(self): ...", {"_set_seed"}),
        (FROM_CLI + "def f(self): return self._get(self.config, 'run')", {"_get"}),
        (FROM_CLI + "def f(self): super()._run_subcommand('fit')", {"_run_subcommand"}),
        (FROM_CLI + "pass\nclass B(A):\n    def _set_seed(self): ...", {"_set_seed"}),
        (
            "from gan_lightning.cli.training import GANCommand\nclass A(GANCommand):\n"
            "    def _parse_ckpt_path(self): ...",
            {"_parse_ckpt_path"},
        ),
        (
            "from jsonargparse import DefaultHelpFormatter as F\nclass A(F):\n"
            "    def _get_help_string(self, action): ...",
            {"_get_help_string"},
        ),
        (
            "from lightning.pytorch import LightningModule\nclass A(LightningModule):\n"
            "    def f(self): self._trainer = None",
            {"_trainer"},
        ),
    ],
)
def test_private_names_of_the_libraries_are_seen(source: str, names: set[str]) -> None:
    assert private_names_used(source) == names


@pytest.mark.parametrize(
    "source",
    [
        "from torch._foreach import _x\nlayer._buffers['a']\npair._replace(x=1)",
        "class A:\n    def _get(self): return self._parser\ndef f(a): return a._get()",
        FROM_CLI + "def _mine(self): return self._mine() + self.config",
        "from lightning.pytorch import Trainer\ntrainer.global_step\nself._trainer = __name__",
    ],
)
def test_private_names_of_ones_own_are_no_concern(source: str) -> None:
    assert private_names_used(source) == set()


def test_only_one_file_each_knows_private_names_of_lightning_and_jsonargparse() -> None:
    """They check at import that the names are there."""
    own = {PACKAGE / f"{library}_private.py" for library in ("lightning", "jsonargparse")}
    found = {path: private_names_used(path.read_text()) for path in PACKAGE.rglob("*.py")}
    assert {path: names for path, names in found.items() if names and path not in own} == {}
    assert all(found[path] for path in own)


def test_every_private_name_is_looked_for_at_import() -> None:
    """Outside of functions and classes, which find out when they are called."""
    for library in ("lightning", "jsonargparse"):
        source = (PACKAGE / f"{library}_private.py").read_text()
        at_import = " ".join(
            ast.unparse(node)
            for node in ast.parse(source).body
            if not isinstance(node, ast.FunctionDef | ast.ClassDef)
        )
        for name in private_names_used(source):
            assert re.search(rf"\b{name}\b", at_import), name
