"""``gan fit|validate|test|predict``: LightningCLI with a folder for each run."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from lightning.pytorch import Trainer
from lightning.pytorch.cli import LightningArgumentParser, LightningCLI
from lightning.pytorch.plugins import CheckpointIO

from gan_lightning.callbacks import (
    Checkpoints,
    Evaluation,
    GeneratorAverage,
    GracefulStop,
    SampleGrid,
    SavePredictions,
)
from gan_lightning.callbacks.checkpoints import is_trial
from gan_lightning.checkpoint_io import AtomicCheckpointIO
from gan_lightning.cli.arguments import (
    SUBCOMMANDS,
    checkpoint_path,
    option,
    with_run_folder,
)
from gan_lightning.cli.commands import SUMMARY
from gan_lightning.cli.parser import Parser
from gan_lightning.cli.record import RunRecord
from gan_lightning.data import ImageData
from gan_lightning.errors import UserError
from gan_lightning.gan import GAN
from gan_lightning.logger import MetricsCSV
from gan_lightning.run_folder import LAST, checkpoint_folder
from gan_lightning.run_lock import run_locked
from gan_lightning.signals import Signals

TRAINER_DEFAULTS: dict[str, Any] = {
    # The whole run is one epoch of positions; see gan_lightning.data.
    "max_epochs": -1,
    "use_distributed_sampler": False,
    "check_val_every_n_epoch": None,
    "num_sanity_val_steps": 0,
    "max_steps": 100_000,
    "val_check_interval": 5_000,
    "log_every_n_steps": 50,
    "enable_model_summary": False,
}


USAGE = "gan {} [--config FILE] [--run DIR] [--OPTION VALUE ...]"
"""Instead of a page of all options, which follow anyway."""


class GANCommand(LightningCLI):
    """``gan fit|validate|test|predict``."""

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
        parser.link_arguments("run", "trainer.default_root_dir")
        parser.link_arguments("seed_everything", "model.seed", compute_fn=int)
        parser.link_arguments("seed_everything", "data.init_args.seed", compute_fn=int)
        parser.link_arguments("data.image_shape", "model.image_shape", apply_on="instantiate")

    def _parse_ckpt_path(self) -> None:
        # Lightning would let the checkpoint's hyperparameters override the command line. Here a
        # checkpoint of another architecture is an error, and `last` means the run's own.
        options = self.config[self.config.subcommand]
        if options.get("ckpt_path"):
            options.ckpt_path = checkpoint_path(options.run, options.ckpt_path)

    def _set_seed(self) -> None:
        """Hands a seed that was chosen here on to what was linked to the option before.

        Raises:
            UserError: A seed that numpy and torch do not take.
        """
        options = self.config[self.subcommand]
        seed = options.seed_everything
        if not isinstance(seed, bool) and not 0 <= seed < 2**32:
            raise UserError(f"--seed_everything must be an integer in [0, 2**32), got {seed}")
        super()._set_seed()
        options.model.seed = options.data.init_args.seed = int(options.seed_everything)

    def _run_subcommand(self, subcommand: str) -> None:
        """Trains in a folder that is this process's alone; looks into any."""
        if subcommand == "fit" and self.trainer.is_global_zero:
            with run_locked(self._get(self.config, "run")):
                super()._run_subcommand(subcommand)
        else:
            super()._run_subcommand(subcommand)

    def instantiate_trainer(self, **kwargs: Any) -> Trainer:
        """Adds metrics.csv beside the user's loggers, and checkpoints that are written whole."""
        config = self._get(self.config_init, "trainer")
        loggers = config.logger if isinstance(config.logger, list) else [config.logger]
        own = MetricsCSV(self._get(self.config, "run"))
        kwargs["logger"] = False if config.logger is False else [own, *filter(_is_logger, loggers)]
        plugins = config.plugins if isinstance(config.plugins, list) else [config.plugins]
        plugins = [plugin for plugin in plugins if plugin is not None]
        if not any(isinstance(plugin, CheckpointIO) for plugin in plugins):
            plugins.append(AtomicCheckpointIO())
        trainer: Trainer = super().instantiate_trainer(plugins=plugins, **kwargs)
        return trainer

    def after_fit(self) -> None:
        """Says where everything is and what can be done with it."""
        run = Path(self._get(self.config, "run"))
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


def run(args: Sequence[str] | None = None) -> GANCommand:
    """Parses the arguments and runs the subcommand.

    Args:
        args: What follows ``gan``; by default the process's own.

    Raises:
        UserError: Or an error that it is the cause of.
    """
    with Signals() as signals:
        completed = with_run_folder(sys.argv[1:] if args is None else args)
        if args is None:
            # Also for the processes that a distributed strategy starts with these arguments.
            sys.argv[1:] = completed
        try:
            return _command(signals, None if args is None else completed)
        finally:
            _leave_no_empty_folder(completed)


def _command(signals: Signals, args: Sequence[str] | None) -> GANCommand:
    """Parses the arguments and runs the subcommand."""
    return GANCommand(
        GAN,
        ImageData,
        subclass_mode_data=True,
        parser_class=Parser,
        parser_kwargs={
            "description": f"Trains and measures GANs. {SUMMARY}.",
            **{name: {"usage": USAGE.format(name)} for name in SUBCOMMANDS},
        },
        trainer_defaults={
            **TRAINER_DEFAULTS,
            "callbacks": [GracefulStop(signals), SavePredictions()],
        },
        seed_everything_default=0,
        save_config_callback=RunRecord,
        auto_configure_optimizers=False,
        args=None if args is None else list(args),
    )


def _leave_no_empty_folder(arguments: Sequence[str]) -> None:
    """Removes the folder that was made for a run which then was none."""
    folder = option(arguments, "--run")
    if folder is not None:
        with suppress(OSError):  # it holds something
            Path(folder).rmdir()
