"""The scores of images that anyone made."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from PIL import Image

from gan_lightning.data import digits as digits_data
from gan_lightning.data import folder as folder_data
from gan_lightning.data import prepare
from gan_lightning.data.base import Split
from gan_lightning.data.prepared import Prepared
from gan_lightning.errors import UserError
from gan_lightning.extractors.classifier import classifier
from gan_lightning.extractors.digits import digits
from gan_lightning.extractors.inception import inception
from gan_lightning.extractors.train_classifier import train_extractor
from gan_lightning.scores.evaluate import evaluate
from gan_lightning.scores.kid import kid
from gan_lightning.scores.memorization import memorization
from gan_lightning.scores.protocol import monitor
from gan_lightning.scores.sources import read_images
from gan_lightning.streams import stream
from tests.conftest import ROOT
from tests.scores.small import projection

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


def test_a_classifier_of_ones_own_judges(tmp_path: Path) -> None:
    """How many features and classes it has, only its file says."""
    own = data(tmp_path)
    weights = str(tmp_path / "own.safetensors")
    train_extractor(own, weights, "mine", steps=1, batch_size=4, width=2)
    path = saved(tmp_path / "images.npz", real_digits(200))
    result = evaluate(path, own, classifier(weights), PROTOCOL)
    assert {"mine_fid", "mine_is_mean"} <= result.keys()
    path = saved(tmp_path / "few.npz", real_digits(199))
    with pytest.raises(UserError, match="199 images are too few"):
        evaluate(path, own, classifier(weights), PROTOCOL)


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
        (np.zeros((200, 3, 16, 16), np.uint8), r"\(3, 16, 16\), but `data` digits"),
        (np.zeros((200, 1, 28, 28), np.uint8), r"\(1, 28, 28\), but `data` digits"),
        (np.zeros((199, 1, 16, 16), np.uint8), r"199 images are too few.* `protocol\.is_images`"),
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


# ------------------------------------------------------------------ one rule for images and data

SIZE, MANY = 16, 12


def pictures(mode: str) -> list[Image.Image]:
    """Pictures that no two ways of turning or laying on a ground leave equal."""
    channels = len(Image.new(mode, (1, 1)).getbands())
    rng = np.random.default_rng(0)
    shape = (MANY, SIZE, SIZE, channels) if channels > 1 else (MANY, SIZE, SIZE)
    return [Image.fromarray(i, mode) for i in rng.integers(256, size=shape, dtype=np.uint8)]


def as_rgba(top: Path) -> None:
    for i, picture in enumerate(pictures("RGBA")):
        picture.save(top / f"{i}.png")


def as_palette(top: Path) -> None:
    for i, picture in enumerate(pictures("RGB")):
        picture.quantize(16).save(top / f"{i}.png", transparency=3)


def as_grey_with_alpha(top: Path) -> None:
    for i, picture in enumerate(pictures("LA")):
        picture.save(top / f"{i}.png")


def as_cmyk(top: Path) -> None:
    for i, picture in enumerate(pictures("CMYK")):
        picture.save(top / f"{i}.jpg")


def as_turned(top: Path) -> None:
    for i, picture in enumerate(pictures("RGB")):
        exif = Image.Exif()
        exif[0x0112] = 1 + i % 8
        picture.save(top / f"{i}.jpg", exif=exif)


def as_hidden(top: Path) -> None:
    for i, picture in enumerate(pictures("RGB")):
        (top / ".thumbnails").mkdir(exist_ok=True)
        picture.save(top / f"{i}.png")
        picture.rotate(90).save(top / f".{i}.png")
        picture.rotate(180).save(top / ".thumbnails" / f"{i}.png")


def as_links(top: Path) -> None:
    elsewhere = top.with_name("elsewhere")
    elsewhere.mkdir()
    for i, picture in enumerate(pictures("RGB")):
        picture.save((elsewhere if i % 2 else top) / f"{i}.png")
    (top / "linked").symlink_to(elsewhere, target_is_directory=True)
    (elsewhere / "round").symlink_to(top, target_is_directory=True)


def as_classes_in_an_odd_order(top: Path) -> None:
    for i, picture in enumerate(pictures("RGB")):
        place = top / ("B", "a", "a-b", "a b")[i % 4]
        place.mkdir(exist_ok=True)
        picture.save(place / f"{'Xy'[i % 2]}{i}.{('png', 'BMP', 'tiff')[i % 3]}")


KINDS: list[Callable[[Path], None]] = [
    as_rgba,
    as_palette,
    as_grey_with_alpha,
    as_cmyk,
    as_turned,
    as_hidden,
    as_links,
    as_classes_in_an_odd_order,
]
ALL = monitor(MANY, 2, MANY, MANY)


def dataset(top: Path, colour: Literal["colour", "grey"]) -> folder_data:
    prepared = top.with_name("prepared")
    return folder_data(str(top), SIZE, colour=colour, prepared_root=str(prepared), batch_size=2)


@pytest.mark.parametrize("colour", ["colour", "grey"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_folder_of_any_kind_is_at_distance_zero_from_itself_as_a_dataset(
    tmp_path: Path, kind: Callable[[Path], None], colour: Literal["colour", "grey"]
) -> None:
    top = tmp_path / "images"
    top.mkdir()
    kind(top)
    module = dataset(top, colour)
    prepare(module, processes=1)
    extractor = projection(pixels=module.image_shape[0] * SIZE**2)
    scores = evaluate(str(top), module, extractor, ALL)
    assert scores["fid_real"] == scores["fid_generated"] == MANY
    assert float(scores["projection_fid"]) == pytest.approx(0, abs=1e-6)
    source = read_images(top, module.image_shape[0])
    assert len(source) == MANY
    order = stream(0, "order of images", 0).permutation(MANY)
    np.testing.assert_array_equal(source.block(0, MANY)[0], module.images("train")[order])


def test_images_of_more_than_8_bits_are_refused_alike(tmp_path: Path) -> None:
    top = tmp_path / "images"
    top.mkdir()
    as_rgba(top)
    deep = np.arange(SIZE**2, dtype=np.uint16).reshape(SIZE, SIZE) * 200
    Image.fromarray(deep).save(top / "deep.png")
    with pytest.raises(UserError, match=r"deep\.png.*8 bits"):
        dataset(top, "colour").prepare_data()
    with pytest.raises(UserError, match=r"deep\.png.*8 bits"):
        read_images(top, 3).block(0, MANY + 1)


# --------------------------------------------------------------------- statistics, reference, files


def statistics(folder: Path) -> str:
    """A file of this project's statistics of the digits."""
    path = saved(folder / "made.npz", real_digits(200))
    evaluate(path, data(folder), digits(), PROTOCOL, cache=str(folder / "made"))
    (kept,) = (folder / "made").iterdir()
    return str(kept)


