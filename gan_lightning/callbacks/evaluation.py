"""Scores during training, and of a finished run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback

from gan_lightning.callbacks.best import BestCheckpoint
from gan_lightning.callbacks.comparison import ScoredRow, held_out, table
from gan_lightning.callbacks.ema import GeneratorAverage
from gan_lightning.callbacks.trainer_state import image_data, is_trial, is_unscored
from gan_lightning.distributed import on_first
from gan_lightning.errors import UserError
from gan_lightning.extractors.base import FeatureExtractor, fingerprint
from gan_lightning.extractors.inception import inception
from gan_lightning.files import writable
from gan_lightning.gan import GAN
from gan_lightning.runs.metrics_csv import MetricsCSV
from gan_lightning.runs.scores_jsonl import ScoresLog
from gan_lightning.scores.generated import GeneratedImages
from gan_lightning.scores.protocol import Protocol, monitor
from gan_lightning.scores.record import Fact
from gan_lightning.scores.samples import SampleScore
from gan_lightning.scores.scoring import Judge, Split
from gan_lightning.scores.sources import NoiseImages
from gan_lightning.scores.statistics import RealStatistics

if TYPE_CHECKING:
    from torch import Tensor

    from gan_lightning.data import ImageData


PURPOSE = "evaluation compares with"
"""What it needs real images for, as the message begins where there are none."""


class Evaluation(Callback):
    """Inception score, FID and further scores of the generator at every validation and test.

    Scores go to ``metrics.csv`` with the numbers of images they rest on, and with everything else
    they depend on to ``scores.jsonl``. A validation makes the same images at any number of
    processes, and training does not notice it. ``--trainer.limit_val_batches 0`` trains without.

    Args:
        extractor: Judges the images: ``inception``, ``dinov2``, ``digits``, a ``classifier``
            trained by ``gan extractor``, or the import path of your own. Names all scores, unless
            Inception.
        protocol: How many images each score looks at: ``monitor`` (small and quick), ``paper``,
            ``sngan`` or ``literature``.
        metrics: Scores beside IS and FID: ``kid``, ``precision_recall``, ``density_coverage``,
            ``ms_ssim``, ``memorization``.
        reference: The dataset's split to compare with, "train" as the papers do, or "test".
        cache: Folder of the real images' statistics, by default ``statistics`` beside the dataset.
        real: npz file of ``mu`` and ``sigma`` (this project's, pytorch-fid's or clean-fid's) to
            compare with, in place of the dataset.
        real_count: Number of images that file was made from, if it doesn't say.
        real_resize: How the file's images were resized for Inception, if it doesn't say: ``tf1``
            (clean-fid's legacy_tensorflow) or ``clean``.
        best: Keep the checkpoint of the lowest FID as ``checkpoints/best.ckpt``; of the moving
            average's FID, if there is one.
        compare: Print at the end what real images and noise score, beside the generator.
    """

    def __init__(
        self,
        extractor: FeatureExtractor = inception(),  # noqa: B008  (reads its weights only in setup)
        protocol: Protocol = monitor(),  # noqa: B008  (has no state)
        metrics: Sequence[SampleScore] = (),
        reference: Split = "train",
        cache: str | None = None,
        real: str | None = None,
        real_count: int | None = None,
        real_resize: str | None = None,
        best: bool = True,
        compare: bool = False,
    ) -> None:
        # Kept under their own names, by which the command line finds whose mistake something is.
        self.extractor, self.protocol, self.metrics = extractor, protocol, tuple(metrics)
        self.cache = cache
        self.best = best
        self.compare = compare
        self.judge = Judge(
            self.extractor,
            self.protocol,
            self.metrics,
            Path(cache) if cache else None,
            Path(real) if real else None,
            real_count,
            real_resize,
            reference,
        )
        self._statistics: RealStatistics | None = None
        self._last: tuple[int, list[ScoredRow]] = (-1, [])
        self._loaded_step: int | None = None
        self._best = BestCheckpoint()

    # ----------------------------------------------------------------------------- before training

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Finds what would make an evaluation fail, before anything is trained.

        Raises:
            UserError: If weights, real images or a place for their statistics are missing.
        """
        if stage == "predict" or (stage == "fit" and is_unscored(trainer)):
            return
        data, module = image_data(trainer, PURPOSE), _module(pl_module)
        self.judge.prepare(module.image_shape)
        if self.judge.real is None:
            self.judge.check_real(len(data.images(self.judge.reference)))
            cache = self._cache(data)
            if cache is not None:
                on_first(lambda: _require_writable(cache))
        if self.compare:
            held_out(data, self.judge)

    def on_load_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Remembers how long the model was trained: Lightning forgets it outside of training."""
        self._loaded_step = int(checkpoint["global_step"])

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Goes on from the lowest FID of a resumed run."""
        if is_unscored(trainer):
            return
        averaged = any(average.decay for average in _averages(trainer))
        self._best.go_on(trainer, self._fid_name(averaged))

    # --------------------------------------------------------------------------------- evaluations

    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Scores the generator."""
        if not trainer.sanity_checking:
            self._evaluate(trainer, _module(pl_module))

    def on_test_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Scores the generator."""
        self._evaluate(trainer, _module(pl_module))

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Keeps the checkpoint, if its FID is the lowest so far."""
        if not is_trial(trainer):
            self._best.save_if_improved(trainer)

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Prints what the scores mean, if that was asked for."""
        if not self.compare or is_unscored(trainer):
            return
        step, rows = self._last
        if step != trainer.global_step:
            rows = self._score_generators(trainer, _module(pl_module))
        self._print(trainer, rows + self._score_references(trainer, _module(pl_module)))

    def _evaluate(self, trainer: Trainer, module: GAN) -> None:
        """Scores and says so in all the places."""
        rows = self._score_generators(trainer, module)
        scores = {name: value for row in rows for name, value in row.result.scores.items()}
        # Every process has the same scores; the reduction only tells Lightning so.
        module.log_dict(scores, logger=False, sync_dist=True)
        step = self._step(trainer)
        if not is_trial(trainer):
            on_first(lambda: _record(trainer, step, rows))
        if trainer.state.fn != "fit":
            # Loggers would take this for step 0 of a new run, so it is only printed and appended.
            self._print(trainer, rows)
            return
        numbers = {**scores, **rows[0].result.counts}
        for logger in trainer.loggers:
            words = rows[0].result.facts if isinstance(logger, MetricsCSV) else {}
            row: dict[str, Any] = {**numbers, **words}
            logger.log_metrics(row, step=step)
        self._last = step, rows
        if self.best:
            name = self._fid_name(averaged=len(rows) > 1)
            self._best.offer(name, scores[name])

    def _score_generators(self, trainer: Trainer, module: GAN) -> list[ScoredRow]:
        """The generator, and its average if there is one."""
        real = self._real_statistics(trainer, module)
        kinds: list[tuple[str, str, dict[str, Tensor] | None]] = [("", "generator", None)]
        if module.generator_average:
            kinds.append(("ema_", "moving average", module.generator_average))
        rows = []
        for prefix, title, weights in kinds:
            source = GeneratedImages(module.generator, self.judge.to_generate, module.seed, weights)
            result = self.judge.score(
                source,
                real,
                module.device,
                _bar(trainer, title),
                prefix,
                _origin(module, weights or {}),
            )
            rows.append(ScoredRow(title, result))
        return rows

    def _score_references(self, trainer: Trainer, module: GAN) -> list[ScoredRow]:
        """Real images that were not compared with, and noise."""
        real = self._real_statistics(trainer, module)
        rows = []
        if (rest := held_out(image_data(trainer, PURPOSE), self.judge)) is not None:
            few = self.judge.with_images(min(len(rest), self.judge.wanted.count))
            result = few.score(rest, real, module.device, _bar(trainer, "real images"))
            rows.append(ScoredRow("other real images", result))
        noise = NoiseImages(module.image_shape, self.judge.to_generate)
        result = self.judge.score(noise, real, module.device, _bar(trainer, "noise"))
        return [*rows, ScoredRow("noise", result)]

    def _real_statistics(self, trainer: Trainer, module: GAN) -> RealStatistics:
        if self._statistics is None:
            data, split = image_data(trainer, PURPOSE), self.judge.reference
            self._statistics = (
                self.judge.imported()
                if self.judge.real is not None
                else self.judge.keeping_in(self._cache(data)).statistics(
                    data.images(split),
                    data.fingerprint(split),
                    module.device,
                    _bar(trainer, "real images"),
                )
            )
        return self._statistics

    def _cache(self, data: ImageData) -> Path | None:
        """Where the real images' statistics are kept; nowhere for a dataset that has no files."""
        if self.judge.cache is not None:
            return self.judge.cache
        on_disk = data.belongs_on_disk(self.judge.reference)
        return Path(data.prepared_root, "statistics") if on_disk else None

    def _fid_name(self, averaged: bool) -> str:
        """The name of the FID that decides which checkpoint is the best."""
        return ("ema_" if averaged else "") + self.judge.fid_name

    def _print(self, trainer: Trainer, rows: list[ScoredRow]) -> None:
        if trainer.is_global_zero:
            print(table(rows, self.judge.protocol.name, self.judge.extractor.name))

    def _step(self, trainer: Trainer) -> int:
        if trainer.state.fn == "fit" or self._loaded_step is None:
            return trainer.global_step
        return self._loaded_step


def _module(pl_module: LightningModule) -> GAN:
    assert isinstance(pl_module, GAN)
    return pl_module


def _averages(trainer: Trainer) -> list[GeneratorAverage]:
    callbacks: list[Callback] = trainer.callbacks  # type: ignore[attr-defined]  # set late
    return [callback for callback in callbacks if isinstance(callback, GeneratorAverage)]


def _origin(module: GAN, weights: dict[str, Tensor]) -> dict[str, Fact]:
    """What the generator's images are a function of."""
    state = on_first(lambda: fingerprint("generator", {**module.generator.state_dict(), **weights}))
    return {"generator_fingerprint": state, "seed": module.seed}


def _record(trainer: Trainer, step: int, rows: list[ScoredRow]) -> None:
    """Adds the results to ``scores.jsonl``."""
    for row in rows:
        ScoresLog(trainer.default_root_dir).add(step, row.result.to_dict())


def _bar(trainer: Trainer, title: str) -> str | None:
    """The title of a progress bar, where Lightning has one too."""
    return f"scoring {title}" if trainer.progress_bar_callback is not None else None


def _require_writable(folder: Path) -> None:
    """Raises `UserError` unless statistics can be written there, or are there to be read."""
    if not writable(folder / "statistics.npz") and not any(folder.glob("*.npz")):
        raise UserError(
            f"cannot write the statistics of the real images to {folder}: choose another folder "
            "by `cache`"
        )
