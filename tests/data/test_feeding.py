"""A trainer is fed from its position on: the same images for it, whichever way they take."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import torch
from lightning.pytorch import Trainer

from gan_lightning.data import digits, folder
from gan_lightning.data.base import Split
from gan_lightning.data.feeding import training_loader
from gan_lightning.data.loading import DeviceCache, PickLoader, PixelLoader
from gan_lightning.data.prepared import Prepared
from gan_lightning.data.sampling import members
from gan_lightning.errors import UserError
from gan_lightning.streams import stream
from tests.data import formats
from tests.data.training import Recorder, Seen, assert_same, train

pytestmark = pytest.mark.filterwarnings(
    "ignore:`isinstance.treespec, LeafSpec.` is deprecated:FutureWarning",  # in Lightning
    "ignore:The 'train_dataloader' does not have many workers",
)


@pytest.fixture
def root(tmp_path: Path) -> str:
    """A folder of 30 images in two classes, prepared."""
    images = {f"{i % 2}/{i:02}.png": formats.noise(8, 8, 3, seed=i) for i in range(30)}
    formats.write_folder(tmp_path / "images", images)
    return str(tmp_path / "images")


def test_a_batch_is_what_its_position_says(root: str, tmp_path: Path) -> None:
    data = folder(root=root, size=8, num_classes=2, batch_size=4, seed=5)
    seen = train(data, 3, tmp_path, Recorder(n_dis=2))
    labels = data.labels()
    assert labels is not None
    for position, (step, images, got) in enumerate(seen):
        assert step == position
        drawn = stream(5, "batch", position, 0).integers(0, 30, 8)
        expected = data.images()[drawn].astype(np.float32) / np.float32(127.5) - 1
        np.testing.assert_array_equal(images, expected)
        np.testing.assert_array_equal(got, labels[drawn])


def images_of(seen: Seen) -> set[bytes]:
    return {image.tobytes() for _, images, _ in seen for image in images}


@pytest.mark.parametrize("other", [{}, {"device_cache": "never", "sampling": "epoch"}], ids=str)
def test_a_limit_trains_on_so_many_images(root: str, tmp_path: Path, other: dict[str, Any]) -> None:
    """Those that its own seed says, whatever the run's; the split is still the whole one."""
    options: dict[str, Any] = {"size": 8, "num_classes": 2, "batch_size": 5, "root": root, **other}
    data = folder(**options, limit=6, limit_seed=2)
    seen = train(data, 12, tmp_path / "one")
    labels, chosen = data.labels(), members(30, 6, 2)
    assert labels is not None
    assert len(labels) == 30
    pixels = data.images()[chosen].astype(np.float32) / np.float32(127.5) - 1
    number = {image.tobytes(): place for place, image in enumerate(pixels)}
    assert images_of(seen) == number.keys()
    for _, images, got in seen:
        assert got is not None
        assert [labels[chosen[number[image.tobytes()]]] for image in images] == got.tolist()
    other_seed = train(folder(**options, limit=6, limit_seed=2, seed=1), 12, tmp_path / "two")
    assert images_of(other_seed) == images_of(seen)
    other_images = train(folder(**options, limit=6, limit_seed=3), 12, tmp_path / "three")
    assert images_of(other_images) != images_of(seen)


def test_a_limit_resumes_where_it_was(root: str, tmp_path: Path) -> None:
    data = [folder(root=root, size=8, batch_size=3, limit=7) for _ in range(3)]
    whole = train(data[0], 6, tmp_path / "whole")
    parts = train(data[1], 4, tmp_path / "parts")
    parts += train(data[2], 6, tmp_path / "parts", resume=True)
    assert_same(whole, parts)


def test_a_limit_of_all_images_is_none(root: str, tmp_path: Path) -> None:
    unlimited = train(folder(root=root, size=8, batch_size=3), 3, tmp_path / "a")
    assert_same(unlimited, train(folder(root=root, size=8, batch_size=3, limit=30), 3, tmp_path))


@pytest.mark.parametrize("sampling", ["replacement", "epoch"])
@pytest.mark.parametrize(
    "other",
    [
        {"device_cache": "never"},
        {"device_cache_gib": 1e-9},
        {"device_cache": "always", "device_cache_gib": 1e-9},
        {"device_cache": "never", "num_workers": 2},
    ],
)
def test_every_path_gives_the_same_batches(
    root: str, tmp_path: Path, sampling: str, other: dict[str, Any]
) -> None:
    """On the device or the host, with workers, and interrupted: bit-identical."""
    options: dict[str, Any] = {"size": 8, "batch_size": 4, "flip": True, "sampling": sampling}
    whole = train(folder(root=root, num_classes=2, **options), 7, tmp_path)
    assert len(whole) == 7
    options |= other
    first = train(folder(root=root, num_classes=2, **options), 3, tmp_path)
    rest = train(folder(root=root, num_classes=2, **options), 7, tmp_path, resume=True)
    assert_same(first + rest, whole)


