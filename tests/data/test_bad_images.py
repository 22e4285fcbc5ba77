"""What becomes of images that are damaged, or not what they seem."""

from __future__ import annotations

import io
import json
import logging
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gan_lightning.data import celeba, folder, imagenet, prepare
from gan_lightning.errors import UserError
from tests.data import formats

GOOD = 10


def saved(image: Image.Image, suffix: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, suffix, **options)
    return buffer.getvalue()


def colour() -> Image.Image:
    return Image.fromarray(formats.smooth(32, 32))


def truncated() -> bytes:
    return saved(colour(), "PNG")[:-200]


def truncated_jpeg() -> bytes:
    return saved(colour(), "JPEG")[:-200]


def corrupt() -> bytes:
    content = bytearray(saved(colour(), "PNG"))
    content[60:80] = bytes(20)
    return bytes(content)


def animated() -> bytes:
    frames = [Image.fromarray(formats.smooth(32, 32, seed=i)) for i in range(3)]
    return saved(frames[0], "GIF", save_all=True, append_images=frames[1:])


def sixteen_bits() -> bytes:
    return saved(Image.fromarray(np.arange(1024, dtype=np.uint16).reshape(32, 32)), "PNG")


def floating() -> bytes:
    return saved(Image.fromarray(np.ones((8, 8), np.float32)), "TIFF")


def bomb() -> bytes:
    """A few bytes that claim to be a picture of 100,000 x 100,000."""
    content = bytearray(saved(colour(), "PNG"))
    content[16:24] = (100_000).to_bytes(4, "big") * 2
    content[29:33] = zlib.crc32(content[12:29]).to_bytes(4, "big")
    return bytes(content)


