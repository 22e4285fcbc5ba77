"""The commands of ``gan`` that train no GAN: plain functions whose signatures are the options."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jsonargparse

from gan_lightning import data as datasets
from gan_lightning.cli.parser import Parser
from gan_lightning.extractors.train_classifier import train_extractor
from gan_lightning.scores.evaluate import evaluate


def prepare(
    data: datasets.ImageData, processes: int = 0, verify: bool = False, again: bool = False
) -> None:
    """Prepares a dataset once for all runs: one array of bytes, its labels and a manifest.

    Args:
        data: The dataset, and where it lies.
        processes: Number of processes that decode images; 0 for one per available core.
        verify: Compare what is prepared already with its checksum, however long it takes.
        again: Prepare again what is prepared already, because its files have changed or it is
            damaged. Images whose files are as they were are taken over.
    """
    if verify:
        datasets.verify(data)
    else:
        datasets.prepare(data, processes, again)
    print(f"{data.name}: {len(data.images('train')):,} training images are ready")


COMMANDS: dict[str, Callable[..., Any]] = {
    "prepare": prepare,
    "evaluate": evaluate,
    "extractor": train_extractor,
}

SUMMARY = "Further commands, each with a --help: " + ", ".join(f"gan {name}" for name in COMMANDS)


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
