"""``gan fit|validate|test|predict``: LightningCLI with a folder for each run."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.cli import LightningArgumentParser, LightningCLI, SaveConfigCallback
from lightning.pytorch.plugins import CheckpointIO

from gan_lightning.callbacks import (
    AtomicCheckpointIO,
    Checkpoints,
    Evaluation,
    GeneratorAverage,
    GracefulStop,
    SampleGrid,
    SavePredictions,
)
from gan_lightning.cli.arguments import SUBCOMMANDS, checkpoint_path, with_run_folder
from gan_lightning.cli.commands import SUMMARY
from gan_lightning.cli.parser import Parser
from gan_lightning.data import ImageData
from gan_lightning.gan import GAN
from gan_lightning.logger import MetricsCSV

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


class SaveConfig(SaveConfigCallback):
    """Saves the resolved ``config.yaml`` when training starts, not when a run is looked at."""

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Writes the file on the first rank."""
        if stage == "fit":
            self.config = self.config.clone()
            self.config.ckpt_path = None  # a run from this config starts anew
            super().setup(trainer, pl_module, stage)

    def save_config(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Tells the loggers every option, for sweeps to be compared by."""
        for logger in trainer.loggers:
            logger.log_hyperparams(self.config.as_dict())


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
        parser.link_arguments("data.num_classes", "model.num_classes", apply_on="instantiate")

    def _parse_ckpt_path(self) -> None:
        # Lightning would let the checkpoint's hyperparameters override the command line. Here a
        # checkpoint of another architecture is an error, and `last` means the run's own.
        options = self.config[self.config.subcommand]
        if options.get("ckpt_path"):
            options.ckpt_path = checkpoint_path(options.run, options.ckpt_path)

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

    def before_fit(self) -> None:
        """Looks for what evaluation needs, if there is to be any."""
        if self.trainer.limit_val_batches != 0:
            self.before_validate()

    def before_validate(self) -> None:
        """Finds missing weights of an extractor before a dataset is prepared, which takes longer.

        Raises:
            UserError: If evaluation could not work.
        """
        evaluation: Evaluation = self._get(self.config_init, "evaluation")
        evaluation.judge.prepare(self.model.image_shape)

    before_test = before_validate

    def after_fit(self) -> None:
        """Says where everything is and what can be done with it."""
        run = Path(self._get(self.config, "run"))
        if self.trainer.is_global_zero and self.trainer.max_steps > 0:
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
    if args is None:
        # Also for the processes that a distributed strategy starts with these arguments.
        sys.argv[1:] = with_run_folder(sys.argv[1:])
    return GANCommand(
        GAN,
        ImageData,
        subclass_mode_data=True,
        parser_class=Parser,
        parser_kwargs={
            "description": f"Trains and measures GANs. {SUMMARY}.",
            **{name: {"usage": USAGE.format(name)} for name in SUBCOMMANDS},
        },
        trainer_defaults={**TRAINER_DEFAULTS, "callbacks": [GracefulStop(), SavePredictions()]},
        seed_everything_default=0,
        save_config_callback=SaveConfig,
        save_config_kwargs={"overwrite": True},
        auto_configure_optimizers=False,
        args=None if args is None else with_run_folder(args),
    )
