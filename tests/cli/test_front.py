"""What `gan` answers at once."""

from __future__ import annotations

import subprocess
import sys

import pytest

import gan_lightning
from gan_lightning import cli
from gan_lightning.cli.front import COMMANDS, sentence

ANSWER = """
import sys, time
from gan_lightning.cli import main
try:
    main(sys.argv[1:])
    code = 0
except SystemExit as exit_:
    code = exit_.code
heavy = [name for name in ("torch", "lightning", "jsonargparse", "numpy") if name in sys.modules]
print(code, time.process_time(), *heavy, file=sys.stderr)
"""


def answer(*arguments: str) -> tuple[str, str, list[str]]:
    """What is printed, the line of an error, and ``[exit code, CPU seconds, heavy modules...]``."""
    done = subprocess.run(
        [sys.executable, "-c", ANSWER, *arguments], capture_output=True, text=True, check=True
    )
    *error, facts = done.stderr.strip().splitlines()
    return done.stdout, " ".join(error), facts.split()


@pytest.mark.parametrize("arguments", [[], ["--help"], ["-h"], ["help"]])
def test_help_names_every_command_and_imports_nothing(arguments: list[str]) -> None:
    out, _, (code, seconds, *heavy) = answer(*arguments)
    assert code == "0"
    assert not heavy
    assert float(seconds) < 0.3
    lines = out.splitlines()
    assert all(any(line.split()[:1] == [name] for line in lines) for name in COMMANDS)


def test_every_command_is_in_the_help_and_can_be_run() -> None:
    from gan_lightning.cli.arguments import SUBCOMMANDS
    from gan_lightning.cli.commands import COMMANDS as FUNCTIONS
    from gan_lightning.cli.find_scale import NAME
    from gan_lightning.cli.light import COMMANDS as READERS

    assert sorted([*SUBCOMMANDS, *FUNCTIONS, NAME, *READERS]) == sorted(COMMANDS)


def test_version() -> None:
    out, _, (code, seconds, *heavy) = answer("--version")
    assert out.strip() == f"gan_lightning {gan_lightning.__version__}"
    assert (code, heavy) == ("0", [])
    assert float(seconds) < 0.3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["fitt"], "fitt is not a command; did you mean gan fit?"),
        (["xyz"], "xyz is not a command; commands: fit, "),
        (["--config", "x", "predict"], "write gan predict --config"),
    ],
)
def test_a_misspelt_command(arguments: list[str], message: str) -> None:
    _, error, (code, _, *heavy) = answer(*arguments)
    assert (code, heavy) == ("2", [])
    assert message in error


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_calls_itself_by_its_name(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as exit_:
        cli.main([name, "--help"])
    out = capsys.readouterr().out
    assert not exit_.value.code
    assert out.startswith(f"usage: gan {name}")
    assert "Lightning Trainer command line tool" not in out
    assert sentence(name)[:20] in out


def test_the_package_is_imported_as_far_as_it_is_used() -> None:
    code = (
        "import sys, gan_lightning; assert 'torch' not in sys.modules; "
        "from gan_lightning import trainer_defaults; assert 'torch' not in sys.modules; "
        "assert trainer_defaults(max_steps=3)['max_steps'] == 3; "
        "assert {'GAN', 'trainer_defaults'} <= set(dir(gan_lightning))"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    assert gan_lightning.GAN.__name__ == "GAN"
    with pytest.raises(AttributeError, match="nothing_like_it"):
        _ = gan_lightning.nothing_like_it
