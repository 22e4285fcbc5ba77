"""Small datasets in each dataset's real format on disk."""

from __future__ import annotations

import hashlib
import io
import pickle
import struct
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from torchvision.datasets import CIFAR10, STL10

from gan_lightning.data import ImageData, folder

Pixels = NDArray[np.uint8]

COUNT = 200
"""Images of the folder that tests share: more than one block holds."""


def noise(*shape: int, seed: int = 0) -> Pixels:
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def smooth(height: int, width: int, seed: int = 0) -> Pixels:
    """Returns a colour image that survives JPEG about as photographs do."""
    small = Image.fromarray(noise(5, 5, 3, seed=seed))
    return np.asarray(small.resize((width, height), Image.Resampling.BICUBIC))


def write_folder(root: Path, images: dict[str, Pixels]) -> None:
    for name, image in images.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path)


def expect(monkeypatch: pytest.MonkeyPatch, data: type[ImageData], train: int, test: int) -> None:
    """Lets a dataset expect so few images."""
    monkeypatch.setattr(data, "counts", {"train": train, "test": test})


def write_mnist(root: Path, train: int = 12, test: int = 10) -> dict[str, tuple[Pixels, Pixels]]:
    """Writes idx files: big-endian magic number and dimensions, then bytes."""
    raw = root / "MNIST" / "raw"
    raw.mkdir(parents=True)
    made = {}
    for split, stem, count in (("train", "train", train), ("test", "t10k", test)):
        images, labels = noise(count, 28, 28, seed=count), np.arange(count, dtype=np.uint8) % 10
        head = struct.pack(">IIII", 0x803, count, 28, 28)
        (raw / f"{stem}-images-idx3-ubyte").write_bytes(head + images.tobytes())
        head = struct.pack(">II", 0x801, count)
        (raw / f"{stem}-labels-idx1-ubyte").write_bytes(head + labels.tobytes())
        made[split] = images, labels
    return made


def write_cifar10(
    root: Path, monkeypatch: pytest.MonkeyPatch, each: int = 4
) -> dict[str, tuple[Pixels, list[int]]]:
    """Writes the pickled batches; torchvision is told their checksums."""
    folder = root / "cifar-10-batches-py"
    folder.mkdir(parents=True)
    made: dict[str, tuple[Pixels, list[int]]] = {}
    lists: dict[str, list[list[str]]] = {"train": [], "test": []}
    parts = [("train", f"data_batch_{i}") for i in range(1, 6)] + [("test", "test_batch")]
    for seed, (split, name) in enumerate(parts):
        rows = noise(each, 3072, seed=seed)
        labels = [(seed * each + i) % 10 for i in range(each)]
        content = {"batch_label": name, "labels": labels, "data": rows, "filenames": ["x"] * each}
        lists[split].append([name, _write_pickle(folder / name, content)])
        before = made.get(split, (np.zeros((0, 3072), np.uint8), []))
        made[split] = np.concatenate([before[0], rows]), before[1] + labels
    names = {"label_names": ["airplane", *map(str, range(1, 9)), "truck"], "num_vis": 3072}
    meta = {**CIFAR10.meta, "md5": _write_pickle(folder / "batches.meta", names)}
    monkeypatch.setattr(CIFAR10, "train_list", lists["train"])
    monkeypatch.setattr(CIFAR10, "test_list", lists["test"])
    monkeypatch.setattr(CIFAR10, "meta", meta)
    return made


def _write_pickle(path: Path, content: object) -> str:
    path.write_bytes(pickle.dumps(content, protocol=2))
    return _md5(path)


def _md5(path: Path) -> str:
    return hashlib.md5(path.read_bytes()).hexdigest()


def write_stl10(
    root: Path, monkeypatch: pytest.MonkeyPatch, train: int = 5, test: int = 4
) -> dict[str, Pixels]:
    """Writes the binaries: each channel of each image lies there column by column."""
    folder = root / "stl10_binary"
    folder.mkdir(parents=True)
    made = {
        "train_X.bin": noise(2, 3, 96, 96, seed=1),
        "train_y.bin": np.array([1, 2], np.uint8),
        "unlabeled_X.bin": noise(train, 3, 96, 96, seed=2),
        "test_X.bin": noise(test, 3, 96, 96, seed=3),
        "test_y.bin": np.arange(1, test + 1, dtype=np.uint8),
    }
    for name, content in made.items():
        content.tofile(folder / name)
    (folder / "class_names.txt").write_text("airplane\nbird\n")
    checksums = {name: [name, _md5(folder / name)] for name in made}
    monkeypatch.setattr(STL10, "train_list", [checksums[n] for n in list(made)[:3]])
    monkeypatch.setattr(STL10, "test_list", [checksums[n] for n in list(made)[3:]])
    return {"train": made["unlabeled_X.bin"], "test": made["test_X.bin"]}


def write_celeba(root: Path, count: int = 3) -> list[Pixels]:
    """Writes the folder of aligned JPEGs and one of the lists; returns the JPEGs as decoded."""
    folder = root / "celeba" / "img_align_celeba"
    folder.mkdir(parents=True)
    decoded = []
    for number in range(1, count + 1):
        path = folder / f"{number:06}.jpg"
        Image.fromarray(smooth(218, 178, seed=number)).save(path, quality=95)
        decoded.append(np.asarray(Image.open(path)))
    lines = [f"{number:06}.jpg 0" for number in range(1, count + 1)]
    (folder.parent / "list_eval_partition.txt").write_text("\n".join(lines))
    return decoded


def write_imagenet_tar(root: Path, sizes: dict[str, list[tuple[int, int]]]) -> list[Pixels]:
    """Writes a tar of one tar per class; ``sizes`` are (height, width) of its images."""
    root.mkdir(parents=True, exist_ok=True)
    decoded = []
    with tarfile.open(root / "ILSVRC2012_img_train.tar", "w") as outer:
        for wnid, shapes in sizes.items():
            inside = io.BytesIO()
            with tarfile.open(fileobj=inside, mode="w") as inner:
                for number, shape in enumerate(shapes):
                    content = jpeg(smooth(*shape, seed=number))
                    _add(inner, f"{wnid}_{number}.JPEG", content)
                    decoded.append(np.asarray(Image.open(io.BytesIO(content))))
            _add(outer, f"{wnid}.tar", inside.getvalue())
    return decoded


def jpeg(image: Pixels, **options: Any) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", **options)
    return buffer.getvalue()


def _add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    archive.addfile(entry, io.BytesIO(content))


def data(root: Path, **options: Any) -> folder:
    """Returns the data of the folder that tests share."""
    return folder(root=str(root), size=8, num_classes=4, batch_size=4, **options)


def place(root: Path) -> Path:
    """Returns where it is prepared."""
    return data(root).prepared_folder("train")
