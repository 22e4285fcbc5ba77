"""The ``gan`` command: chooses what runs, and says in one sentence what a user has to mend."""

from __future__ import annotations

import logging
import sys
import warnings
from collections.abc import Sequence

from gan_lightning.cli.commands import COMMANDS, run_command
from gan_lightning.cli.training import run
from gan_lightning.errors import UserError


def main(args: Sequence[str] | None = None) -> None:
    """Runs ``gan``; a user's mistake ends in one message and exit code 2."""
    _quiet()
    arguments = sys.argv[1:] if args is None else list(args)
    try:
        if arguments and arguments[0] in COMMANDS:
            run_command(arguments[0], arguments[1:])
        else:
            run(args)
    except Exception as error:
        mistake = _mistake(error)
        if mistake is None:
            raise
        sys.stderr.write(f"gan: error: {mistake}\n")
        raise SystemExit(mistake.exit_code) from None


def _mistake(error: BaseException | None) -> UserError | None:
    """The user's mistake behind an error; jsonargparse wraps what a class's constructor raises."""
    while error is not None and not isinstance(error, UserError):
        error = error.__cause__ or error.__context__
    return error


def _quiet() -> None:
    """Silences advice that does not apply here, and warnings that Lightning gives itself."""
    for message in (
        ".*does not have many workers.*",
        ".*isinstance.treespec, LeafSpec.*",
        ".*Couldn't infer the batch indices.*",
        ".*LightningCLI's args parameter.*",
    ):
        warnings.filterwarnings("ignore", message)
    logging.getLogger("lightning.pytorch.utilities.rank_zero").addFilter(
        lambda record: "litlogger" not in record.getMessage()
    )
