"""``gan fit|validate|test|predict``: LightningCLI with a folder for each run."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Any

from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch import Trainer
from lightning.pytorch.cli import ArgsType, LightningArgumentParser, LightningCLI
from lightning.pytorch.loggers import Logger
from lightning.pytorch.plugins import CheckpointIO

from gan_lightning.callbacks import (
    Advisor,
    Checkpoints,
    Diagnostics,
    Evaluation,
    GeneratorAverage,
    GracefulStop,
    Progress,
    SampleGrid,
    SavePredictions,
)
from gan_lightning.callbacks.trainer_state import is_trial
from gan_lightning.checkpoints.io import AtomicCheckpointIO
from gan_lightning.cli.agent import as_options
from gan_lightning.cli.arguments import SUBCOMMANDS, checkpoint_path, option, with_run_folder
from gan_lightning.cli.blame import mistake_behind, option_behind, telling_options
from gan_lightning.cli.front import sentence
from gan_lightning.cli.nulls import require_values
from gan_lightning.cli.parser import Parser, add_config
from gan_lightning.cli.record import RunRecord
from gan_lightning.cli.sentences import what_went_wrong
from gan_lightning.cli.trainer_options import blamed, check
from gan_lightning.cli.words import class_first, refuse_other_seeds, trusted, untrusting
from gan_lightning.data import ImageData
from gan_lightning.defaults import trainer_defaults
from gan_lightning.errors import UserError, one_line
from gan_lightning.gan import GAN
from gan_lightning.lightning_private import Command
from gan_lightning.loggers import in_run
from gan_lightning.run_folder import LAST, checkpoint_folder
from gan_lightning.runs.lock import run_locked
from gan_lightning.runs.metrics_csv import MetricsCSV
from gan_lightning.runs.signals import Signals
from gan_lightning.trust import require_kinds, trusting

USAGE = "gan {} [--config FILE] [--run DIR] [--trust PACKAGE] [--OPTION VALUE ...]"
"""Instead of a page of all options, which follow anyway."""

ABOUT = """{}.

