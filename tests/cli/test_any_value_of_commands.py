"""Any value for any option of any command: it is used, or one sentence says why not.

``gan fit`` has a test of its own, `tests.cli.test_any_value`.
"""

from __future__ import annotations

import contextlib
import io
import re
import shutil
from collections.abc import Callable, Iterator
from functools import wraps
from inspect import signature
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st
from jsonargparse import Namespace
from lightning.pytorch.strategies import SingleDeviceStrategy

from gan_lightning import cli
from gan_lightning.cli import commands, find_scale, light
from gan_lightning.cli.main import on_one_line
from gan_lightning.cli.nulls import require_values
from gan_lightning.cli.resume import flat
from gan_lightning.cli.training import GANCommand
from gan_lightning.data import digits
from gan_lightning.scores.protocol import monitor
from tests.cli.test_any_value import NUMBERS, TEXT, WORDS, is_typed
from tests.conftest import TINY

COUNTS = " ".join(
    f"--protocol.{key}={n}"
    for key, n in zip(signature(monitor).parameters, (20, 2, 20, 20), strict=False)
)

RUNS = {
    "evaluate": f"--images=whole.npz --data=digits --extractor=digits --protocol=monitor {COUNTS}",
    "sample": "--run=run --out=out --count=2 --data=digits --extractor=digits --training=20",
    "export": "--run=run --out=out.safetensors",
    "sweep": "study.yaml --dry_run",
    "find-scale": "--config=mine.yaml --scales 1 --steps=4 --every=2 --out=out",
    "compare": "run",
    "report": "run --out=out --figure=scale",
    "prepare": "--data=digits",
    "extractor": "--data=digits --out=out.safetensors --steps=1 --batch_size=4 --width=2",
    "validate": "--run=run",
    "test": "--run=run",
    "predict": "--run=run --data.num_predict=3",
}
"""Arguments with which each command ends well, in a moment."""

SWEEP = """
command: [gan, fit, --config, mine.yaml, "${args}"]
method: grid
parameters: {seed_everything: {values: [0, 1]}}
"""

KINDS = {
    "npz": "whole.npz",
    "ckpt": "run/checkpoints/last.ckpt",
    "yaml": "run/config.yaml",
    "json": "run/checkpoints/best.json",
    "csv": "run/metrics.csv",
    "jsonl": "run/scores.jsonl",
    "safetensors": "whole.safetensors",
}
"""Files that commands take or make; of each there is a half, an empty one, junk and a folder."""

PATHS = [
    *("run", "made", "wrong", "nowhere", "nowhere/deep.npz", "whole.npz/in.csv", "new.csv"),
    *("mine.yaml", "study.yaml", "other.npz", *KINDS.values()),
    *(f"wrong/{how}.{kind}" for kind in KINDS for how in ("half", "empty", "junk", "folder")),
]
ELSEWHERE = ["cuda:7", "meta", "cpu:1", "best", "end", "slerp", "tf1", "test", "a\nb", "\x1b[2J"]
INSIDE = TEXT.filter(lambda text: not {*text} & {*"/~"})  # commands write where they are told to
VALUES = NUMBERS.map(str) | WORDS | INSIDE | st.sampled_from(PATHS) | st.sampled_from(ELSEWHERE)