def test_statistics_of_a_file_need_no_dataset(tmp_path: Path) -> None:
    real = statistics(tmp_path)
    images = saved(tmp_path / "images.npz", real_digits(200))
    protocol = monitor(is_images=200, fid_generated=200, fid_real=5000)
    absent = folder_data(str(tmp_path / "absent"), SIZE, colour="grey")
    with_shape = evaluate(images, absent, digits(), protocol, real=real)
    with_nothing = evaluate(images, None, digits(), protocol, real=real)
    assert with_shape == with_nothing
    by_dataset = evaluate(images, data(tmp_path), digits(), PROTOCOL)
    assert with_nothing["digits_fid"] == by_dataset["digits_fid"]
    assert with_nothing["fid_real"] == 1797
    with pytest.raises(UserError, match="`real` FILE"):
        evaluate(images, None, digits(), protocol)


class split_digits(digits_data):
    """Digits of which the last 500 are held out."""

    splits = ("train", "test")

    def load(self, split: Split) -> Prepared:
        whole = super().load(split)
        part = slice(500) if split == "train" else slice(500, None)
        return Prepared(whole.images[part], None, f"{split} of the digits")


def test_the_test_split_can_be_the_reference(tmp_path: Path) -> None:
    path = saved(tmp_path / "images.npz", real_digits(500))
    protocol = monitor(is_images=500, fid_generated=500)
    module = split_digits(root=str(tmp_path))
    train, test = (
        evaluate(path, module, digits(), protocol, reference=reference)
        for reference in ("train", "test")
    )
    assert float(train["digits_fid"]) == pytest.approx(0, abs=1e-6)
    assert float(test["digits_fid"]) > 1
    assert (train["fid_real"], test["fid_real"]) == (500, 1297)
    assert (train["real"], test["real"]) == ("train of the digits", "test of the digits")
    with pytest.raises(UserError, match=r"^reference is test, but memorization"):
        evaluate(path, module, digits(), protocol, [memorization()], reference="test")


