"""What every dataset shares: options, splits, messages, and what is its own to say."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from jsonargparse import ArgumentParser
from numpy.typing import NDArray

from gan_lightning import cli
from gan_lightning.data import ImageData, Source, celeba, digits, folder, imagenet, prepare, verify
from gan_lightning.data.base import Split
from gan_lightning.data.loading import Elements
from gan_lightning.errors import UserError
from gan_lightning.image_files import read
from tests.conftest import Gan
from tests.data import formats
from tests.data.formats import COUNT


class photos(ImageData):
    """All that a dataset of one's own needs."""

    image_shape = (3, 8, 8)

    def files(self, split: Split) -> list[Path]:
        return sorted(self.root.glob("*.png"))

    def source(self, split: Split) -> Source:
        return Source(self.files(split), partial(read, channels=3))


@pytest.fixture
def album(tmp_path: Path) -> Path:
    """A folder for the dataset above."""
    images = {f"{i}.png": formats.noise(8, 8, 3, seed=i) for i in range(6)}
    formats.write_folder(tmp_path / "album", images)
    return tmp_path / "album"


def test_a_minimal_dataset_is_prepared(album: Path) -> None:
    data = photos(root=str(album), batch_size=2)
    data.prepare_data()
    data.setup()
    expected = np.stack([formats.noise(8, 8, 3, seed=i) for i in range(6)])
    np.testing.assert_array_equal(data.images().transpose(0, 2, 3, 1), expected)
    assert (data.labels(), data.class_names, data.num_classes) == (None, None, None)
    assert data.fingerprint().startswith("photos train; as its class reads it; sha256:")
    verify(data)


def test_a_minimal_dataset_trains(album: Path, gan: Gan) -> None:
    name = f"{photos.__module__}.photos"
    options = ["--data", name, "--data.root", str(album), "--data.batch_size", "2"]
    command = gan(*options, "--trainer.max_steps", "2", "--trainer.limit_val_batches", "0")
    assert command.trainer.global_step == 2


def _missing(album: Path) -> None:
    shutil.rmtree(album)


def _bad(album: Path) -> None:
    (album / "3.png").write_bytes(b"bad")


def _other_size(album: Path) -> None:
    formats.write_folder(album, {"3.png": formats.noise(8, 9, 3)})


def _touched(album: Path) -> None:
    prepare(photos(root=str(album)))
    (album / "3.png").touch()


def _other_shape(album: Path) -> None:
    prepare(photos(root=str(album)))
    place = photos(root=str(album)).prepared_folder("train")
    manifest = json.loads((place / "manifest.json").read_text())
    np.save(place / "images.npy", np.zeros((6, 4, 4, 3), np.uint8))
    manifest |= {"shape": [6, 4, 4, 3], "bytes": (place / "images.npy").stat().st_size}
    (place / "manifest.json").write_text(json.dumps(manifest))


def _foreign(album: Path) -> None:
    photos(root=str(album)).prepared_folder("train").mkdir(parents=True)


@pytest.mark.parametrize(
    ("mishap", "message"),
    [
        (_missing, r"^root .*album does not hold its images\. Point it"),
        (_bad, r"3\.png: cannot be decoded .*`skip_bad` true"),
        (_other_size, r"3\.png: was read as uint8 \(8, 9, 3\), where uint8 \(8, 8, 3\) is wanted"),
        (_touched, r"have changed since.*gan prepare.* `again` true"),
        (_other_shape, r"holds images of 4x4x3, where 8x8x3 is wanted"),
        (_foreign, r"is not a manifest of prepared images"),
        (lambda _: None, r"^batch_size 64 is more than the 6 images of photos"),
    ],
)
def test_every_message_about_a_minimal_dataset(
    album: Path, mishap: Callable[[Path], None], message: str
) -> None:
    mishap(album)
    data = photos(root=str(album))
    with pytest.raises(UserError, match=message):
        _begin(data)


def _begin(data: ImageData) -> None:
    data.prepare_data()
    data.setup()


def test_a_minimal_dataset_has_one_split_and_no_download() -> None:
    with pytest.raises(UserError, match="photos has no test split, only train"):
        photos().images("test")
    with pytest.raises(UserError, match=r"^download true: photos cannot be downloaded"):
        photos(download=True)


