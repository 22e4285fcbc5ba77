"""What libraries read, damaged anywhere: it reads, or a user's error names it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save
from torch.optim import AdamW
from torch.optim.lr_scheduler import OneCycleLR

from gan_lightning.data import folder
from gan_lightning.data.prepared import open_prepared
from gan_lightning.errors import UserError, reading
from gan_lightning.export.tensors import FORMAT, load_generator
from gan_lightning.extractors.classifier import ResidualClassifier, classifier, save_classifier
from gan_lightning.extractors.fitting import _Progress
from gan_lightning.extractors.weights import tensors
from gan_lightning.networks import CNNGenerator
from gan_lightning.scores.sources import read_images
from gan_lightning.scores.statistics import read_npz
from tests.data.formats import noise, write_folder

NETWORK = ResidualClassifier((3, 8, 8), 2, 1)
STATE = {"w": torch.ones(9), "b": torch.zeros(2, 3)}


def progress(path: Path) -> _Progress:
    optimizer = AdamW(NETWORK.parameters())
    schedule = OneCycleLR(optimizer, 1e-3, total_steps=9)
    return _Progress(NETWORK, optimizer, schedule, "this one", path)


def generator(path: Path) -> None:
    network = CNNGenerator((3, 8, 8), latent_dim=2, width=1)
    arguments = {"image_shape": [3, 8, 8], "latent_dim": 2, "width": 1}
    about = {"class_path": "gan_lightning.networks.CNNGenerator", "format": FORMAT}
    path.write_bytes(save(network.state_dict(), about | {"init_args": json.dumps(arguments)}))


MADE: dict[str, Callable[[Path], object]] = {
    "images.npz": lambda p: np.savez_compressed(p, images=np.ones((3, 8, 8, 3), np.uint8)),
    "statistics.npz": lambda p: np.savez_compressed(p, mu=np.ones(3), sigma=np.eye(3)),
    "weights.pth": lambda p: torch.save(STATE, p),
    "old.pth": lambda p: torch.save(STATE, p, _use_new_zipfile_serialization=False),
    "own.safetensors": lambda p: save_classifier(p, NETWORK, "own", (3, 8, 8), 0.5, {}),
    "own.part": lambda p: progress(p).save(3),
    "generator.safetensors": generator,
}
READ: dict[str, Callable[[Path], object]] = {
    "images.npz": lambda p: read_images(p, 3),
    "statistics.npz": lambda p: read_npz(p, "make it anew"),
    "weights.pth": lambda p: tensors(p, "Fetch it anew"),
    "old.pth": lambda p: tensors(p, "Fetch it anew"),
    "own.safetensors": lambda p: classifier(str(p)).prepare(),
    "own.part": lambda p: progress(p).load(),
    "generator.safetensors": load_generator,
}


def damaged(content: bytes) -> Iterator[bytes]:
    """Another byte, or all the rest lost: everywhere near both ends, and here and there between."""
    rng = np.random.default_rng(len(content))
    places = {*range(200), *range(len(content) - 100, len(content))}
    places |= set(rng.integers(0, len(content), 100).tolist())
    for place in sorted(places & {*range(len(content))}):
        byte = rng.integers(0, 256, dtype=np.uint8).tobytes()
        yield content[:place] + byte + content[place + 1 :]
        if place % 7 == 0:
            yield content[:place]


def assert_told(path: Path, read: Callable[[], object]) -> None:
    """Nothing but a user's error comes of any damage, and it comes of most."""
    read()
    content = path.read_bytes()
    said = []
    for wrong in damaged(content):
        path.write_bytes(wrong)
        try:
            read()
        except UserError as error:
            said.append(str(error))
    path.write_bytes(content)
    read()
    assert len(said) > len([*damaged(content)]) / 4
    assert all(path.name in told or str(path.parent) in told for told in said)


@pytest.mark.filterwarnings("ignore")  # of torch and numpy, on what is damaged anyway
@pytest.mark.parametrize("name", MADE)
def test_a_damaged_file_is_named(tmp_path: Path, name: str) -> None:
    MADE[name](tmp_path / name)
    assert_told(tmp_path / name, lambda: READ[name](tmp_path / name))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["manifest.json", "images.npy", "labels.npy"])
def test_damage_to_what_was_prepared_is_named(tmp_path: Path, name: str) -> None:
    write_folder(
        tmp_path / "images", {f"{k % 2}/{k}.png": noise(8, 8, 3, seed=k) for k in range(4)}
    )
    data = folder(root=str(tmp_path / "images"), size=8, num_classes=2)
    data.prepare_data()
    (manifest,) = tmp_path.rglob("manifest.json")
    shutil.copytree(manifest.parent, place := tmp_path / "prepared")
    about = json.loads(manifest.read_text())

    def read() -> None:
        found = open_prepared(place, about["dataset"], about["split"], about["preprocessing"])
        found.images[0].sum()

    assert_told(place / name, read)


@pytest.mark.parametrize("error", [ValueError("a\nb"), MemoryError(), SyntaxError("x"), EOFError()])
def test_whatever_a_library_raises_is_a_users_error(error: Exception) -> None:
    with (
        pytest.raises(UserError, match=r"^read: [^\n]+$"),
        reading(lambda s: UserError(f"read: {s}")),
    ):
        raise error


def test_a_users_error_and_an_interruption_stay_what_they_are() -> None:
    with pytest.raises(UserError, match=r"^as it is$"), reading(UserError):
        raise UserError("as it is")
    with pytest.raises(KeyboardInterrupt), reading(UserError):
        raise KeyboardInterrupt
