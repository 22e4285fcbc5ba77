"""The commands of ``gan`` that train no GAN: plain functions whose signatures are the options."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jsonargparse

from gan_lightning.data.preparing import prepare
from gan_lightning.metrics.evaluate import evaluate
from gan_lightning.metrics.train_classifier import train_extractor
from gan_lightning.parser import Parser

COMMANDS: dict[str, Callable[..., Any]] = {
    "prepare": prepare,
    "evaluate": evaluate,
    "extractor": train_extractor,
}

SUMMARY = """
  prepare             Prepare a dataset: gan prepare --data celeba --data.root DIR
  evaluate            Score images: gan evaluate FOLDER_OR_NPZ --data cifar10
  extractor           Train a feature extractor on labelled data: gan extractor --data folder
"""


def run_command(name: str, arguments: Sequence[str]) -> None:
    """Runs ``gan NAME ARGUMENTS``; the first of them may be the images of ``gan evaluate``."""
    arguments = list(arguments)
    if name == "evaluate" and arguments and not arguments[0].startswith("-"):
        arguments.insert(0, "--images")
    result = jsonargparse.auto_cli(
        COMMANDS[name],
        args=arguments,
        as_positional=False,
        parser_class=Parser,
        prog=f"gan {name}",
    )
    for key, value in (result or {}).items():
        print(f"{key}: {value}")
