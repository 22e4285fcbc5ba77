"""The one folder of a run, worked out from the command line before it is parsed.

``--run DIR`` names it; by default it is ``runs/<config>-<time>``. A folder that holds a run brings
its own ``config.yaml``, so that ``gan fit --run DIR --ckpt_path last`` needs nothing else.
"""

from __future__ import annotations

import itertools
import os
import re
import time
from collections.abc import Sequence
from pathlib import Path

from lightning.pytorch.utilities import rank_zero_info

from gan_lightning.checkpoints.finding import checkpoint_path
from gan_lightning.errors import UserError
from gan_lightning.files import told
from gan_lightning.run_folder import CONFIG, checkpoint_folder

__all__ = ["SUBCOMMANDS", "checkpoint_path", "holds_run", "option", "with_run_folder", "without"]

SUBCOMMANDS = ("fit", "validate", "test", "predict")


def option(arguments: Sequence[str], *names: str) -> str | None:
    """The value of the last ``--name VALUE`` or ``--name=VALUE`` among the arguments."""
    found = None
    for position, argument in enumerate(arguments):
        name, equals, value = argument.partition("=")
        if name in names:
            found = value if equals else next(iter(arguments[position + 1 :]), None)
    return found


def without(arguments: Sequence[str], name: str) -> list[str]:
    """The arguments without an option and its values."""
    left: list[str] = []
    rest = iter(arguments)
    for argument in rest:
        if argument == name:
            next(rest, None)
        elif not argument.startswith(f"{name}="):
            left.append(argument)
    return left


def with_run_folder(arguments: Sequence[str]) -> list[str]:
    """Completes the arguments of a subcommand by ``--run`` and, for an old run, ``--config``.

    The folder comes last, so that no config's own ``run:`` overrides it. A new one is made here
    and now, so that no two processes choose the same.

    Args:
        arguments: What follows ``gan`` on the command line.

    Returns:
        The arguments, completed; unchanged if they are no subcommand's or ask for help.

    Raises:
        UserError: ``gan fit`` into a folder that holds a run already, without ``--ckpt_path``; or
            ``--run`` is a file.
    """
    if not arguments or _only_asks(arguments):
        return list(arguments)
    if arguments[0] not in SUBCOMMANDS:
        if set(SUBCOMMANDS) & set(arguments):
            raise UserError(
                f"options follow the subcommand, got {arguments[0]} before it; write "
                "gan fit --config FILE"
            )
        return list(arguments)
    subcommand, *rest = arguments
    run = option(rest, "--run")
    if run is None:
        return [subcommand, *rest, f"--run={_new_folder(subcommand, rest)}"]
    folder = Path(run).expanduser()
    if folder.exists() and not folder.is_dir():
        raise UserError(f"--run {run} is a file; give the folder of a run, or a new one")
    rest = without(rest, "--run")
    rest = _started(folder, rest) if subcommand == "fit" else _looked_at(folder, rest, subcommand)
    return [subcommand, *rest, f"--run={folder}"]


def _started(folder: Path, rest: list[str]) -> list[str]:
    """The other options of ``gan fit --run FOLDER``."""
    asked = option(rest, "--ckpt_path")
    if asked is not None and not holds_run(folder) and not _says_what_to_train(rest):
        raise UserError(
            f"--run {folder} {_no_run(folder)}, so there is none to go on with; start one with "
            "--config FILE"
        )
    if asked == "last" and not any(checkpoint_folder(folder).glob("*.ckpt")):
        rank_zero_info(
            f"--ckpt_path last: {folder} holds no checkpoint yet, so training starts anew"
        )
        rest = without(rest, "--ckpt_path")
    elif asked is None and holds_run(folder):
        raise UserError(
            f"--run {folder} holds a run already. Go on with it by adding --ckpt_path last, "
            "or choose another folder"
        )
    return _with_own_config(folder, rest)


def _looked_at(folder: Path, rest: list[str], subcommand: str) -> list[str]:
    """The other options of ``gan predict --run FOLDER`` and the like."""
    if not holds_run(folder) and option(rest, "--ckpt_path") in (None, "last", "best"):
        raise UserError(
            f"--run {folder} {_no_run(folder)}, but gan {subcommand} looks at a trained network: "
            "name its run with --run DIR, or a checkpoint with --ckpt_path FILE"
        )
    if option(rest, "--ckpt_path") is None:
        rest = [*rest, "--ckpt_path=last"]
    return _with_own_config(folder, rest)


def _with_own_config(folder: Path, rest: list[str]) -> list[str]:
    saved = folder / CONFIG
    if saved.exists() and option(rest, "--config", "-c") is None:
        return [f"--config={saved}", *rest]
    return rest


def _no_run(folder: Path) -> str:
    """What is wrong with a folder that holds no run."""
    return "holds no run" if folder.exists() else "does not exist"


def _says_what_to_train(arguments: Sequence[str]) -> bool:
    return option(arguments, "--config", "-c", "--data") is not None


def holds_run(folder: Path) -> bool:
    """Whether a run was started in a folder."""
    return (folder / CONFIG).exists() or any(checkpoint_folder(folder).glob("*.ckpt"))


def _new_folder(subcommand: str, rest: Sequence[str]) -> Path:
    """``runs/<config>-<time>``, or another if that exists; made if something is to be trained.

    Raises:
        UserError: Several processes were started from outside, and would each choose their own.
    """
    config = option(rest, "--config", "-c")
    name = Path(config).stem if config else "gan"
    if subcommand == "fit" and _one_of_many():
        raise UserError(
            "--run is needed where several processes are started from outside (torchrun, srun), so "
            f"that all of them use the same folder; add --run=runs/{name}"
        )
    wanted = Path("runs", f"{name}-{time.strftime('%Y%m%d-%H%M%S')}")
    others = (wanted.with_name(f"{wanted.name}-{n}") for n in itertools.count(2))
    paths = itertools.chain([wanted], others)
    return next(path for path in paths if subcommand != "fit" or _claimed(path))


def _claimed(path: Path) -> bool:
    """Makes a folder; the file system decides which of several processes does."""
    with told(path, "Choose another folder with --run"):
        try:
            path.mkdir(parents=True)
        except FileExistsError:
            return False
    return True


def _one_of_many() -> bool:
    numbers = (os.environ.get(name, "1") for name in ("WORLD_SIZE", "SLURM_NTASKS"))
    return any(number.isdigit() and int(number) > 1 for number in numbers)


def _only_asks(arguments: Sequence[str]) -> bool:
    asking = re.compile(r"-h|--help|--print_config.*|--[\w.]+\.help(=.*)?")
    return any(asking.fullmatch(argument) for argument in arguments)
