"""The nearest training images, found point by point and written row by row."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from gan_lightning.data import ImageData
from gan_lightning.data import digits as digits_data
from gan_lightning.data.base import Split
from gan_lightning.data.preparation.source import Source
from gan_lightning.errors import UserError
from gan_lightning.extractors.base import FeatureExtractor
from gan_lightning.extractors.digits import digits
from gan_lightning.sampling.nearest import Neighbours, neighbours, save_nearest
from gan_lightning.scores.sources import Images
from gan_lightning.streams import stream

CPU = torch.device("cpu")


def test_copies_are_found_and_called_memorized(tmp_path: Path) -> None:
    """Images 5 and 9 of the dataset as if they had been generated, and one that no one drew."""
    data = digits_data(root=str(tmp_path))
    data.prepare_data()
    images = torch.from_numpy(data.images("train")[[5, 9]].copy())
    made = torch.cat([images, torch.full((1, 1, 16, 16), 255, dtype=torch.uint8)])
    found = neighbours(made, data, digits(), 3, 50_000, torch.device("cpu"))
    assert found.index[:2, 0].tolist() == [5, 9]
    assert torch.equal(found.images[:2, 0], images)
    assert found.memorized.tolist() == [True, True, False]
    assert found.distance[:2, 0].max() < 1e-3
    assert (found.distance.diff(dim=1) >= 0).all()
    few = neighbours(made, data, digits(), 1, 100, torch.device("cpu"))
    assert few.distance[2, 0] >= found.distance[2, 0] - 1e-6
    with pytest.raises(UserError, match=r"neighbours is 3, but only 3 training images"):
        neighbours(made, data, digits(), 3, 3, torch.device("cpu"))
    with pytest.raises(UserError, match=r"digits has images of \(1, 16, 16\)"):
        neighbours(made[..., :8], data, digits(), 3, 100, torch.device("cpu"))


class dots(ImageData):
    """Images of one pixel of grey."""

    image_shape = (1, 1, 1)

    def __init__(self, greys: Sequence[int]) -> None:
        super().__init__()
        self.greys = greys

    def files(self, split: Split) -> list[Path]:
        raise NotImplementedError

    def source(self, split: Split) -> Source:
        raise NotImplementedError

    def images(self, split: Split = "train") -> Images:
        assert split == "train"
        return np.array(self.greys, np.uint8).reshape(-1, 1, 1, 1)


class brightness(FeatureExtractor):
    """The grey and a zero; what it needs comes with `prepare`."""

    name = "brightness"
    num_features = 2
    num_classes = 0
    ready = False

    def prepare(self) -> None:
        super().prepare()
        self.ready = True

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        assert self.ready
        return F.pad(images.flatten(1).float(), (0, 1)), torch.zeros(len(images), 0)


class grey(brightness):
    """The grey alone."""

    name = "grey"
    num_features = 1

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        features, logits = super().forward(images)
        return features[:, :1], logits


def made(*greys: int) -> Tensor:
    return torch.tensor(greys, dtype=torch.uint8).view(-1, 1, 1, 1)


def test_neighbours_are_in_the_order_of_their_distances() -> None:
    data = dots([10, 200, 13, 90, 15])
    found = neighbours(made(12, 100), data, brightness(), 3, 5, CPU)
    assert found.index.tolist() == [[2, 0, 4], [3, 4, 2]]
    expected = torch.tensor([[1, 2, 3], [10, 85, 87]], dtype=torch.float64)
    torch.testing.assert_close(found.distance, expected)
    assert found.images.flatten(1).tolist() == [[13, 10, 15], [90, 15, 13]]
    assert found.images.shape == (2, 3, 1, 1, 1)
    assert (found.index.dtype, found.distance.dtype) == (torch.int64, torch.float64)


@pytest.mark.parametrize("extractor", [brightness, grey])
@pytest.mark.parametrize("greys", [[12], [12, 100]])
def test_one_image_and_one_feature_are_enough(
    extractor: type[FeatureExtractor], greys: list[int]
) -> None:
    found = neighbours(made(*greys), dots([10, 200, 13, 90, 15]), extractor(), 1, 5, CPU)
    assert found.distance.flatten().tolist() == pytest.approx([1, 10][: len(greys)])


def test_memorized_is_what_is_as_near_as_the_nearest_pair_of_training_images() -> None:
    """The closest 1 % of 100 or fewer images is one distance: here 4."""
    data = dots([0, 20, 40, 44, 60, 80])
    found = neighbours(made(0, 17, 15, 63, 255), data, brightness(), 1, 6, CPU)
    assert found.distance.flatten().tolist() == pytest.approx([0, 3, 5, 3, 175])
    assert found.memorized.tolist() == [True, True, False, True, False]


def test_only_the_first_training_images_of_a_fixed_random_order_are_compared() -> None:
    """The order in which scores read files; each is told by its place in the dataset."""
    data = dots(range(0, 250, 5))
    order = stream(0, "order of images", 0).permutation(50)
    for training in (10, 20, 50):
        found = neighbours(made(100), data, brightness(), 9, training, CPU)
        seen = sorted(order[:training].tolist(), key=lambda place: (abs(5 * place - 100), place))
        distances = [abs(5 * place - 100) for place in seen[:9]]
        assert found.distance.flatten().tolist() == pytest.approx(distances)
        assert set(found.index.flatten().tolist()) <= set(seen)
        assert (found.images.flatten() == 5 * found.index.flatten()).all()


@pytest.mark.parametrize(("count", "training", "compared"), [(2, 2, 2), (3, 50_000, 3), (5, 2, 2)])
def test_more_neighbours_than_training_images_are_refused(
    count: int, training: int, compared: int
) -> None:
    said = f"^neighbours is {count}, but only {compared} training images are compared$"
    with pytest.raises(UserError, match=said):
        neighbours(made(1), dots([1, 2, 3]), brightness(), count, training, CPU)
    assert neighbours(made(1), dots([1, 2, 3]), brightness(), 2, 3, CPU).index.shape == (1, 2)


def test_images_of_another_shape_than_the_data_are_refused_by_both_shapes() -> None:
    with pytest.raises(
        UserError,
        match=r"^data dots has images of \(1, 1, 1\), the generator makes \(3, 1, 2\) "
        r"\(channels, height, width\); give the data that it was trained on$",
    ):
        neighbours(torch.zeros(1, 3, 1, 2), dots([1, 2]), brightness(), 1, 2, CPU)
    for shape in ((3, 1, 1), (1, 2, 1), (1, 1, 2)):
        with pytest.raises(UserError, match=r"^data dots has images of"):
            neighbours(torch.zeros(1, *shape), dots([1, 2]), brightness(), 1, 2, CPU)


def found_by_hand() -> tuple[Tensor, Neighbours]:
    """Two images, each with two neighbours; all of other greys."""
    images = torch.arange(7, dtype=torch.uint8).view(7, 1, 1, 1).expand(7, 1, 64, 64) * 40
    found = Neighbours(
        images[2:6].reshape(2, 2, 1, 64, 64),
        torch.tensor([[7, 3], [0, 12]]),
        torch.tensor([[0.0, 1 / 3], [2.5, 1e7]], dtype=torch.float64),
        torch.tensor([True, False]),
    )
    return images[:2], found


def test_a_table_has_a_line_for_each_neighbour(tmp_path: Path) -> None:
    save_nearest(*found_by_hand(), tmp_path / "new")
    assert (tmp_path / "new" / "nearest.csv").read_bytes().decode() == (
        "image,memorized,neighbour,training_image,distance\n"
        "0,true,1,7,0\n0,true,2,3,0.333333\n1,false,1,0,2.5\n1,false,2,12,1e+07\n"
    )


def test_a_picture_has_a_row_for_each_image_with_its_neighbours_behind_it(tmp_path: Path) -> None:
    save_nearest(*found_by_hand(), tmp_path)
    with Image.open(tmp_path / "nearest.png") as picture:
        assert picture.size == (3 * 65 + 1, 2 * 65 + 1)
        seen = [[picture.getpixel((32 + 65 * k, 32 + 65 * i)) for k in range(3)] for i in (0, 1)]
    assert seen == [[(g * 40,) * 3 for g in row] for row in ((0, 2, 3), (1, 4, 5))]


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "nearest.csv").mkdir()
    with pytest.raises(UserError, match=r"^cannot write .*nearest\.csv"):
        save_nearest(*found_by_hand(), tmp_path)
    assert not list(tmp_path.glob("*draft*"))
