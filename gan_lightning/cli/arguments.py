"""The one folder of a run, worked out from the command line before it is parsed.

``--run DIR`` names it; by default it is ``runs/<config>-<time>``. A folder that holds a run brings
its own ``config.yaml``, so that ``gan fit --run DIR --ckpt_path last`` needs nothing else.
"""

from __future__ import annotations

import itertools
import re
import time
from collections.abc import Sequence
from pathlib import Path

from gan_lightning.errors import UserError
from gan_lightning.run_folder import BEST, CONFIG, LAST, checkpoint_folder

SUBCOMMANDS = ("fit", "validate", "test", "predict")


def option(arguments: Sequence[str], *names: str) -> str | None:
    """The value of the last ``--name VALUE`` or ``--name=VALUE`` among the arguments."""
    found = None
    for position, argument in enumerate(arguments):
        name, equals, value = argument.partition("=")
        if name in names:
            found = value if equals else next(iter(arguments[position + 1 :]), None)
    return found


def with_run_folder(arguments: Sequence[str]) -> list[str]:
    """Completes the arguments of a subcommand by ``--run`` and, for an old run, ``--config``.

    Args:
        arguments: What follows ``gan`` on the command line.

    Returns:
        The arguments, completed; unchanged if they are no subcommand's or ask for help.

    Raises:
        UserError: ``gan fit`` into a folder that holds a run already, without ``--ckpt_path``.
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
    config, run = option(rest, "--config", "-c"), option(rest, "--run")
    if run is None:
        name = Path(config).stem if config else "gan"
        return [subcommand, *rest, f"--run={_new_folder(name)}"]
    saved = Path(run, CONFIG)
    if saved.exists():
        if subcommand == "fit" and option(rest, "--ckpt_path") is None:
            raise UserError(
                f"--run {run} holds a run already. Go on with it by adding --ckpt_path last, "
                "or choose another folder"
            )
        if subcommand != "fit" and option(rest, "--ckpt_path") is None:
            rest.append("--ckpt_path=last")
        if config is None:
            rest.insert(0, f"--config={saved}")
        return [subcommand, *rest]
    return list(arguments)


def _new_folder(name: str) -> Path:
    """``runs/<name>-<time>``, or another if that exists."""
    wanted = Path("runs", f"{name}-{time.strftime('%Y%m%d-%H%M%S')}")
    others = (wanted.with_name(f"{wanted.name}-{n}") for n in itertools.count(2))
    return next(path for path in itertools.chain([wanted], others) if not path.exists())


def _only_asks(arguments: Sequence[str]) -> bool:
    asking = re.compile(r"-h|--help|--print_config.*|--[\w.]+\.help(=.*)?")
    return any(asking.fullmatch(argument) for argument in arguments)


def checkpoint_path(run: str, name: str) -> str:
    """The path that ``--ckpt_path`` means: a file, or the run's own, ``last`` or ``best``.

    Raises:
        UserError: There is no such file; lists those that the run has.
    """
    own = {"last": LAST, "best": BEST}
    path = checkpoint_folder(run) / own[name] if name in own else Path(name)
    if path.is_file():
        return str(path)
    there = sorted(p.name for p in checkpoint_folder(run).glob("*.ckpt"))
    raise UserError(
        f"--ckpt_path {name}: there is no file {path}. Checkpoints of --run {run}: "
        f"{', '.join(there) or 'none'}"
    )