BAD: dict[str, tuple[Callable[[], bytes], str]] = {
    "empty": (bytes, "the file is empty"),
    "text": (lambda: b"not an image, whatever its name says", "cannot be decoded"),
    "truncated": (truncated, "cannot be decoded"),
    "truncated_jpeg": (truncated_jpeg, "cannot be decoded"),
    "corrupt": (corrupt, "cannot be decoded"),
    "animated": (animated, "is animated \\(3 frames\\)"),
    "16_bits": (sixteen_bits, "has pixels of mode I;16, 8 bits"),
    "floating": (floating, "has pixels of mode F, 8 bits"),
    "bomb": (bomb, "cannot be decoded"),
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    images = {f"{i:02}.png": formats.noise(8, 8, 3, seed=i) for i in range(GOOD)}
    formats.write_folder(tmp_path / "images", images)
    return tmp_path / "images"


def data(root: Path, skip_bad: bool = False) -> folder:
    return folder(root=str(root), size=8, batch_size=2, skip_bad=skip_bad)


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_image_stops_with_its_name(root: Path, kind: str) -> None:
    make, problem = BAD[kind]
    bad = root / f"05_{kind}.png"
    bad.write_bytes(make())
    with pytest.raises(UserError, match=problem) as error:
        prepare(data(root))
    assert str(bad) in str(error.value)
    assert "--data.skip_bad true" in str(error.value)
    assert not data(root).prepared_folder("train").exists()
    bad.unlink()
    prepare(data(root))
    assert len(data(root).images()) == GOOD


def test_bad_images_can_be_left_out(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    for kind, (make, _) in BAD.items():
        (root / f"05_{kind}.png").write_bytes(make())
    (root / "06_link.png").symlink_to(root / "nowhere.png")
    with caplog.at_level(logging.WARNING):
        prepare(data(root, skip_bad=True))
    assert f"{len(BAD) + 1} of {GOOD + len(BAD) + 1} images were left out" in caplog.text
    home = data(root).prepared_folder("train")
    skipped = json.loads((home / "manifest.json").read_text())["skipped"]
    names = {f"05_{kind}.png" for kind in BAD} | {"06_link.png"}
    assert {Path(name).name for name in skipped} == names
    assert all(Path(name).name in caplog.text for name in skipped)
    assert_holds_exactly_the_good(data(root))


def assert_holds_exactly_the_good(prepared: folder) -> None:
    images = prepared.images()
    assert images.shape == (GOOD, 3, 8, 8)
    good = [formats.noise(8, 8, 3, seed=i).transpose(2, 0, 1).tobytes() for i in range(GOOD)]
    assert sorted(image.tobytes() for image in images) == sorted(good)


@pytest.mark.parametrize("bad", [[0], [9], [0, 9], [3, 4, 5], [0, 1, 2, 3, 4, 5, 6, 7, 8]])
def test_labels_stay_with_their_images(
    tmp_path: Path, bad: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever are bad: image i of class i is as bright as its class."""
    monkeypatch.setattr("gan_lightning.data.preparation.writing.BLOCK_IMAGES", 3)
    images = {f"{i}/x.png": np.full((8, 8, 3), 20 * i, np.uint8) for i in range(10)}
    formats.write_folder(tmp_path, images)
    for i in bad:
        (tmp_path / f"{i}" / "x.png").write_bytes(b"bad")
    good = [i for i in range(10) if i not in bad]
    prepared = folder(
        root=str(tmp_path), size=8, batch_size=1, skip_bad=True, num_classes=good[-1] + 1
    )
    prepare(prepared)
    labels = prepared.labels()
    assert labels is not None
    assert sorted(labels.tolist()) == good
    np.testing.assert_array_equal(prepared.images()[:, 0, 0, 0], 20 * labels)
    np.testing.assert_array_equal(np.load(prepared.prepared_folder("train") / "labels.npy"), labels)


def test_nothing_but_bad_images(tmp_path: Path) -> None:
    (tmp_path / "x.png").write_bytes(b"bad")
    with pytest.raises(UserError, match="no image that can be used") as error:
        prepare(data(tmp_path, skip_bad=True))
    assert str(tmp_path / "x.png") in str(error.value)


def test_deciding_later_to_leave_out_bad_images(root: Path) -> None:
    (root / "05.png").write_bytes(b"bad")
    with pytest.raises(UserError, match=r"05\.png"):
        prepare(data(root))
    prepare(data(root, skip_bad=True))
    assert len(data(root).images()) == GOOD - 1


def converted(root: Path, name: str, content: bytes, size: int = 32) -> formats.Pixels:
    (root / name).write_bytes(content)
    alone = folder(root=str(root), size=size, batch_size=1)
    prepare(alone)
    image: formats.Pixels = alone.images()[0].transpose(1, 2, 0)
    return image


def test_cmyk_is_converted(tmp_path: Path) -> None:
    ink = np.zeros((32, 32, 4), np.uint8)
    ink[:, :16, 0] = 255  # cyan left, black right
    ink[:, 16:, 3] = 255
    image = converted(tmp_path, "x.tif", saved(Image.fromarray(ink, "CMYK"), "TIFF"))
    np.testing.assert_array_equal(image[0, 0], [0, 255, 255])
    np.testing.assert_array_equal(image[0, 31], [0, 0, 0])


def test_palettes_are_looked_up(tmp_path: Path) -> None:
    indices = Image.fromarray((np.arange(1024) % 3).astype(np.uint8).reshape(32, 32), "P")
    indices.putpalette([10, 20, 30, 40, 50, 60, 70, 80, 90])
    image = converted(tmp_path, "x.png", saved(indices, "PNG"))
    np.testing.assert_array_equal(
        image.reshape(-1, 3)[:3], [[10, 20, 30], [40, 50, 60], [70, 80, 90]]
    )


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_transparency_lies_on_white(tmp_path: Path, mode: str) -> None:
    pixels = np.full((32, 32, len(mode)), 100, np.uint8)
    pixels[:16, :, -1], pixels[16:, :, -1] = 0, 255
    image = converted(tmp_path, "x.png", saved(Image.fromarray(pixels, mode), "PNG"))
    assert (image[:16] == 255).all()
    assert (image[16:] == 100).all()


def test_a_transparent_palette_lies_on_white(tmp_path: Path) -> None:
    indices = Image.fromarray((np.arange(1024) % 2).astype(np.uint8).reshape(32, 32), "P")
    indices.putpalette([10, 20, 30, 40, 50, 60])
    image = converted(tmp_path, "x.png", saved(indices, "PNG", transparency=0))
    np.testing.assert_array_equal(image.reshape(-1, 3)[:2], [[255, 255, 255], [40, 50, 60]])


def test_content_counts_and_not_the_name(tmp_path: Path) -> None:
    original = formats.noise(32, 32, 3)
    image = converted(tmp_path, "x.jpg", saved(Image.fromarray(original), "PNG"))
    np.testing.assert_array_equal(image, original)


def test_bilevel_images_are_black_and_white(tmp_path: Path) -> None:
    bits = formats.noise(32, 32) > 127
    image = converted(tmp_path, "x.png", saved(Image.fromarray(bits), "PNG"))
    np.testing.assert_array_equal(image[..., 0], bits * 255)


def test_photographs_stand_upright(tmp_path: Path) -> None:
    original = formats.noise(32, 32, 3)
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: rotate by 90 degrees clockwise
    image = converted(tmp_path, "x.png", saved(Image.fromarray(original), "PNG", exif=exif))
    np.testing.assert_array_equal(image, np.rot90(original, k=-1))


def test_a_picture_with_a_second_one_for_depth_is_not_animated(tmp_path: Path) -> None:
    """Telephones store several pictures in one JPEG; the first is the photograph."""
    frames = [Image.fromarray(formats.smooth(32, 32, seed=i)) for i in range(2)]
    content = saved(frames[0], "MPO", save_all=True, append_images=frames[1:])
    image = converted(tmp_path, "x.jpg", content)
    assert np.abs(image.astype(int) - np.asarray(frames[0])).mean() < 10


def test_a_face_of_another_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    formats.write_celeba(tmp_path, count=2)
    formats.expect(monkeypatch, celeba, 2, 0)
    bad = tmp_path / "celeba" / "img_align_celeba" / "000002.jpg"
    bad.write_bytes(formats.jpeg(formats.smooth(218, 177)))
    with pytest.raises(UserError, match=r"is 177x218, CelebA's images are 178x218") as error:
        prepare(celeba(root=str(tmp_path)))
    assert str(bad) in str(error.value)


def test_a_bad_image_inside_an_archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    formats.write_imagenet_tar(tmp_path, {"n01": [(30, 30)], "n02": [(30, 30)]})
    formats.expect(monkeypatch, imagenet, 2, 0)
    monkeypatch.setattr(imagenet, "num_classes", 2)
    archive = tmp_path / "ILSVRC2012_img_train.tar"
    content = bytearray(archive.read_bytes())
    start = content.rindex(b"\xff\xd8\xff")  # the last JPEG
    content[start : start + 16] = bytes(16)
    archive.write_bytes(content)
    with pytest.raises(UserError, match=r"n02\.tar/n02_0\.JPEG: cannot be decoded"):
        prepare(imagenet(root=str(tmp_path)))