@pytest.mark.parametrize("interrupted", [2, 3, 4])
def test_resuming_among_validations(root: str, tmp_path: Path, interrupted: int) -> None:
    data = folder(root=root, size=8, batch_size=4)
    whole = train(data, 9, tmp_path, validate_every=3)
    first = train(copy.deepcopy(data), interrupted, tmp_path, validate_every=3)
    rest = train(copy.deepcopy(data), 9, tmp_path, resume=True, validate_every=3)
    assert_same(first + rest, whole)


def test_a_finished_run_can_be_made_longer(tmp_path: Path) -> None:
    whole = train(digits(batch_size=4), 8, tmp_path)
    first = train(digits(batch_size=4), 5, tmp_path)
    assert_same(first + train(digits(batch_size=4), 8, tmp_path, resume=True), whole)
    assert train(digits(batch_size=4), 8, tmp_path, resume=True) == []


def test_several_positions_in_one_batch(tmp_path: Path) -> None:
    """Three at a time are the same positions, one after the other; the last batch is shorter."""
    single = train(digits(batch_size=4), 8, tmp_path)
    triple = train(digits(batch_size=4), 8, tmp_path, Recorder(iterations_per_batch=3))
    assert [(step, len(images)) for step, images, _ in triple] == [(0, 12), (3, 12), (6, 8)]
    for part in (1, 2):
        np.testing.assert_array_equal(
            np.concatenate([batch[part] for batch in triple]),
            np.concatenate([batch[part] for batch in single]),
        )


def test_resuming_with_another_number_of_positions_at_a_time(tmp_path: Path) -> None:
    single = train(digits(batch_size=4), 9, tmp_path)
    train(digits(batch_size=4), 4, tmp_path, Recorder(iterations_per_batch=2))
    module = Recorder(iterations_per_batch=3)
    rest = train(digits(batch_size=4), 9, tmp_path, module, resume=True)
    assert [step for step, _, _ in rest] == [4, 6]  # then in time with a run that began so
    np.testing.assert_array_equal(
        np.concatenate([images for _, images, _ in rest]),
        np.concatenate([images for _, images, _ in single[4:]]),
    )


def test_flips_mirror_left_and_right(root: str, tmp_path: Path) -> None:
    plain = train(folder(root=root, size=8, batch_size=16), 2, tmp_path)
    mirrored = train(folder(root=root, size=8, batch_size=16, flip=True), 2, tmp_path)
    flipped = 0
    for (_, images, _), (_, others, _) in zip(plain, mirrored, strict=True):
        for image, other in zip(images, others, strict=True):
            same, mirror = (image == other).all(), (image[:, :, ::-1] == other).all()
            assert same != mirror
            flipped += int(mirror)
    assert 6 <= flipped <= 26  # of 32, with chance 1/2 each


def test_training_needs_a_number_of_steps(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"^trainer.max_steps -1"):
        train(digits(), -1, tmp_path)


@pytest.mark.parametrize("iterations", [1, 3])
@pytest.mark.parametrize(
    "options",
    [
        {"device_cache": "always"},
        {"device_cache": "never"},
        {"device_cache": "never", "num_workers": 2},
        {"device_cache": "always", "flip": True},
        {"device_cache": "never", "flip": True, "sampling": "epoch"},
    ],
)
def test_labels_are_those_of_the_images(
    tmp_path: Path, options: dict[str, Any], iterations: int
) -> None:
    """On every path: images of class i are as bright as i, and darker on their left."""
    images = {f"{i % 5}/{i:02}.png": np.full((8, 8, 3), 20 * (i % 5), np.uint8) for i in range(30)}
    for image in images.values():
        image[:, 4:] += 10
    formats.write_folder(tmp_path / "images", images)
    data = folder(root=str(tmp_path / "images"), size=8, num_classes=5, batch_size=4, **options)
    seen = train(data, 5, tmp_path, Recorder(n_dis=2, iterations_per_batch=iterations))
    labels = np.concatenate([part for _, _, part in seen if part is not None])
    pixels = np.rint((np.concatenate([part for _, part, _ in seen]) + 1) * 127.5)
    assert labels.dtype == np.int64
    assert len(labels) == len(pixels) == 5 * 2 * 4
    assert set(labels.tolist()) == set(range(5))
    np.testing.assert_array_equal(pixels.min(axis=(1, 2, 3)), 20 * labels)
    mirrored = pixels[:, 0, 0, 0] > pixels[:, 0, 0, 7]
    assert mirrored.any() == ("flip" in options)
    assert not mirrored.all()


def test_without_classes_there_are_no_labels(root: str, tmp_path: Path) -> None:
    for cache in ("always", "never"):
        data = folder(root=root, size=8, batch_size=4, device_cache=cache)
        assert [labels for _, _, labels in train(data, 2, tmp_path)] == [None, None]


class few(digits):
    """24 images of noise, at once."""

    def load(self, split: Split) -> Prepared:
        return Prepared(formats.noise(24, 16, 16, 1), None, split)


