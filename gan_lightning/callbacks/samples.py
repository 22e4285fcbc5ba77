"""Images of the generator, over time and on demand."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import BasePredictionWriter, Callback

from gan_lightning.callbacks.intervals import crossed, ends
from gan_lightning.distributed import on_all, on_first
from gan_lightning.errors import UserError
from gan_lightning.gan import GAN
from gan_lightning.loggers import log_picture
from gan_lightning.run_folder import predicted_images, sample_grid
from gan_lightning.sampling.pictures import save_arrays, save_grid
from gan_lightning.streams import require_seed

__all__ = ["SampleGrid", "SavePredictions", "save_grid"]


class SampleGrid(Callback):
    """Saves a grid of images of the same latents, again and again, to the run's ``samples/``.

    Beside ``step=....png`` lies ``ema_step=....png``, where a moving average is kept. Each row of a
    conditional generator's grid is of one class.

    Args:
        every_n_steps: Generator updates between two grids; 0 makes one only at the end.
        rows: Rows of the grid.
        columns: Columns of the grid.
        seed: Which latents.
    """

    def __init__(
        self, every_n_steps: int = 1000, rows: int = 8, columns: int = 10, seed: int = 0
    ) -> None:
        for argument, value, least in (
            ("every_n_steps", every_n_steps, 0),
            ("rows", rows, 1),
            ("columns", columns, 1),
        ):
            if value < least:
                raise UserError(f"must be >= {least}, got {value}", argument)
        self.every_n_steps = every_n_steps
        self.rows, self.columns = rows, columns
        require_seed(seed)
        self.seed = seed
        self._seen = 0

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Starts counting where the run does."""
        self._seen = trainer.global_step

    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        *args: Any,
        **kwargs: Any,
    ) -> None:
        """Saves if an interval ended in this training step, and at the end."""
        before, self._seen = self._seen, trainer.global_step
        if not ends(trainer) and not crossed(before, self._seen, self.every_n_steps):
            return
        assert isinstance(pl_module, GAN)
        pl_module.require_finite()  # in every process, so that none waits for another
        for ema in (False, True) if pl_module.generator_average else (False,):
            on_first(partial(self._save, trainer, pl_module, ema))

    def _save(self, trainer: Trainer, gan: GAN, ema: bool) -> None:
        """Saves and shows one grid, of the generator or of its moving average."""
        path = sample_grid(trainer.default_root_dir, self._seen, ema)
        images = gan.sample(self.rows * self.columns, self.seed, self._classes(gan), ema)
        save_grid(images, path, self.columns)
        log_picture(trainer.loggers, "ema_samples" if ema else "samples", path, self._seen)

    def _classes(self, gan: GAN) -> list[int] | None:
        known = gan.generator.num_classes
        if known is None:
            return None
        return [row % known for row in range(self.rows) for _ in range(self.columns)]


class SavePredictions(BasePredictionWriter):
    """Writes what ``gan predict`` makes: ``predictions/images.npz``, and a grid of the first 100.

    The npz holds ``images``, uint8 ``(N, H, W, C)``, and with classes ``labels``, int64 ``(N,)``,
    as ``gan evaluate`` reads them. Those of the moving average are in ``ema_images.npz``.
    """

    def __init__(self) -> None:
        super().__init__(write_interval="epoch")

    def write_on_epoch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        predictions: Any,  # noqa: ANN401 (nested by the number of loaders)
        batch_indices: object,
    ) -> None:
        """Writes this process's images; with several, each writes a file of its own."""
        averaged = getattr(pl_module, "predicts_average", False)
        rank = trainer.global_rank if trainer.world_size > 1 else None
        path = predicted_images(trainer.default_root_dir, averaged, rank)
        images = torch.cat([made.images for made in predictions])
        labels = [label for made in predictions for label in made.labels]

        def write() -> None:
            save_arrays(images, labels, path)
            save_grid(images[:100], path.with_suffix(".png"), columns=10)

        on_all(write)
        print(f"Saved {len(images)} images to {path.parent}")
