"""Grids of the same latents over time, and the files of a prediction."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.demos.boring_classes import BoringModel

from gan_lightning import GAN
from gan_lightning.callbacks import GeneratorAverage
from gan_lightning.callbacks.samples import SampleGrid, SavePredictions, save_grid
from gan_lightning.data import digits
from gan_lightning.errors import TrainingDiverged, UserError
from gan_lightning.gan import Predicted
from gan_lightning.images import pixels_of
from gan_lightning.initialization import orthogonal
from gan_lightning.networks import (
    CNNDiscriminator,
    CNNGenerator,
    ConditionalCNNGenerator,
    ProjectionCNNDiscriminator,
)
from gan_lightning.streams import stream
from tests.conftest import Gan, bare_trainer

DATA = digits(batch_size=4)  # opened once


def small(**options: Any) -> GAN:
    """Always the same, with images that show something from the start."""
    torch.manual_seed(0)
    makers: dict[str, Any] = {
        "generator": partial(CNNGenerator, latent_dim=6, width=2),
        "discriminator": partial(CNNDiscriminator, width=2),
        "generator_initialization": orthogonal(),
    }
    return GAN((1, 16, 16), **{**makers, **options})


def train(model: GAN, folder: Path, *callbacks: Callback, steps: int = 5) -> list[str]:
    """Returns the names of the grids."""
    options = {"max_steps": steps, "limit_val_batches": 0, "callbacks": list(callbacks)}
    bare_trainer(folder, **options).fit(model, datamodule=DATA)
    return sorted(path.name for path in (folder / "samples").iterdir())


def same_picture(path: Path, images: torch.Tensor, columns: int) -> bool:
    wanted = path.with_name("wanted.png")
    save_grid(images, wanted, columns)
    equal = path.read_bytes() == wanted.read_bytes()
    wanted.unlink()
    return equal


@pytest.mark.parametrize(
    ("every", "steps", "saved"),
    [(2, 5, (2, 4, 5)), (2, 4, (2, 4)), (0, 3, (3,))],
)
def test_a_grid_is_saved_at_each_interval_and_at_the_end(
    tmp_path: Path, every: int, steps: int, saved: tuple[int, ...]
) -> None:
    names = train(small(), tmp_path, SampleGrid(every, rows=1, columns=2), steps=steps)
    assert names == [f"step={step:08d}.png" for step in saved]


def test_an_interval_that_ends_within_a_training_step_is_kept_at_its_end(tmp_path: Path) -> None:
    model = small(iterations_per_batch=4)
    names = train(model, tmp_path, SampleGrid(5, rows=1, columns=2), steps=14)
    assert names == [f"step={step:08d}.png" for step in (8, 12, 14)]


def test_a_grid_shows_what_sampling_makes_row_by_row(tmp_path: Path) -> None:
    model = small()
    train(model, tmp_path, SampleGrid(0, rows=2, columns=3, seed=7), steps=1)
    path = tmp_path / "samples" / "step=00000001.png"
    assert same_picture(path, model.sample(6, seed=7), 3)
    assert not same_picture(path, model.sample(6, seed=8), 3)
    assert not same_picture(path, model.sample(6, seed=7), 2)


def test_each_row_is_of_one_class_and_classes_begin_again(tmp_path: Path) -> None:
    model = small(
        generator=partial(ConditionalCNNGenerator, latent_dim=6, width=2),
        discriminator=partial(ProjectionCNNDiscriminator, width=2),
        num_classes=10,
    )
    train(model, tmp_path, SampleGrid(0, rows=12, columns=2), steps=1)
    classes = [row % 10 for row in range(12) for _ in range(2)]
    path = tmp_path / "samples" / "step=00000001.png"
    assert same_picture(path, model.sample(24, classes=classes), 2)


def test_a_moving_average_has_a_grid_beside_it(tmp_path: Path) -> None:
    model = small()
    average = GeneratorAverage(0.5)
    names = train(model, tmp_path, average, SampleGrid(0, rows=2, columns=3), steps=3)
    assert names == ["ema_step=00000003.png", "step=00000003.png"]
    path = tmp_path / "samples" / names[0]
    assert same_picture(path, model.sample(6, ema=True), 3)
    assert not same_picture(path, model.sample(6), 3)


def test_loggers_are_shown_each_grid_under_a_name_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[tuple[str, str, int]] = []
    monkeypatch.setattr(
        "gan_lightning.callbacks.samples.log_picture",
        lambda loggers, name, path, step: shown.append((name, path.name, step)),
    )
    train(small(), tmp_path, GeneratorAverage(0.5), SampleGrid(2, rows=1, columns=1), steps=3)
    assert shown == [
        (f"{ema}samples", f"{ema}step={step:08d}.png", step)
        for step in (2, 3)
        for ema in ("", "ema_")
    ]


class Breaking(Callback):
    """Makes a weight NaN."""

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, *args: Any, **kwargs: Any
    ) -> None:
        next(pl_module.parameters()).data.fill_(torch.nan)


def test_nothing_is_shown_of_a_generator_that_diverged(tmp_path: Path) -> None:
    with pytest.raises(TrainingDiverged):
        train(small(), tmp_path, Breaking(), SampleGrid(1, rows=1, columns=2), steps=2)
    assert not (tmp_path / "samples").exists()


def test_what_was_made_before_a_resumption_is_not_made_again(tmp_path: Path) -> None:
    grid = SampleGrid(4, rows=1, columns=2)
    trainer = bare_trainer(tmp_path, max_steps=5, limit_val_batches=0)
    trainer.fit(small(), datamodule=DATA)
    trainer.save_checkpoint(tmp_path / "x.ckpt")
    again = bare_trainer(tmp_path, max_steps=7, limit_val_batches=0, callbacks=[grid])
    again.fit(small(), datamodule=DATA, ckpt_path=tmp_path / "x.ckpt")
    assert [path.name for path in (tmp_path / "samples").iterdir()] == ["step=00000007.png"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"every_n_steps": -1}, "every_n_steps must be >= 0, got -1"),
        ({"rows": 0}, "rows must be >= 1, got 0"),
        ({"columns": -3}, "columns must be >= 1, got -3"),
    ],
)
def test_a_grid_that_cannot_be_is_one_sentence(options: dict[str, int], said: str) -> None:
    with pytest.raises(UserError) as caught:
        SampleGrid(**options)
    assert str(caught.value) == said


def test_a_seed_of_a_grid_is_one_of_a_run() -> None:
    with pytest.raises(UserError, match=r"^seed "):
        SampleGrid(seed=-1)


# --------------------------------------------------------------------------------- predictions


def test_predict_writes_the_images(gan: Gan, tmp_path: Path) -> None:
    model = gan("--model.generator_optimizer.lr", "0.05").model
    gan("--ckpt_path", "last", "--data.num_predict", "6", subcommand="predict")
    with np.load(tmp_path / "run" / "predictions" / "images.npz") as file:
        images = file["images"]
    assert images.shape == (6, 16, 16, 1)
    assert len({image.tobytes() for image in images}) == 6
    assert np.array_equal(images, model.sample(6).permute(0, 2, 3, 1).numpy())


@pytest.mark.parametrize("seed", [0, 5])
def test_predicted_images_are_of_the_latents_of_the_runs_seed(tmp_path: Path, seed: int) -> None:
    """Image i is made of the i-th latent of that seed, in whichever batch it comes."""
    model = small(seed=seed)
    data = digits(batch_size=4, num_predict=6)
    made: Any = bare_trainer(tmp_path).predict(model, datamodule=data)
    latents = [model.generator.latents(1, stream(seed, "sample", i)) for i in range(6)]
    for part, own in zip(made, (latents[:4], latents[4:]), strict=True):
        assert torch.equal(part.images, pixels_of(model.generator, torch.cat(own)))
    images = torch.cat([part.images for part in made])
    assert len({image.numpy().tobytes() for image in images}) == 6
    assert not torch.equal(images, model.sample(6, seed=seed + 1))


def predicted(*sizes: int, labelled: bool = False, seed: int = 0) -> list[Predicted]:
    rng = torch.Generator().manual_seed(seed)
    parts = []
    for size in sizes:
        pixels = torch.randint(256, (size, 3, 4, 6), generator=rng, dtype=torch.uint8)
        labels = (torch.arange(size) + 10 * size,) if labelled else ()
        parts.append(Predicted(pixels, labels))
    return parts


def write(folder: Path, predictions: list[Predicted], average: bool = False) -> Path:
    model = BoringModel()
    model.predicts_average = average  # type: ignore[assignment]  # as a GAN has it
    SavePredictions().write_on_epoch_end(bare_trainer(folder), model, predictions, [])
    return folder / "predictions"


def arrays(path: Path) -> dict[str, np.ndarray]:
    with np.load(path) as file:
        return dict(file)


@pytest.mark.parametrize("sizes", [(1,), (2, 2, 1)])
@pytest.mark.parametrize("labelled", [False, True])
def test_all_batches_are_one_array_of_images_and_of_classes_if_there_are_any(
    tmp_path: Path, sizes: tuple[int, ...], labelled: bool
) -> None:
    parts = predicted(*sizes, labelled=labelled)
    found = arrays(write(tmp_path, parts) / "images.npz")
    pixels = torch.cat([part.images for part in parts]).permute(0, 2, 3, 1)
    np.testing.assert_array_equal(found.pop("images"), pixels.numpy(), strict=True)
    if labelled:
        labels = torch.cat([part.labels[0] for part in parts])
        np.testing.assert_array_equal(found.pop("labels"), labels.numpy(), strict=True)
    assert not found


def test_the_first_hundred_are_seen_at_a_glance(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    parts = predicted(60, 60)
    folder = write(tmp_path, parts)
    first = torch.cat([part.images for part in parts])[:100]
    assert same_picture(folder / "images.png", first, 10)
    assert capsys.readouterr().out == f"Saved 120 images to {folder}\n"


def test_images_of_the_moving_average_lie_beside_the_others(tmp_path: Path) -> None:
    write(tmp_path, predicted(2))
    folder = write(tmp_path, predicted(3, seed=1), average=True)
    assert {path.name: len(arrays(path)["images"]) for path in folder.glob("*.npz")} == {
        "images.npz": 2,
        "ema_images.npz": 3,
    }
    assert (folder / "ema_images.png").exists()


def test_each_of_several_processes_writes_a_file_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Trainer, "world_size", 2)
    for rank in (0, 1):
        monkeypatch.setattr(Trainer, "global_rank", rank)
        folder = write(tmp_path, predicted(rank + 1))
    assert {path.name: len(arrays(path)["images"]) for path in folder.glob("*.npz")} == {
        "images-0.npz": 1,
        "images-1.npz": 2,
    }