Files that --config and --run name may build what gan_lightning, torch and Lightning have; whatever
else they name is imported only with --trust PACKAGE. What you type yourself is trusted.
"""

GO_ON = "gan fit --run {run} --ckpt_path last"
"""What continues a run that a signal stopped."""

BUILDERS = (
    *(ImportError, MisconfigurationException, OSError),
    *(OverflowError, TypeError, ValueError),
)
"""What libraries raise when they are given what they do not take, or are not installed."""


class GANCommand(Command):
    """``gan fit|validate|test|predict``.

    Args:
        *args: As LightningCLI takes them.
        only: The command that is run; parsers of the others are not made.
        trust: Packages that config files may name beside those of `gan_lightning.trust.OWN`.
        **kwargs: As LightningCLI takes them.
    """

    def __init__(
        self, *args: Any, only: str = "fit", trust: Sequence[str] = (), **kwargs: Any
    ) -> None:
        self._only = only
        self._trusted = tuple(trust)
        super().__init__(*args, **kwargs)

    @property
    def _objects_by_option(self) -> dict[str, object]:
        """What was built of which option, for `gan_lightning.cli.blame`."""
        built = vars(self.config_init[self.subcommand])
        return {option: built[option] for option in BUILT if option in built}

    def subcommands(self) -> dict[str, set[str]]:  # type: ignore[override]  # of this command line
        """The command, and what no option sets: how checkpoints are read is no one's choice."""
        return {self._only: {*LightningCLI.subcommands()[self._only], "weights_only"}}

    def init_parser(self, **kwargs: Any) -> LightningArgumentParser:
        """Makes the parser of a command."""
        parser = self.parser_class(**kwargs)
        add_config(parser)
        return parser

    def add_default_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Adds the seed."""
        parser.add_argument(
            "--seed_everything",
            type=int,
            default=self.seed_everything_default,
            help="Seed of the run: of the networks' first weights, the latents and the batches; "
            "0 to 2^32 - 1.",
        )

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Adds the run's folder and what is kept in it, and links model and data."""
        parser.add_argument(
            "--run",
            type=str,
            default="runs/gan",
            help="Folder of the run: config.yaml, metrics.csv, samples/, checkpoints/. "
            "By default runs/<config>-<time>.",
        )
        parser.add_lightning_class_args(Checkpoints, "checkpoints")
        parser.add_lightning_class_args(SampleGrid, "samples")
        parser.add_lightning_class_args(GeneratorAverage, "ema")
        parser.add_lightning_class_args(Evaluation, "evaluation")
        parser.add_lightning_class_args(Diagnostics, "diagnostics")
        parser.add_lightning_class_args(Advisor, "advisor")
        parser.link_arguments("run", "trainer.default_root_dir")
        parser.link_arguments("seed_everything", "model.seed")
        parser.link_arguments("seed_everything", "data.init_args.seed")
        parser.link_arguments("data.image_shape", "model.image_shape", apply_on="instantiate")
        parser.link_arguments("data.num_classes", "model.num_classes", apply_on="instantiate")

    def find_checkpoint(self) -> None:
        """Finds the run's own ``last`` and ``best``."""
        # Lightning would let the checkpoint's hyperparameters override the command line. Here a
        # checkpoint of another architecture is an error, and `last` means the run's own.
        options = self.config[self.config.subcommand]
        if options.get("ckpt_path"):
            options.ckpt_path = checkpoint_path(options.run, options.ckpt_path)

    def parse_arguments(self, parser: LightningArgumentParser, args: ArgsType) -> None:
        """Parses, and refuses what makes no sense before anything is built or seeded.

        Raises:
            UserError: Names the option.
        """
        super().parse_arguments(parser, args)
        options, command = self.config[self.config.subcommand], self.config.subcommand
        if not 0 <= options.seed_everything < 2**32:
            raise UserError(
                f"{options.seed_everything} is not allowed: seeds are integers from 0 to 2^32 - 1",
                "seed_everything",
            )
        check(vars(options.trainer), command)
        if command != "fit" and not options.ckpt_path:
            raise UserError(
                f"gan {command} looks at a trained network: name its run with --run DIR, or a "
                "checkpoint with --ckpt_path FILE"
            )
        require_kinds(options, self._trusted)
        require_values(options)

    def instantiate_classes(self) -> None:
        """Builds everything; what libraries refuse is a mistake of the user's."""
        self.parser.add_instantiator(self._logger, Logger, subclasses=True)
        try:
            super().instantiate_classes()
        except BUILDERS as error:
            raise _refused(error) from error

    def _logger(self, made: type[Logger], *args: Any, **kwargs: Any) -> Logger | None:
        """A logger of a run that trains; what only looks at a run leaves nothing in it."""
        if self.subcommand != "fit":
            return None
        return in_run(Path(self.value_of(self.config, "run")), made, kwargs)

    def run_subcommand(self, subcommand: str) -> None:
        """Trains in a folder that is this process's alone; looks into any."""
        alone = subcommand == "fit" and self.trainer.is_global_zero
        try:
            with run_locked(self.value_of(self.config, "run")) if alone else nullcontext():
                super().run_subcommand(subcommand)
        except MisconfigurationException as error:
            raise UserError(one_line(error)) from error

    def arguments_of(self, subcommand: str) -> dict[str, Any]:
        """Adds that a checkpoint is read without running what it holds."""
        return {**super().arguments_of(subcommand), "weights_only": True}

    def _say_total_batch(self) -> None:
        """Says what several processes make of the batch."""
        world, data = self.trainer.world_size, self.datamodule
        if world > 1 and self.trainer.is_global_zero:
            print(
                f"{world} processes with --data.batch_size {data.batch_size} each: "
                f"{world * data.batch_size} images per discriminator update"
            )

    def instantiate_trainer(self, **kwargs: Any) -> Trainer:
        """Adds metrics.csv beside the user's loggers, and checkpoints that are written whole."""
        config = self.value_of(self.config_init, "trainer")
        loggers = config.logger if isinstance(config.logger, list) else [config.logger]
        own = MetricsCSV(self.value_of(self.config, "run"))
        kwargs["logger"] = False if config.logger is False else [own, *filter(_is_logger, loggers)]
        plugins = config.plugins if isinstance(config.plugins, list) else [config.plugins]
        plugins = [plugin for plugin in plugins if plugin is not None]
        if not any(isinstance(plugin, CheckpointIO) for plugin in plugins):
            plugins.append(AtomicCheckpointIO())
        if config.enable_progress_bar is not False:
            self.trainer_defaults["callbacks"].append(Progress())
        try:
            trainer: Trainer = super().instantiate_trainer(plugins=plugins, **kwargs)
        except BUILDERS as error:
            said = one_line(error)
            raise UserError(f"{blamed(said, vars(config))}: {said}") from error
        return trainer

    def before_fit(self) -> None:
        """Says what is trained on, and looks for what evaluation needs, if there is to be any."""
        self._say_total_batch()
        if self.trainer.limit_val_batches != 0:
            self.before_validate()

    def before_validate(self) -> None:
        """Finds missing weights of an extractor before a dataset is prepared, which takes longer.

        Raises:
            UserError: If evaluation could not work.
        """
        evaluation: Evaluation = self.value_of(self.config_init, "evaluation")
        evaluation.judge.prepare(self.model.image_shape)

    before_test = before_validate

    def after_fit(self) -> None:
        """Says where everything is and what can be done with it."""
        run = Path(self.value_of(self.config, "run"))
        if not self.trainer.is_global_zero:
            return
        if not (checkpoint_folder(run) / LAST).exists() or is_trial(self.trainer):
            print(f"\nNothing is kept of {self.trainer.global_step} generator updates in {run}")
        else:
            print(
                f"\nDone: {self.trainer.global_step} generator updates. In {run}:\n"
                f"  samples/              images over time\n"
                f"  metrics.csv           losses and scores\n"
                f"  config.yaml           every option of this run\n"
                f"  checkpoints/last.ckpt the networks and all that it takes to go on\n"
                f"Next:\n"
                f"  more images:    gan predict --run {run} --ckpt_path last\n"
                f"  train longer:   gan fit --run {run} --ckpt_path last --trainer.max_steps N\n"
                f"  in Python:      GAN.load_from_checkpoint('{run}/checkpoints/last.ckpt')"
                ".sample(16)"
            )


