"""The scores of images that anyone made."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gan_lightning.data import digits as digits_data
from gan_lightning.errors import UserError
from gan_lightning.extractors.digits import digits
from gan_lightning.scores.evaluate import evaluate
from gan_lightning.scores.kid import kid
from gan_lightning.scores.protocol import monitor

PROTOCOL = monitor(is_images=200, fid_generated=200)


def data(root: Path) -> digits_data:
    return digits_data(root=str(root / "data"))


def real_digits(n: int) -> np.ndarray:
    module = digits_data()
    module.setup("fit")
    return module.images("train")[:n]


def saved(path: Path, images: np.ndarray) -> str:
    np.savez(path, images=images.transpose(0, 2, 3, 1))
    return str(path)


def test_an_npz_file_and_a_folder_of_the_same_images_score_alike(tmp_path: Path) -> None:
    images = real_digits(200)
    folder = tmp_path / "folder"
    folder.mkdir()
    for i, image in enumerate(images):
        Image.fromarray(image[0]).save(folder / f"{i:03d}.png")
    paths = [saved(tmp_path / "images.npz", images), str(folder)]
    one, other = (
        evaluate(path, data(tmp_path), digits(), PROTOCOL, [kid(2, 100, 200)]) for path in paths
    )
    assert one["digits_fid"] == pytest.approx(other["digits_fid"], rel=1e-9)
    assert one["digits_kid"] == pytest.approx(other["digits_kid"], rel=1e-9)
    assert float(one["digits_fid"]) < 60
    assert (one["fid_real"], one["fid_generated"]) == (1797, 200)
    assert (one["protocol"], one["extractor"]) == ("modified monitor", "digits")


def test_the_result_is_written_and_real_statistics_are_kept(tmp_path: Path) -> None:
    path, out = saved(tmp_path / "images.npz", real_digits(200)), tmp_path / "scores.json"
    result = evaluate(path, data(tmp_path), digits(), PROTOCOL, out=str(out))
    assert json.loads(out.read_text()) == result
    assert result["images"] == path
    (kept,) = (tmp_path / "data" / "statistics").iterdir()
    assert kept.name.startswith("digits-")


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (np.zeros((200, 3, 16, 16), np.uint8), r"\(3, 16, 16\), but --data digits"),
        (np.zeros((200, 1, 28, 28), np.uint8), r"\(1, 28, 28\), but --data digits"),
        (np.zeros((199, 1, 16, 16), np.uint8), r"199 images are too few.* --protocol\.is_images"),
    ],
)
def test_images_that_do_not_fit_are_refused(
    tmp_path: Path, images: np.ndarray, message: str
) -> None:
    path = saved(tmp_path / "images.npz", images)
    with pytest.raises(UserError, match=message):
        evaluate(path, data(tmp_path), digits(), PROTOCOL)


def test_one_image_has_no_score(tmp_path: Path) -> None:
    path = saved(tmp_path / "images.npz", real_digits(1))
    with pytest.raises(UserError, match="1 images are too few"):
        evaluate(path, data(tmp_path), digits(), monitor(2, 1, 100, 2))
