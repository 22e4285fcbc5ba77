"""The rooms of the house and the one way through them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.imports import imports_of

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
    "validation": {"lightning_private"},
    "divergence": set(),
    "data": {"image_files", "lightning_private", "runs"},
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
    "building": {
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
        "building",
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


WAYS = {  # of importing gan and callbacks, from a file in the room of data
    "from the package": "from gan_lightning import gan, callbacks",
    "modules": "import gan_lightning.gan as g, gan_lightning.callbacks.ema as e",
    "from modules": "from gan_lightning.gan import GAN\nfrom gan_lightning.callbacks import ema",
    "relative": "from ..gan import GAN\nfrom .. import callbacks",
    "within a function": "def f():\n    from ..gan import GAN\n    from ..callbacks import ema",
    "where types are not checked": "if not TYPE_CHECKING:\n    from .. import gan, callbacks",
    "where types are not all": "if TYPE_CHECKING or True:\n    from .. import gan, callbacks",
    "else": "if TYPE_CHECKING:\n    import x\nelse:\n    from .. import gan, callbacks",
    "elif": "if typing.TYPE_CHECKING:\n    import x\nelif y:\n    from .. import gan, callbacks",
    "try": "try:\n    from .. import gan\nexcept ImportError:\n    from .. import callbacks",
}


@pytest.mark.parametrize("way", WAYS)
def test_every_way_of_importing_is_seen(way: str) -> None:
    assert imports_of(WAYS[way], Path("data/base.py")) == ({"gan", "callbacks"}, set())


@pytest.mark.parametrize(
    ("path", "up"), [("x.py", "."), ("data/x.py", ".."), ("data/datasets/x.py", "...")]
)
@pytest.mark.parametrize("name", ["x", "__init__"])
def test_a_relative_import_starts_from_where_the_file_is(path: str, up: str, name: str) -> None:
    source = f"from {up}gan import GAN\nfrom {up} import step"
    assert imports_of(source, Path(path).with_stem(name)).rooms == {"gan", "step"}
    within = f"from {up[1:] or '.'} import datasets"
    assert imports_of(within, Path(path)).rooms == ({"data"} if up[1:] else {"datasets"})


def test_what_the_package_hands_on_is_no_room() -> None:
    """Nor is everything; so no room is allowed it."""
    found = imports_of(
        "from gan_lightning import GAN\nfrom ... import *", Path("data/datasets/x.py")
    )
    assert found.rooms == {"GAN", "*"}
    assert not found.rooms & {*ALLOWED, *LEAVES}


UNTOLD = [  # any room may come in this way
    "import gan_lightning",
    "import gan_lightning as g",
    "import os, gan_lightning.data",  # binds the package
    "import importlib",
    "import importlib.util",
    "from importlib import import_module as im",
    "from importlib import util",
    "import importlib.metadata, importlib as i",
    "def f():\n    import runpy, pkgutil",
    "importlib.import_module(name='gan_lightning.gan')",
    "import_module('.gan', 'gan_lightning')\nfrom importlib import import_module",
    "loader.import_module(f'gan_lightning.{room}')",
    "__import__('gan_lightning', fromlist=['gan'])",
    "f = __import__",
    "__builtins__['__import__']",
    "import builtins as b",
    "exec('import gan_lightning.gan')",
    "eval(text)",
    "import sys\nsys.modules['gan_lightning.gan']",
    "import sys as s\nx = s.modules",
    "from sys import modules",
]


@pytest.mark.parametrize("source", UNTOLD)
def test_a_way_that_does_not_say_what_it_imports_is_seen(source: str) -> None:
    assert imports_of(source, Path("data/base.py")).untold


@pytest.mark.parametrize(
    "source",
    [
        "if TYPE_CHECKING:\n    from gan_lightning.gan import GAN\nfrom . import base",
        "if typing.TYPE_CHECKING:\n    import gan_lightning\nelse:\n    from . import base",
        "from importlib.metadata import version\nimport importlib.metadata as i\nfrom . import x",
        "import sys\nsys.path\nnetwork.modules()\nnetwork.eval()\nfrom ..data import base",
    ],
)
def test_what_is_imported_for_types_alone_does_not_count(source: str) -> None:
    assert imports_of(source, Path("data/base.py")) == ({"data"}, set())


def files_of(room: str) -> list[Path]:
    """The files of a room, from the package on."""
    folder = PACKAGE / room
    found = list(folder.rglob("*.py")) if folder.is_dir() else [PACKAGE / f"{room}.py"]
    assert found
    return [path.relative_to(PACKAGE) for path in found]


@pytest.mark.parametrize("room", [*ALLOWED, *sorted(LEAVES)])
def test_imports_point_one_way(room: str) -> None:
    """Leaves import only each other."""
    for path in files_of(room):
        found = imports_of((PACKAGE / path).read_text(), path).rooms
        beyond = found - ALLOWED.get(room, set()) - LEAVES - {room}
        assert not beyond, f"{path} imports {beyond}"


THROUGH_LOADERS = {  # and why nothing else than what is said here comes in by it
    ("export/programs.py", "importlib.util.find_spec"): "whether an extra is installed",
    ("extractors/digits.py", "importlib.resources"): "weights in its own folder",
    ("report/page.py", "importlib.resources.files"): "a page in its own folder",
    ("report/published.py", "importlib.resources.files"): "a table in its own folder",
    ("report/wandb_file.py", "importlib.import_module"): "W&B's messages, which have no types",
    ("trust.py", "importlib.util.find_spec"): "whether a user's package is there; imports none",
    ("trust.py", "sys.modules"): "whether a user's package is there",
}


def test_no_room_imports_what_its_text_does_not_say() -> None:
    found = {
        (str(path), way)
        for room in {*ALLOWED, *LEAVES, "cli"}
        for path in files_of(room)
        for way in imports_of((PACKAGE / path).read_text(), path).untold
    }
    assert found == set(THROUGH_LOADERS)


ALONE = """
import importlib, os, sys
import torch, torchvision, lightning.pytorch, jsonargparse, wandb, sklearn.datasets  # for all
for modules in sys.argv[1:]:
    if os.fork() == 0:
        for module in modules.split():
            importlib.import_module(f"gan_lightning.{module}")
        print(*(name.split(".")[1] for name in sys.modules if name[:14] == "gan_lightning."))
        sys.stdout.flush()
        os._exit(0)
    os.wait()
"""


@pytest.mark.slow
def test_a_room_imported_alone_brings_only_those_it_is_allowed() -> None:
    """Python itself says so, whatever the text of a file hides."""
    rooms = [*ALLOWED, *sorted(LEAVES)]
    modules = [" ".join(map(module_of, files_of(room))) for room in rooms]
    command = [sys.executable, "-c", ALONE, *modules]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    seen = [{*line.split()} for line in done.stdout.splitlines()]
    assert len(seen) == len(rooms), done.stderr[-2000:]
    for room, brought in zip(rooms, seen, strict=True):
        assert room in brought <= {room} | LEAVES | below(room), room


def module_of(path: Path) -> str:
    return ".".join(path.with_suffix("").parts).removesuffix(".__init__")


def below(room: str) -> set[str]:
    """The rooms that a room is allowed, and those that they are."""
    return {way for own in ALLOWED.get(room, ()) for way in {own} | below(own)}


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