class Fed(Recorder):
    """Remembers what it is fed by, and in which memory the images are."""

    loader: object
    cache: DeviceCache | None

    def on_train_start(self) -> None:
        trainer: Any = self.trainer
        self.loader, self.cache = training_loader(trainer.datamodule, trainer)


def fed(folder: Path, **options: Any) -> Fed:
    module = Fed()
    train(few(batch_size=4, **options), 1, folder, module)
    return module


SIZE = 24 * 16 * 16 / 2**30  # GiB
KEPT: list[dict[str, Any]] = [
    {},
    {"device_cache_gib": SIZE},
    {"device_cache": "always", "device_cache_gib": 0},
]
READ: list[dict[str, Any]] = [
    {"device_cache_gib": SIZE * 0.999},
    {"device_cache_gib": 0},
    {"device_cache": "never"},
]


@pytest.mark.parametrize("options", KEPT, ids=str)
def test_images_that_fit_the_budget_lie_on_the_device_and_the_loader_only_picks(
    tmp_path: Path, options: dict[str, Any]
) -> None:
    module = fed(tmp_path, **options)
    assert isinstance(module.loader, PickLoader)
    assert module.cache is not None
    assert module.cache.images.shape == (24, 16, 16, 1)


@pytest.mark.parametrize("options", READ, ids=str)
def test_others_are_read_on_the_host(tmp_path: Path, options: dict[str, Any]) -> None:
    module = fed(tmp_path, **options)
    assert isinstance(module.loader, PixelLoader)
    assert module.cache is None


@pytest.mark.parametrize("error", [torch.OutOfMemoryError(), MemoryError(), OSError("mmap")])
def test_images_that_do_not_fit_where_the_user_wants_them_are_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def full(*args: object) -> DeviceCache:
        raise error

    monkeypatch.setattr(DeviceCache, "load", full)
    said = (
        r"^device_cache always: the 0\.0 GiB of few do not fit on cpu\. Use `device_cache` never\.$"
    )
    with pytest.raises(UserError, match=said):
        fed(tmp_path, device_cache="always")
    fed(tmp_path, device_cache="never")


@pytest.mark.parametrize("sampling", ["replacement", "epoch"])
def test_processes_are_fed_different_images(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sampling: Literal["replacement", "epoch"]
) -> None:
    """With epochs, all of them together every image once: 4 positions of 2 x 3 images."""
    monkeypatch.setattr(Trainer, "world_size", 2)
    data = few(batch_size=3, sampling=sampling)
    seen: list[list[bytes]] = []
    for rank in (0, 1):
        monkeypatch.setattr(Trainer, "global_rank", rank)
        batches = train(data, 4, tmp_path)
        seen.append([image.tobytes() for _, images, _ in batches for image in images])
    assert seen[0] != seen[1]
    pixels = data.images().astype(np.float32) / np.float32(127.5) - 1
    once = sorted(seen[0] + seen[1]) == sorted(image.tobytes() for image in pixels)
    assert once == (sampling == "epoch")


def literal(seed: int, rank: int, sampling: str, position: int) -> list[bytes]:
    """The three images of a position, of the middle one of several processes or another."""
    index = stream(seed, "batch", position, rank).integers(0, 24, 3)
    if sampling == "epoch":  # 3 processes take 9 images of a position together
        epochs = [stream(seed, "epoch", epoch).permutation(24) for epoch in range(3)]
        first = (3 * position + rank) * 3
        index = np.concatenate(epochs)[first : first + 3]
    flips = stream(seed, "flips", position, rank).integers(0, 2, 3)
    pixels = few().images()[index].astype(np.float32) / np.float32(127.5) - 1
    mirrored = [x[:, :, ::-1] if flip else x for x, flip in zip(pixels, flips, strict=True)]
    return [image.tobytes() for image in mirrored]


@pytest.mark.parametrize("cache", ["always", "never"])
@pytest.mark.parametrize("sampling", ["replacement", "epoch"])
@pytest.mark.parametrize(("seed", "rank"), [(5, 2), (5, 0), (0, 2)])
def test_images_and_flips_are_of_the_streams_of_the_seed_and_the_process(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    cache: Literal["always", "never"],
    sampling: Literal["replacement", "epoch"],
    seed: int,
    rank: int,
) -> None:
    """The seed of the data, whatever the module's; those of others are others."""
    monkeypatch.setattr(Trainer, "world_size", 3)
    monkeypatch.setattr(Trainer, "global_rank", rank)
    data = few(batch_size=3, sampling=sampling, flip=True, seed=seed, device_cache=cache)
    seen = [[image.tobytes() for image in images] for _, images, _ in train(data, 4, tmp_path)]
    assert seen == [literal(seed, rank, sampling, position) for position in range(4)]
    for other in ((0, 0), (5, 1), (6, rank)):
        assert seen[0] != literal(*other, sampling, 0)
