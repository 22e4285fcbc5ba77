"""How the weights of the bundled extractor are made: the same bytes on every machine."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from sklearn.datasets import load_digits

from gan_lightning.data import digits as digits_data
from gan_lightning.extractors import train_digits
from gan_lightning.extractors.digits import WEIGHTS, DigitsNetwork
from gan_lightning.streams import stream
from tests.conftest import same
from tests.extractors.made import metadata

IMAGES, LABELS = (tensor.numpy() for tensor in train_digits.digit_images())


def test_the_extractor_sees_the_digits_that_the_dataset_makes() -> None:
    data = digits_data()
    data.setup("fit")
    np.testing.assert_array_equal(IMAGES, data.images("train"))
    np.testing.assert_array_equal(LABELS, data.labels("train"))


def test_the_digits_are_enlarged_by_averaging_neighbours_half_rounded_up() -> None:
    """Corners stay; a pixel beside one is 3/4 of it and 1/4 of the next."""
    small = np.round(load_digits().images * (255 / 16))
    assert IMAGES.shape == (1797, 1, 16, 16)
    assert (IMAGES.dtype, LABELS.dtype) == (np.dtype(np.uint8), np.dtype(np.int64))
    np.testing.assert_array_equal(IMAGES[:, 0, ::15, ::15], small[:, ::7, ::7])
    beside = np.floor(0.75 * small[:, 0, 2] + 0.25 * small[:, 0, 3] + 0.5)
    np.testing.assert_array_equal(IMAGES[:, 0, 0, 5], beside)
    np.testing.assert_array_equal(LABELS, load_digits().target)


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three updates instead of 600."""
    monkeypatch.setattr(train_digits, "_STEPS", 3)


@pytest.mark.usefixtures("short")
def test_the_weights_lie_on_a_grid_that_no_rounding_error_crosses() -> None:
    state, _ = train_digits.train()
    assert state.keys() == DigitsNetwork().state_dict().keys()
    for weight in state.values():
        assert weight.dtype == torch.float32
        assert torch.equal(weight * 2**12, (weight * 2**12).round())


@pytest.mark.usefixtures("short")
def test_random_numbers_and_threads_are_neither_read_nor_changed() -> None:
    torch.manual_seed(1)
    one, accuracy = train_digits.train()
    torch.manual_seed(2)
    untouched = torch.random.get_rng_state()
    torch.set_num_threads(2)
    two, again = train_digits.train()
    assert torch.get_num_threads() == 2
    assert torch.equal(torch.random.get_rng_state(), untouched)
    assert same(one, two)
    assert accuracy == again


@pytest.mark.usefixtures("short")
def test_the_accuracy_is_that_of_the_saved_weights_on_digits_held_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / WEIGHTS
    train_digits.main(path)
    network = DigitsNetwork().double()
    network.load_state_dict(load_file(path))
    held_out = stream(0, "split", 0).permutation(1797)[:300]
    logits = network(torch.from_numpy(IMAGES[held_out]).double())[1]
    accuracy = (logits.argmax(1).numpy() == LABELS[held_out]).mean()
    assert metadata(path) == {"accuracy": f"{accuracy:.4f}"}
    assert f"held-out digits {accuracy:.1%}" in capsys.readouterr().out


@pytest.mark.slow
def test_the_bundled_file_is_reproduced_bit_for_bit(tmp_path: Path) -> None:
    train_digits.main(tmp_path / WEIGHTS)
    bundled = (resources.files("gan_lightning.extractors") / WEIGHTS).read_bytes()
    assert (tmp_path / WEIGHTS).read_bytes() == bundled
