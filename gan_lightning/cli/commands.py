"""The commands of ``gan`` that train no GAN: plain functions whose signatures are the options."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from gan_lightning import data as datasets
from gan_lightning.cli.blame import telling_options
from gan_lightning.cli.front import sentence
from gan_lightning.cli.nulls import require_values
from gan_lightning.cli.parser import Parser, add_config
from gan_lightning.cli.sweep import sweep, with_file_named
from gan_lightning.cli.words import class_first, trusted, untrusting
from gan_lightning.export.command import export
from gan_lightning.extractors.train_classifier import train_extractor
from gan_lightning.sampling.command import sample
from gan_lightning.scores.evaluate import evaluate
from gan_lightning.trust import require_kinds, trusting


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
    "sample": sample,
    "export": export,
    "sweep": sweep,
}

POSITIONAL = {"evaluate": "--images", "sample": "--ckpt", "export": "--ckpt"}
"""What the first argument means where it is no option."""


class Call:
    """A function called with what its options built."""

    def __init__(self, function: Callable[..., Any], arguments: dict[str, Any]) -> None:
        self.function = function
        self._objects_by_option = arguments  # for `gan_lightning.cli.blame`

    def make(self) -> Any:  # noqa: ANN401  (whatever the function returns)
        """Calls it."""
        return self.function(**self._objects_by_option)


def run_command(name: str, arguments: Sequence[str]) -> None:
    """Runs ``gan NAME ARGUMENTS``; the first of them may be what `POSITIONAL` says."""
    arguments = list(arguments)
    if name in POSITIONAL and arguments and not arguments[0].startswith("-"):
        arguments.insert(0, POSITIONAL[name])
    if name == "sweep":
        arguments = with_file_named(arguments)
    parser = Parser(prog=f"gan {name}", description=f"{sentence(name)}.")
    add_config(parser)
    parser.add_function_arguments(COMMANDS[name], fail_untyped=False, sub_configs=True)
    packages = trusted(arguments)
    with telling_options(), trusting(packages):
        config = parser.parse_args(class_first(untrusting(arguments)))
        require_kinds(config, packages)
        require_values(config)
        built = vars(parser.instantiate(config))
        built.pop("config", None)
        result = Call(COMMANDS[name], built).make()
    for key, value in (result or {}).items():
        print(f"{key}: {value}")