def _is_logger(value: object) -> bool:
    return value is not None and not isinstance(value, bool)


BUILT = (
    *("model", "data", "checkpoints", "samples", "ema", "evaluation"),
    *("diagnostics", "advisor"),
)
"""The options that objects are built of which go on to find mistakes when they run."""


def _refused(error: Exception) -> Exception:
    """What a library says of a value, after the option it was given by."""
    if mistake_behind(error) is not None:
        return error
    option, said = option_behind(error), what_went_wrong(one_line(error))
    return UserError(f"--{option}: {said}" if option else said)


def run(args: Sequence[str] | None = None) -> GANCommand:
    """Parses the arguments and runs the subcommand.

    Args:
        args: What follows ``gan``; by default the process's own.

    Raises:
        UserError: A mistake of the user's.
    """
    with Signals() as signals, telling_options():
        arguments = with_run_folder(as_options(sys.argv[1:] if args is None else args))
        if args is None:
            # Also for the processes that a distributed strategy starts with these arguments.
            sys.argv[1:] = arguments
        try:
            return command(signals, arguments)
        finally:
            _leave_no_empty_folder(arguments)


def command(
    signals: Signals, arguments: Sequence[str], kind: type[GANCommand] = GANCommand
) -> GANCommand:
    """Parses the arguments and runs the subcommand.

    Args:
        signals: Who takes them.
        arguments: A subcommand and its options, complete.
        kind: What is made of them.
    """
    name = next(iter(arguments), "")
    if name not in SUBCOMMANDS:
        raise UserError(f"{name!r} is not one of {', '.join(SUBCOMMANDS)}")
    refuse_other_seeds(arguments)
    packages = trusted(arguments)
    usage = {"usage": USAGE.format(name), "description": ABOUT.format(sentence(name))}
    callbacks = [GracefulStop(signals, GO_ON), SavePredictions()]
    with trusting(packages):
        return kind(
            GAN,
            ImageData,
            subclass_mode_data=True,
            parser_class=Parser,
            parser_kwargs={name: usage},
            trainer_defaults=trainer_defaults(callbacks=callbacks),
            seed_everything_default=0,
            save_config_callback=RunRecord,
            auto_configure_optimizers=False,
            args=[*arguments[:1], *class_first(untrusting(arguments[1:]))],
            only=name,
            trust=packages,
        )


def _leave_no_empty_folder(arguments: Sequence[str]) -> None:
    """Removes the folder that was made for a run which then was none."""
    folder = option(arguments, "--run")
    if folder is not None:
        with suppress(OSError):  # it holds something
            Path(folder).rmdir()
