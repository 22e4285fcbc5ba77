"""What every dataset shares: options, splits, what is its own to say."""

from __future__ import annotations

from pathlib import Path

import pytest

from gan_lightning.data import (
    ImageData,
    digits,
    folder,
    imagenet,
)
from gan_lightning.errors import UserError
from tests.data.formats import COUNT


@pytest.mark.parametrize(
    ("option", "value"),
    [("batch_size", 0), ("num_workers", -1), ("seed", -1), ("num_predict", 0), ("size", 0)],
)
def test_options_out_of_range(option: str, value: int) -> None:
    with pytest.raises(UserError, match=f"--data.{option} {value}"):
        folder(**{option: value})  # type: ignore[arg-type]


def test_fewer_images_than_a_batch(root: Path) -> None:
    few = folder(root=str(root), size=8, batch_size=COUNT + 1)
    few.prepare_data()
    with pytest.raises(UserError, match=f"--data.batch_size {COUNT + 1} .* the {COUNT} images"):
        few.setup()


@pytest.mark.parametrize("dataset", [imagenet, folder])
def test_what_cannot_be_downloaded_says_so(dataset: type[ImageData]) -> None:
    with pytest.raises(UserError, match=r"--data.download true: .* cannot be downloaded"):
        dataset(download=True)


def test_a_split_that_does_not_exist() -> None:
    with pytest.raises(UserError, match="--data digits has no test split"):
        digits().images("test")


def test_a_split_that_is_not_prepared(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="gan prepare"):
        imagenet(root=str(tmp_path)).images("test")
