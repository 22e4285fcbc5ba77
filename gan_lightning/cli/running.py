"""Runs a command: what takes torch, and so some seconds, to begin with."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Sequence

from gan_lightning.cli import find_scale
from gan_lightning.cli.commands import COMMANDS, run_command
from gan_lightning.cli.training import run


def execute(arguments: Sequence[str], in_process: bool = False) -> None:
    """Runs ``gan ARGUMENTS``.

    Args:
        arguments: A command and its options.
        in_process: Whether they are not those that this process was started with.

    Raises:
        UserError: A mistake of the user's, told as the command line has it.
    """
    _quiet()
    if arguments[0] == find_scale.NAME:
        find_scale.find_scale(arguments[1:])
    elif arguments[0] in COMMANDS:
        run_command(arguments[0], arguments[1:])
    else:
        run(arguments if in_process else None)


def _quiet() -> None:
    """Silences advice that does not apply here, and warnings that Lightning gives itself."""
    for message in (
        ".*does not have many workers.*",
        ".*isinstance.treespec, LeafSpec.*",
        ".*Couldn't infer the batch indices.*",
        ".*LightningCLI's args parameter.*",
        ".*smaller than the logging interval.*",
    ):
        warnings.filterwarnings("ignore", message)
    logging.getLogger("lightning.pytorch.utilities.rank_zero").addFilter(
        lambda record: "litlogger" not in record.getMessage()
    )
