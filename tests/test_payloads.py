"""No file of a stranger's runs anything: arrays, manifests, weights, datasets, wandb's files.

Checkpoints: tests/test_trust.py; configs: tests/cli/test_trust.py.
"""

from __future__ import annotations

import io
import json
import pickle
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import numpy as np
import pytest
import torch
import yaml
from safetensors.torch import save_file

from gan_lightning import cli
from gan_lightning.data import cifar10, prepare
from gan_lightning.data import digits as digits_data
from gan_lightning.data.prepared import IMAGES, LABELS, MANIFEST, STATES
from gan_lightning.errors import UserError
from gan_lightning.extractors.classifier import classifier
from gan_lightning.extractors.dinov2 import dinov2
from gan_lightning.extractors.train_classifier import train_extractor
from gan_lightning.files import sha256
from gan_lightning.scores.sources import read_images
from gan_lightning.scores.statistics import read_npz
from tests.conftest import TINY
from tests.data import formats
from tests.test_trust import payloads

pytestmark = pytest.mark.runs


class Payload:
    """Makes the file ``mark`` when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        """What a pickle of this does."""
        return Path.touch, (self.mark,)


@pytest.fixture
def payload(tmp_path: Path) -> Iterator[Payload]:
    """One that works where it is let; nothing in a test may let it."""
    pickle.loads(pickle.dumps(Payload(tmp_path / "works")))
    assert (tmp_path / "works").exists()
    yield Payload(tmp_path / "mark")
    assert not (tmp_path / "mark").exists()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder of four images in four classes."""
    images = {f"{i}/{i}.png": formats.noise(8, 8, 3, seed=i) for i in range(4)}
    formats.write_folder(tmp_path / "images", images)
    return tmp_path / "images"


def pickled_array(payload: Payload) -> bytes:
    """An npy file of objects, which numpy writes as a pickle."""
    file = io.BytesIO()
    np.save(file, np.array([payload], object), allow_pickle=True)
    return file.getvalue()


@pytest.mark.parametrize(
    ("read", "keys"),
    [
        (partial(read_npz, remedy="make it anew"), ("mu", "sigma", "n", "fingerprint")),
        (lambda path: read_images(path, 1), ("images", "labels")),
        (lambda path: read_images(path, 1), ("arr_0", "arr_1")),
    ],
    ids=["statistics", "images", "ADM's images"],
)
def test_npz(
    read: Callable[[Path], object], keys: tuple[str, ...], payload: Payload, tmp_path: Path
) -> None:
    honest = {key: np.zeros((2, 4, 4, 1), np.uint8) for key in keys} | {"n": np.array(2)}
    for evil in keys:
        path = tmp_path / f"{evil}.npz"
        np.savez(path, **{key: honest[key] for key in keys if key != evil})
        with ZipFile(path, "a") as file:
            file.writestr(f"{evil}.npy", pickled_array(payload))
        with pytest.raises(UserError):
            read(path)
    path.write_bytes(pickle.dumps(payload))  # numpy takes a bare pickle for an npz file, if let
    with pytest.raises(UserError):
        read(path)


@pytest.mark.parametrize("name", [IMAGES, LABELS, STATES, MANIFEST])
@pytest.mark.parametrize("form", ["array", "pickle"])
def test_prepared_data(name: str, form: str, payload: Payload, root: Path) -> None:
    """With checksums that are right: those are the stranger's, too."""
    data = formats.data(root)
    prepare(data)
    folder = data.prepared_folder("train")
    content = pickled_array(payload) if form == "array" else pickle.dumps(payload)
    (folder / name).write_bytes(content)
    if name != MANIFEST:
        manifest = json.loads((folder / MANIFEST).read_text())
        manifest["bytes"] = (folder / IMAGES).stat().st_size
        manifest["sha256"] = sha256(folder / IMAGES)
        manifest["labels_sha256"] = sha256(folder / LABELS)
        (folder / MANIFEST).write_text(json.dumps(manifest))
    if name == STATES:
        prepare(formats.data(root), again=True)  # reads them only here, and images without them
        return
    with pytest.raises(UserError, match="neither used nor replaced"):
        formats.data(root).setup()
    prepare(formats.data(root), again=True)
    formats.data(root).setup()


