"""Parses commands as ``gan fit`` would, and builds and runs nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from gan_lightning.cli.agent import as_options
from gan_lightning.cli.blame import telling_options
from gan_lightning.cli.training import GANCommand, command
from gan_lightning.cli.words import class_first, refuse_other_seeds, trusted, untrusting
from gan_lightning.runs.signals import Signals
from gan_lightning.trust import trusting


class Rehearsal(GANCommand):
    """``gan fit`` up to the point where something would be built."""

    def set_seed(self) -> None:
        """Leaves this process's random numbers alone."""

    def instantiate_classes(self) -> None:
        """Builds nothing."""

    def run_subcommand(self, subcommand: str) -> None:
        """Runs nothing."""


def rehearse(commands: Iterable[Sequence[str]]) -> None:
    """Parses what follows ``gan`` in each of several commands.

    The parser is made once; it takes most of the time.

    Raises:
        UserError: One of them would be refused.
    """
    rehearsal: GANCommand | None = None
    for words in commands:
        arguments = [*as_options(words), "--run=runs/rehearsal"]
        refuse_other_seeds(arguments)
        packages = trusted(arguments)
        with telling_options(), trusting(packages):
            if rehearsal is None:
                rehearsal = command(Signals(), arguments, Rehearsal)
            else:
                ordered = class_first(untrusting(arguments[1:]))
                rehearsal.parse_arguments(rehearsal.parser, [*arguments[:1], *ordered])