def test_a_minimal_dataset_is_not_taken_over_from_itself(
    album: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody can know whether a class that does not state its preprocessing still does the same."""
    prepare(photos(root=str(album)))
    monkeypatch.setattr(photos, "source", lambda self, split: Source(self.files(split), _black))
    prepare(photos(root=str(album)), again=True)
    assert not photos(root=str(album)).images().any()


def _black(_: Path) -> formats.Pixels:
    return np.zeros((8, 8, 3), np.uint8)


@pytest.mark.parametrize(
    "labels", [np.zeros(5, np.int64), np.zeros(6, np.int32), np.full(6, -1), np.zeros((6, 1), int)]
)
def test_labels_that_are_not_one_number_an_image(
    album: Path, labels: NDArray[np.int64], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        photos, "source", lambda self, split: Source(self.files(split), _black, labels)
    )
    with pytest.raises(UserError, match=r"gives labels .* for 6 images"):
        prepare(photos(root=str(album)))


def test_no_images_at_all(album: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(photos, "source", lambda self, split: Source([], _black))
    with pytest.raises(UserError, match="holds no train images of photos"):
        prepare(photos(root=str(album)))


@pytest.mark.parametrize("lacking", ["image_shape", "files", "source"])
def test_what_is_a_datasets_own_must_be_there(lacking: str) -> None:
    own = {name: value for name, value in vars(photos).items() if name != lacking}
    with pytest.raises(TypeError, match=lacking):
        type("photos", (ImageData,), {**own, "__module__": "nowhere"})()


def options_of(dataset: type[ImageData]) -> dict[str, str]:
    """The options of a dataset with help, type and default, as the command line shows them."""
    parser = ArgumentParser(exit_on_error=False, add_help=False)
    parser.add_class_arguments(dataset)
    _, text = parser.format_help().split("\n\n", 1)  # behind the usage
    return dict(re.findall(r"--(\w+) (.*? default: .*?\))(?= --|$)", " ".join(text.split())))


@pytest.mark.parametrize("dataset", [folder, digits, celeba, photos])
def test_every_option_is_there_with_its_help(dataset: type[ImageData]) -> None:
    shared, options = options_of(photos), options_of(dataset)
    assert len(shared) == 15
    assert len(options) == (20 if dataset is folder else 15)
    assert all(re.search(r"[a-z]{3}.*\. \(type", text) for text in options.values())
    assert {name: options[name] for name in shared if name != "root"} == {
        name: text for name, text in shared.items() if name != "root"
    }
    assert "on each process" in options["batch_size"]


def test_options_of_a_folder_from_the_command_line(parsed: Callable[..., cli.GANCommand]) -> None:
    short = ["--data.size", "64", "--data.batch_size", "8", "--data.flip", "true"]
    data = parsed("--data", "folder", *short).datamodule
    assert isinstance(data, folder)
    assert (data.image_shape, data.batch_size, data.flip) == ((3, 64, 64), 8, True)
    assert data.sampling == "replacement"


def test_an_option_that_no_dataset_has() -> None:
    with pytest.raises(TypeError, match="bach_size"):
        folder(bach_size=3)


@pytest.mark.parametrize(
    ("option", "value"),
    [("batch_size", 0), ("num_workers", -1), ("seed", -1), ("num_predict", 0), ("size", 0)],
)
def test_options_out_of_range(option: str, value: int) -> None:
    options: dict[str, Any] = {option: value}
    with pytest.raises(UserError, match=f"^{option} {value}"):
        folder(**options)


def test_fewer_images_than_a_batch(root: Path) -> None:
    few = folder(root=str(root), size=8, batch_size=COUNT + 1)
    few.prepare_data()
    with pytest.raises(UserError, match=f"^batch_size {COUNT + 1} .* the {COUNT} images"):
        few.setup()


LIMITS: list[tuple[dict[str, int], str]] = [
    (
        {"limit": COUNT + 1},
        rf"limit {COUNT + 1} is more than the {COUNT} images of folder. Choose at most {COUNT}",
    ),
    ({"limit": 0}, r"limit 0 is not allowed. Choose at least 1"),
    ({"limit": 5, "limit_seed": -1}, r"limit_seed -1 is not allowed"),
    ({"limit": 5, "batch_size": 6}, r"batch_size 6 is more than the 5 images .* that limit leaves"),
]


@pytest.mark.parametrize(("options", "message"), LIMITS)
def test_a_limit_that_cannot_be(root: Path, options: dict[str, int], message: str) -> None:
    with pytest.raises(UserError, match=message):
        prepared_folder(root, **options)


def prepared_folder(root: Path, **options: Any) -> None:
    data = folder(root=str(root), size=8, **{"batch_size": 2, **options})
    data.prepare_data()
    data.setup()


@pytest.mark.parametrize("dataset", [imagenet, folder])
def test_what_cannot_be_downloaded_says_so(dataset: type[ImageData]) -> None:
    with pytest.raises(UserError, match=r"^download true: .* cannot be downloaded"):
        dataset(download=True)


def test_a_split_that_does_not_exist() -> None:
    with pytest.raises(UserError, match=r"^the dataset digits has no test split"):
        digits().images("test")


def test_a_split_that_is_not_prepared(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="gan prepare"):
        imagenet(root=str(tmp_path)).images("test")


def test_prediction_shares_the_images_between_ranks() -> None:
    data = digits(num_predict=11, batch_size=3)
    loader = data.predict_dataloader()
    assert [part.tolist() for part in loader] == [[0, 1, 2], [3, 4, 5], [6, 7, 8], [9, 10]]
    assert isinstance(loader, Elements)
    assert len(loader) == 4


def test_a_prediction_on_several_ranks_is_one_set() -> None:
    shared = []
    for rank in range(3):
        data = digits(num_predict=11, batch_size=3)
        # Ignored: of a trainer, no more than this is asked.
        data.trainer = SimpleNamespace(global_rank=rank, world_size=3)  # type: ignore[assignment]
        shared += [number for part in data.predict_dataloader() for number in part.tolist()]
    assert sorted(shared) == list(range(11))
