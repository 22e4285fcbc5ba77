"""Batches: the same images for the same position, whichever way they take."""

from __future__ import annotations

import copy
import itertools
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from lightning.pytorch import LightningModule, Trainer
from numpy.typing import NDArray
from torch import Tensor

from gan_lightning.data import Batch, ImageData, digits, folder
from gan_lightning.data.loading import (
    DeviceCache,
    HostImages,
    Picker,
    Pixels,
    Spans,
    leave_signals_to_the_trainer,
    to_batch,
)
from gan_lightning.data.prepared import Prepared
from gan_lightning.data.sampling import Draw, Epochs, Replacement, members
from gan_lightning.errors import UserError
from gan_lightning.runs.signals import STOPPING
from gan_lightning.streams import stream
from tests.data import formats

pytestmark = pytest.mark.filterwarnings(
    "ignore:`isinstance.treespec, LeafSpec.` is deprecated:FutureWarning",  # in Lightning
    "ignore:The 'train_dataloader' does not have many workers",
)

Seen = list[tuple[int, NDArray[np.float32], NDArray[np.int64] | None]]


class Recorder(LightningModule):
    """Trains nothing; remembers the batch of each global step."""

    def __init__(self, n_dis: int = 1, iterations_per_batch: int = 1) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.n_dis = n_dis
        self.iterations_per_batch = iterations_per_batch
        self.layer = torch.nn.Linear(1, 1)
        self.seen: Seen = []

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), 0.1)

    def training_step(self, batch: Batch, batch_idx: int) -> None:
        labels = None if batch.labels is None else batch.labels.numpy()
        self.seen.append((self.global_step, batch.images.numpy().copy(), labels))
        size = self.n_dis * self.trainer.datamodule.batch_size  # type: ignore[attr-defined]
        for _ in range(len(batch.images) // size):
            self.optimizers().step()  # type: ignore[union-attr]

    def validation_step(self, batch: Tensor, batch_idx: int) -> None:
        pass


def train(
    data: ImageData,
    max_steps: int,
    tmp_path: Path,
    module: Recorder | None = None,
    resume: bool = False,
    validate_every: int | None = None,
) -> Seen:
    """Trains from the start or from where the last call with this ``tmp_path`` ended."""
    module = module or Recorder()
    trainer = Trainer(
        accelerator="cpu",
        max_epochs=-1,
        max_steps=max_steps,
        use_distributed_sampler=False,
        check_val_every_n_epoch=None,
        val_check_interval=validate_every,
        limit_val_batches=1 if validate_every else 0,
        num_sanity_val_steps=0,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    tmp_path.mkdir(exist_ok=True)
    checkpoint = tmp_path / "last.ckpt"
    trainer.fit(module, datamodule=data, ckpt_path=checkpoint if resume else None)
    trainer.save_checkpoint(checkpoint)
    return module.seen


def assert_same(first: Seen, second: Seen) -> None:
    assert [step for step, _, _ in first] == [step for step, _, _ in second]
    for (_, images, labels), (_, others, other_labels) in zip(first, second, strict=True):
        np.testing.assert_array_equal(images, others)
        np.testing.assert_array_equal(labels, other_labels)


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


LIMITS: list[tuple[dict[str, int], str]] = [
    ({"limit": 31}, r"limit 31 is more than the 30 images of folder. Choose at most 30"),
    ({"limit": 0}, r"limit 0 is not allowed. Choose at least 1"),
    ({"limit": 5, "limit_seed": -1}, r"limit_seed -1 is not allowed"),
    ({"limit": 5, "batch_size": 6}, r"batch_size 6 is more than the 5 images .* that limit leaves"),
]


@pytest.mark.parametrize(("options", "message"), LIMITS)
def test_a_limit_that_cannot_be(root: str, options: dict[str, int], message: str) -> None:
    with pytest.raises(UserError, match=message):
        prepared_folder(root, **options)


def prepared_folder(root: str, **options: Any) -> None:
    data = folder(root=root, size=8, **{"batch_size": 2, **options})
    data.prepare_data()
    data.setup()


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


@pytest.mark.parametrize("value_range", [(-1.0, 1.0), (0.0, 1.0)])
def test_bytes_become_floats(value_range: tuple[float, float]) -> None:
    every = torch.arange(256, dtype=torch.uint8).reshape(1, 16, 16, 1)
    images = to_batch(Pixels(every, None, None), value_range).images
    x = np.arange(256, dtype=np.float32)
    expected = x / np.float32(127.5) - 1 if value_range[0] else x / np.float32(255)
    np.testing.assert_array_equal(images.flatten().numpy(), expected)
    assert (images.min().item(), images.max().item()) == value_range


def test_images_are_channels_last() -> None:
    images = to_batch(Pixels(torch.zeros(2, 8, 8, 3).byte(), None, None), (-1, 1)).images
    assert images.shape == (2, 3, 8, 8)
    assert images.is_contiguous(memory_format=torch.channels_last)


def test_spans_cover_what_is_left_and_count_what_is_done() -> None:
    spans = Spans(start=4, stop=11, step=3, done=2)
    assert list(spans) == [range(4, 6), range(6, 9), range(9, 11)]
    assert len(spans) == 5
    assert list(Spans(11, 11, 3, 4)) == []


def picker(count: int, sampling: str, size: int = 16, seed: int = 3, rank: int = 0) -> Picker:
    draw: Draw = Replacement(count, size, seed, rank)
    if sampling == "epoch":
        draw = Epochs(count, size, seed, rank, world_size=3)
    return Picker(draw, size, seed, rank, flip=True)


@pytest.mark.parametrize("sampling", ["replacement", "epoch"])
@pytest.mark.parametrize("rank", [0, 2])
@given(start=st.integers(0, 40), length=st.integers(0, 25), step=st.integers(1, 12))
@settings(deadline=None, max_examples=30)
def test_every_way_through_a_run_draws_the_same(
    sampling: str, rank: int, start: int, length: int, step: int
) -> None:
    """From any position on, any number of positions at a time: those of the single positions."""
    draw = picker(50, sampling, rank=rank)
    spans = list(Spans(start, start + length, step, done=7))
    assert [t for span in spans for t in span] == list(range(start, start + length))
    singles = [draw(range(t, t + 1)) for t in range(start, start + length)]
    together = [draw(span) for span in spans]
    for part in ("indices", "flips"):
        one = [value for picks in singles for value in getattr(picks, part).tolist()]
        assert [value for picks in together for value in getattr(picks, part).tolist()] == one
    assert len(Spans(start, start + length, step, done=7)) == 7 + len(spans)


@pytest.mark.parametrize("sampling", ["replacement", "epoch"])
def test_no_two_positions_or_ranks_draw_the_same(sampling: str) -> None:
    """Neither images nor flips, within one element or of another."""
    at = [
        picker(1000, sampling, 64, rank=rank)(span)
        for rank in range(3)
        for span in (range(0, 3), range(3, 5))
    ]
    for part in ("indices", "flips"):
        drawn = torch.cat([getattr(picks, part) for picks in at]).reshape(-1, 64).tolist()
        assert len(drawn) == 15
        assert all(one != two for one, two in itertools.combinations(drawn, 2))


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


def test_host_and_device_gather_alike() -> None:
    images = formats.noise(40, 4, 4, 3)
    prepared = Prepared(images, np.arange(40), "")
    spans, draw = Spans(2, 9, 3, 0), picker(40, "replacement")
    host, device = HostImages(prepared, draw), DeviceCache.load(prepared, torch.device("cpu"))
    for span in spans:
        one, two = host[span], device.take(draw(span))
        assert all(torch.equal(a, b) for a, b in zip(one, two, strict=True))  # type: ignore[arg-type]
        assert one.labels is not None
        np.testing.assert_array_equal(one.images.numpy(), images[one.labels.numpy()])


def test_a_cache_is_on_the_device_that_was_asked_for() -> None:
    prepared = Prepared(np.zeros((4, 2, 2, 1), np.uint8), np.arange(4), "")
    cache = DeviceCache.load(prepared, torch.device("meta"))
    assert cache.labels is not None
    assert {cache.images.device.type, cache.labels.device.type} == {"meta"}


def test_workers_take_no_signal_that_stops_a_run() -> None:
    before = {number: signal.getsignal(number) for number in STOPPING}
    try:
        leave_signals_to_the_trainer(0)
        assert {signal.getsignal(number) for number in STOPPING} == {signal.SIG_IGN}
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
