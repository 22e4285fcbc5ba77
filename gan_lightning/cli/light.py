"""The commands that only read: they start without torch, Lightning and their seconds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from jsonargparse import ArgumentParser

from gan_lightning.cli.blame import as_option
from gan_lightning.cli.front import sentence
from gan_lightning.errors import UserError
from gan_lightning.report.compare import compare
from gan_lightning.report.report import report

COMMANDS: dict[str, Callable[..., Any]] = {"compare": compare, "report": report}

RUNS = "folders of runs, folders that hold them, or patterns such as 'runs/study-*'"


class Parser(ArgumentParser):
    """Says what is wrong in one sentence; takes no abbreviations."""

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        """Raises what `main` prints, to exit with code 2."""
        words = " ".join(message.replace("'", "").split())
        raise UserError(f"{words}; every option: {self.prog} --help") from ex


def run_command(name: str, arguments: Sequence[str]) -> None:
    """Runs ``gan NAME RUNS... --OPTION VALUE``."""
    parser = Parser(prog=f"gan {name}", description=f"{sentence(name)}.", allow_abbrev=False)
    parser.add_argument("runs", nargs="+", type=str, metavar="RUNS", help=RUNS)
    parser.add_function_arguments(COMMANDS[name], skip={"runs"}, fail_untyped=False)
    options = vars(parser.parse_args(list(arguments)))
    try:
        COMMANDS[name](**options)
    except UserError as error:
        raise type(error)(as_option(error, "")) from error
