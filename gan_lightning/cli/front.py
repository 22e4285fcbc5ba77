"""What ``gan`` answers without importing torch: its help, its version, misspelt commands."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from gan_lightning import __version__
from gan_lightning.errors import UserError

COMMANDS = {
    "fit": "train a GAN, or go on with a run that was stopped",
    "validate": "score a run's checkpoint as its validations did",
    "test": "score a run's checkpoint",
    "predict": "make images with a run's checkpoint",
    "prepare": "read, crop and check a dataset once for all runs",
    "evaluate": "score anyone's images against a dataset",
    "extractor": "train the classifier that judges images of your own kind",
    "sample": "make a checkpoint's images: grids, files, interpolations, nearest real ones",
    "export": "write a checkpoint's generator as safetensors, ONNX or torch.export",
    "sweep": "make every run of a study on this machine",
    "find-scale": "find the scales of a norm at which gradients neither vanish nor explode",
    "compare": "put the scores of runs together, over their seeds",
    "report": "draw the papers' figures from runs, on one page",
}
"""Every command in one line."""

HELP = """\
usage: gan COMMAND [--OPTION VALUE ...]

Trains and measures GANs.

{commands}

Every option:  gan COMMAND --help
A first run:   gan fit --config configs/digits.yaml
Version:       gan --version"""


def sentence(command: str) -> str:
    """What a command does, with a capital letter.

    >>> sentence("fit")
    'Train a GAN, or go on with a run that was stopped'
    """
    return COMMANDS[command][0].upper() + COMMANDS[command][1:]


def answer(arguments: Sequence[str]) -> str | None:
    """What there is to print for the arguments of ``gan``, or None where a command has to run.

    Raises:
        UserError: The first argument is no command.
    """
    first = next(iter(arguments), "--help")
    if first in ("-h", "--help", "help"):
        width = max(map(len, COMMANDS))
        lines = (f"  {name.ljust(width)}  {line}" for name, line in COMMANDS.items())
        return HELP.format(commands="\n".join(lines))
    if first == "--version":
        return f"gan_lightning {__version__}"
    if first in COMMANDS:
        return None
    if first.startswith("-"):
        command = next((name for name in arguments if name in COMMANDS), "fit")
        raise UserError(
            f"options follow the command, got {first} before it; write gan {command} {first} ..."
        )
    near = difflib.get_close_matches(first, COMMANDS, n=1)
    hint = f"did you mean gan {near[0]}?" if near else f"commands: {', '.join(COMMANDS)}"
    raise UserError(f"{first} is not a command; {hint}")
