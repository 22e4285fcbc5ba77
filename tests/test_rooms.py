"""The rooms of the house and the one way through them."""

from __future__ import annotations

import ast
import re

import pytest

from tests.conftest import ROOT

PACKAGE = ROOT / "gan_lightning"
LEAVES = {
    "clock",
    "distributed",
    "errors",
    "files",
    "run_folder",
    "streams",
    "yaml_text",
}  # what every room may use
ALLOWED: dict[str, set[str]] = {
    "networks": set(),
    "augmentation": set(),
    "losses": set(),
    "optim": set(),
    "normalization": set(),
    "image_files": set(),
    "defaults": set(),
    "jsonargparse_private": set(),
    "lightning_private": set(),
    "trust": {"jsonargparse_private"},
    "checkpoints": {"trust"},
    "report": set(),
    "runs": set(),
    "loggers": set(),
    "studies": set(),
    "validation": set(),
    "divergence": set(),
    "data": {"image_files", "runs"},
    "draws": {"networks"},
    "initialization": {"normalization"},
    "penalties": {"draws", "normalization"},
    "combinations": {"initialization", "losses", "normalization", "penalties"},
    "players": {"normalization"},
    "step": {"augmentation", "draws", "losses", "penalties", "players"},
    "graph": {"draws"},
    "images": {"networks", "normalization"},
    "loop": {
        "augmentation",
        "combinations",
        "draws",
        "graph",
        "lightning_private",
        "players",
        "step",
    },
    "extractors": {"data", "image_files"},
    "scores": {"data", "extractors", "image_files", "images", "networks", "normalization"},
    "analysis": {
        "augmentation",
        "draws",
        "losses",
        "normalization",
        "penalties",
        "players",
        "step",
    },
    "competitors": {
        "combinations",
        "images",
        "initialization",
        "losses",
        "networks",
        "normalization",
        "penalties",
        "players",
    },
    "gan": {
        "augmentation",
        "checkpoints",
        "combinations",
        "competitors",
        "divergence",
        "draws",
        "images",
        "initialization",
        "loop",
        "losses",
        "networks",
        "normalization",
        "optim",
        "penalties",
        "players",
        "validation",
    },
    "export": {"checkpoints", "gan", "images", "networks", "normalization", "trust"},
    "sampling": {
        "checkpoints",
        "data",
        "extractors",
        "gan",
        "images",
        "networks",
        "scores",
    },
    "callbacks": {
        "analysis",
        "data",
        "draws",
        "extractors",
        "gan",
        "images",
        "lightning_private",
        "loggers",
        "networks",
        "runs",
        "sampling",
        "scores",
    },
}


def rooms_imported(source: str, room: str = "") -> set[str]:
    """The rooms of the package that a file imports at run time, in whatever way.

    Args:
        source: The file's text.
        room: The package that relative imports start from, below gan_lightning.
    """
    tree = ast.parse(source)
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
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = ["gan_lightning", *filter(None, [room])] if node.level else []
            base = base[: len(base) + 1 - node.level] if node.level else base
            start = ".".join([*base, *filter(None, [node.module])])
            names |= {f"{start}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith(
            ("import_module", "__import__")
        ):
            names |= {str(a.value) for a in node.args[:1] if isinstance(a, ast.Constant)}
    parts = [str(name).split(".") for name in names]
    return {p[1] for p in parts if p[0] == "gan_lightning" and len(p) > 1}


@pytest.mark.parametrize(
    "source",
    [
        "from gan_lightning import gan, callbacks",
        "import gan_lightning.gan, gan_lightning.callbacks.ema",
        "from gan_lightning.gan import GAN\nfrom gan_lightning.callbacks import ema",
        "from ..gan import GAN\nfrom .. import callbacks",
        "def f():\n    from gan_lightning.gan import GAN\n    import gan_lightning.callbacks as c",
        "importlib.import_module('gan_lightning.gan')\n__import__('gan_lightning.callbacks')",
    ],
)
def test_every_way_of_importing_is_seen(source: str) -> None:
    assert rooms_imported(source, "data") == {"gan", "callbacks"}


def test_what_is_imported_for_types_alone_does_not_count() -> None:
    source = "if TYPE_CHECKING:\n    from gan_lightning.gan import GAN\nfrom . import base"
    assert rooms_imported(source, "data") == {"data"}


@pytest.mark.parametrize("room", ALLOWED)
def test_imports_point_one_way(room: str) -> None:
    folder = PACKAGE / room
    files = list(folder.rglob("*.py")) if folder.is_dir() else [PACKAGE / f"{room}.py"]
    assert files
    for path in files:
        inside = room if folder.is_dir() else ""
        beyond = rooms_imported(path.read_text(), inside) - ALLOWED[room] - LEAVES - {room}
        assert not beyond, f"{path.name} imports {beyond}"


def test_leaves_import_only_each_other() -> None:
    for leaf in LEAVES:
        beyond = rooms_imported((PACKAGE / f"{leaf}.py").read_text()) - LEAVES
        assert not beyond, f"{leaf} imports {beyond}"


def test_no_room_is_forgotten() -> None:
    found = {p.stem for p in PACKAGE.iterdir() if p.suffix == ".py" or (p / "__init__.py").exists()}
    assert found - LEAVES - {"cli", "__init__"} <= set(ALLOWED), found


def test_the_way_is_one_way() -> None:
    """No room is allowed what is allowed it, over any number of rooms."""
    above: dict[str, set[str]] = {}

    def reach(room: str, path: tuple[str, ...]) -> set[str]:
        assert room not in path, f"a circle: {path}"
        if room not in above:
            below = ALLOWED[room]
            above[room] = below | {r for b in below for r in reach(b, (*path, room))}
        return above[room]

    for room in ALLOWED:
        reach(room, ())


def test_every_module_has_tests_under_its_own_name() -> None:
    """``gan_lightning/x/y.py`` in ``tests/x/test_y.py``."""
    modules = {p.relative_to(PACKAGE).with_suffix("") for p in PACKAGE.rglob("*.py")}
    tests = ROOT / "tests"
    without = {m for m in modules if not (tests / m.parent / f"test_{m.name}.py").exists()}
    assert {m for m in without if not m.name.startswith("__")} == set()


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