def test_a_manifest_names_no_class(payload: Payload, root: Path) -> None:
    data = formats.data(root)
    prepare(data)
    path = data.prepared_folder("train") / MANIFEST
    honest = json.loads(path.read_text())
    for said in payloads(payload.mark).values():
        for key in honest:
            path.write_text(json.dumps({**honest, key: said}))
            try:  # what images were skipped, and what classes are called, is nobody's business
                formats.data(root).setup()
            except UserError:
                continue
            assert key in ("source", "sha256", "skipped", "class_names"), said


def test_safetensors(payload: Payload, tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    path.write_bytes(pickle.dumps(payload))
    with pytest.raises(UserError, match="cannot use the extractor's weights"):
        classifier(str(path)).prepare()
    honest = {
        **{"name": "x", "image_shape": [1, 16, 16], "num_classes": 2, "width": 1},
        **{"accuracy": 1.0, "fingerprint": "x"},
    }
    for said in [*payloads(payload.mark).values(), pickle.dumps(payload, 0).decode("latin-1")]:
        for facts in [said, *({**honest, key: said} for key in honest)]:
            save_file({"w": torch.zeros(1)}, path, {"classifier": json.dumps(facts)})
            with pytest.raises(UserError):
                classifier(str(path)).prepare()


def test_weights_and_interrupted_trainings(payload: Payload, tmp_path: Path) -> None:
    """Those of Inception: tests/extractors/test_inception.py."""
    for write in (torch.save, lambda value, path: path.write_bytes(pickle.dumps(value, 2))):
        write({"cls_token": payload}, tmp_path / "dino.pth")
        with pytest.raises(UserError, match="holds no weights that can be read"):
            dinov2(str(tmp_path / "dino.pth")).prepare()
        write({"step": payload, "identity": payload}, tmp_path / "x.safetensors.part")
        with pytest.raises(UserError, match="is damaged"):
            train_extractor(digits_data(), str(tmp_path / "x.safetensors"), steps=1, width=2)


def test_a_dataset_of_pickles_is_unpickled_only_with_the_checksums_of_the_authors(
    payload: Payload, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    formats.write_cifar10(tmp_path, monkeypatch)
    for name in ("data_batch_1", "test_batch", "batches.meta"):
        path = tmp_path / "cifar-10-batches-py" / name
        honest = path.read_bytes()
        path.write_bytes(pickle.dumps(payload))
        with pytest.raises(UserError, match="could not be read"):
            prepare(cifar10(root=str(tmp_path), batch_size=2))
        path.write_bytes(honest)


def test_files_that_wandb_keeps_of_a_run(
    payload: Payload, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its config.yaml says ``{option: {value: ...}}``; its checkpoints are as any stranger's."""
    monkeypatch.chdir(tmp_path)
    for said in payloads(payload.mark).values():
        for key in ("model", "trainer", "data", "evaluation"):
            config = {**yaml.safe_load(TINY), key: {"value": said}, "_wandb": {"value": said}}
            Path("config.yaml").write_text(yaml.safe_dump(config))
            with pytest.raises(UserError):
                cli.run(["fit", "--config", "config.yaml", "--run", "run"])
    Path("config.yaml").write_bytes(pickle.dumps(payload))
    with pytest.raises(UserError):
        cli.run(["fit", "--config", "config.yaml", "--run", "run"])
    Path("config.yaml").write_text(f"!!python/object/apply:os.system ['touch {payload.mark}']\n")
    with pytest.raises(UserError, match="is no YAML"):
        cli.run(["fit", "--config", "config.yaml", "--run", "run"])