def test_copies_of_digits_are_memorized_and_held_out_digits_are_not(tmp_path: Path) -> None:
    module = split_digits(root=str(tmp_path))
    metrics = [memorization(quantile=0.01, count=400)]
    protocol = monitor(is_images=400, fid_generated=400, fid_real=100)
    copies, held_out = (
        evaluate(
            saved(tmp_path / f"{split}.npz", module.images(split)),
            module,
            digits(),
            protocol,
            metrics,
        )
        for split in module.splits
    )
    assert (copies["digits_memorized"], copies["digits_authenticity"]) == (1.0, 0.0)
    assert copies["memorization_real"] == 500  # all, not only those of the FID
    assert float(held_out["digits_memorized"]) < 0.04
    assert float(held_out["digits_authenticity"]) > 0.3


def test_a_result_that_cannot_be_written_is_found_before_the_work(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"^out .* cannot be written"):
        evaluate("absent", data(tmp_path), digits(), PROTOCOL, out=str(tmp_path / "file" / "x"))


def test_missing_weights_are_found_before_a_dataset_is_prepared(tmp_path: Path) -> None:
    images = np.zeros((200, 3, SIZE, SIZE), np.uint8)
    path = saved(tmp_path / "images.npz", images)
    absent = folder_data(str(tmp_path / "absent"), SIZE)
    with pytest.raises(UserError, match=r"^weights .*absent\.pth is no file"):
        evaluate(path, absent, inception(str(tmp_path / "absent.pth")), PROTOCOL)


@pytest.mark.slow
def test_processes_of_torchrun_share_the_work_and_one_speaks(tmp_path: Path) -> None:
    path = saved(tmp_path / "images.npz", real_digits(300))
    options = ["evaluate", path, "--data=digits", "--extractor=digits", "--protocol=monitor"]
    options += ["--protocol.is_images=290", "--protocol.fid_generated=290", "--metrics=[kid]"]
    options += ["--metrics.subset_size=90", "--metrics.count=200", "--device=cpu"]
    options += [f"--cache={tmp_path / 'cache'}"]
    single = [sys.executable, "-m", "gan_lightning.cli"]
    several = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node=2"]
    several += ["--rdzv_backend=c10d", "--rdzv_endpoint=localhost:0", "-m", "gan_lightning.cli"]
    results, printed = [], []
    for n, command in enumerate((single, several)):
        out = tmp_path / f"{n}.json"
        done = subprocess.run(
            [*command, *options, f"--out={out}"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, done.stderr
        results.append(json.loads(out.read_text()))
        printed.append(done.stdout.count("digits_fid"))
    assert results[0].keys() == results[1].keys()
    for name, value in results[0].items():
        near = value if isinstance(value, str) else pytest.approx(value, rel=1e-9, abs=1e-12)
        assert results[1][name] == near, name
    assert printed == [1, 1]
