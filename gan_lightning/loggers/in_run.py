"""Loggers as a run needs them: inside its folder, and the same again when it goes on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lightning.pytorch.loggers import Logger, TensorBoardLogger, WandbLogger

from gan_lightning.loggers.forgiving import forgiving
from gan_lightning.loggers.run_wandb import RunWandbLogger
from gan_lightning.run_folder import TENSORBOARD

HERE = "."
"""A ``save_dir`` of this kind means the run's folder; it is the default of `WandbLogger`."""


def in_run(run: Path, made: type[Logger], arguments: dict[str, Any]) -> Logger:
    """Makes a logger of a run.

    Args:
        run: The run's folder.
        made: The class that was asked for.
        arguments: Of its constructor.

    Returns:
        A logger of that class, whose errors do not stop training.

    Raises:
        UserError: W&B is asked for, and there is no login.
    """
    if made is WandbLogger:
        return forgiving(RunWandbLogger(run, **arguments))
    own = "save_dir" in arguments and str(arguments["save_dir"]) == HERE
    if own:
        arguments = {**arguments, "save_dir": str(run)}
    if issubclass(made, TensorBoardLogger):
        arguments = _same_again(run, arguments, own)
    return forgiving(made(**arguments))


def _same_again(run: Path, arguments: dict[str, Any], own: bool) -> dict[str, Any]:
    """Arguments with which TensorBoard goes on in the folder of before, not in version_1."""
    if own and arguments.get("name") in (None, "lightning_logs"):
        arguments = {**arguments, "name": TENSORBOARD}
    if arguments.get("version") is None:
        arguments = {**arguments, "version": "" if own else run.resolve().name}
    return arguments