def made_in(folder: Path) -> None:
    """Makes a finished run and files of every kind, right and wrong."""
    Path("mine.yaml").write_text(TINY)
    Path("study.yaml").write_text(SWEEP)
    cli.main(["fit", "--config=mine.yaml", "--run=run"])
    cli.main(["sample", "run", "--out=made", "--count=20"])
    cli.main(["export", "run", "--out=whole.safetensors"])
    shutil.copy("made/images.npz", "whole.npz")
    np.savez("other.npz", other=np.zeros(3))
    for kind, path in KINDS.items():
        content = Path(path).read_bytes()
        (folder / f"wrong/folder.{kind}").mkdir(parents=True)
        Path(f"wrong/half.{kind}").write_bytes(content[: len(content) // 2])
        Path(f"wrong/junk.{kind}").write_bytes(bytes(range(256)) * 4)
        Path(f"wrong/empty.{kind}").touch()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What every example starts from."""
    folder = tmp_path_factory.mktemp("made")
    with contextlib.chdir(folder), pytest.MonkeyPatch.context() as patch, quiet():
        patch.setattr("sys.argv", ["gan"])
        made_in(folder)
    return folder


@contextlib.contextmanager
def quiet() -> Iterator[io.StringIO]:
    """Nothing is printed; what would be said as errors is kept."""
    errors = io.StringIO()
    with contextlib.redirect_stderr(errors), contextlib.redirect_stdout(io.StringIO()):
        yield errors


def options_of(command: str) -> list[str]:
    """The options of a command: of its signature, of classes that it takes, and those of a run."""
    if command in light.COMMANDS:
        return [*signature(light.COMMANDS[command]).parameters, "nonsense"]
    if command in commands.COMMANDS:
        arguments = signature(commands.COMMANDS[command]).parameters
        classes = {"data": digits, "protocol": monitor}.items()
        inner = [
            f"{k}.{name}"
            for k, kind in classes
            if k in arguments
            for name in signature(kind).parameters
        ]
        return [*arguments, *inner, "config", "trust", "nonsense", "data.nonsense"]
    config = flat(yaml.safe_load(Path("run/config.yaml").read_text()))
    of_run = {name.replace(".init_args", "").replace(".class_path", "") for name in config}
    own = [*find_scale.DEFAULTS, "run"] if command == find_scale.NAME else ["run", "ckpt_path"]
    return [*own, "config", "trust", "nonsense", "trainer.nonsense", *sorted(of_run)]


def words_of(command: str, choices: list[tuple[str, str]]) -> list[str]:
    """A command that ends well with some of its options changed; runs are no option."""
    words = [command, *RUNS[command].split()]
    for option, value in choices:
        words.append(value if option == "runs" else f"--{option}={value}")
    return words


def outcome(words: list[str]) -> tuple[int, str]:
    """The exit code, and what was said of a mistake."""
    with quiet() as errors:
        try:
            cli.main(words)
            code = 0
        except SystemExit as exit_:
            code = exit_.code if isinstance(exit_.code, int) else 1
    found = re.findall(r"gan: error: .*", errors.getvalue(), re.DOTALL)
    return code, "".join(found).removesuffix("\n")


def files() -> dict[Path, bytes]:
    """All files of the folder that commands run in."""
    return {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()}


def telling(
    function: Callable[..., Any], kept: Callable[[dict[str, Any]], None]
) -> Callable[..., Any]:
    """The same function, which says what it is given."""

    @wraps(function)
    def told(**options: Any) -> None:
        kept(options)
        function(**options)

    return told


@pytest.fixture
def used(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The options that the command which ran last was given; nothing is trained."""
    used: dict[str, Any] = {}

    def kept(options: dict[str, Any]) -> None:
        used.clear()
        used.update(options)

    def run(self: GANCommand, subcommand: str) -> None:
        kept(flat(self.config[subcommand].as_dict()))
        if subcommand != "fit" and isinstance(self.trainer.strategy, SingleDeviceStrategy):
            run_subcommand(self, subcommand)

    def required(config: Namespace) -> None:
        require_values(config)
        kept(flat(config.as_dict()))

    run_subcommand = GANCommand._run_subcommand
    monkeypatch.setattr(GANCommand, "_run_subcommand", run)
    monkeypatch.setattr(commands, "require_values", required)
    monkeypatch.setattr(find_scale, "_norms", lambda path: [1.0, 2.0, 4.0])
    for name, function in light.COMMANDS.items():
        monkeypatch.setitem(light.COMMANDS, name, telling(function, kept))
    return used


@pytest.mark.slow
@pytest.mark.parametrize("command", RUNS)
@settings(
    max_examples=40,
    derandomize=True,  # the same everywhere; without it, by hand, it goes on looking
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_any_value_of_any_option_of(
    command: str,
    data: st.DataObject,
    made: Path,
    used: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shutil.rmtree(tmp_path / "here", ignore_errors=True)
    shutil.copytree(made, tmp_path / "here")
    monkeypatch.chdir(tmp_path / "here")
    choice = st.tuples(st.sampled_from(options_of(command)), VALUES)
    choices = data.draw(st.lists(choice, min_size=1, max_size=2))
    words = words_of(command, choices)
    note(" ".join(words))
    before = files()
    code, said = outcome(words)
    note(said)
    if code == 0:
        assert_used(command, dict(choices), used)
        return
    assert code == 2
    assert len(said.splitlines()) == 1
    assert not re.search(r"Traceback|Namespace\(|Union subtypes|<class |object at 0x", said)
    assert is_named(words, said)
    assert files() == before


def is_named(words: list[str], said: str) -> bool:
    """Whether a sentence names an option or a value that was given."""
    pairs = [word.removeprefix("--").partition("=") for word in words[1:]]
    names = [f"--{name}" for name, equals, _ in pairs if equals]
    values = {(value if equals else name).strip() for name, equals, value in pairs} - {""}
    shown = [re.escape(on_one_line(value)) for value in values]
    if "" in words:
        shown.append("an argument is empty")
    return any(re.search(rf"(?<!\w){word}(?!\w)", said) for word in (*names, *shown))


def assert_used(command: str, choices: dict[str, str], used: dict[str, Any]) -> None:
    """What was accepted is what the command was given, and it wrote where it should."""
    for option, value in choices.items():
        if option != "trust":
            assert is_typed(value, used, option), f"{option}={value}"
    if "out" in choices and command != "sweep":
        assert Path(choices["out"]).exists()
