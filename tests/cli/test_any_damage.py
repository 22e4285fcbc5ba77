"""Any damage to any file that the project has written: it is read, or one sentence names it."""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st
from PIL import Image

from gan_lightning import cli
from tests.cli.test_any_value_of_commands import outcome
from tests.conftest import TINY

IMAGES = "--data=folder --data.root=images --data.size=16 --data.num_classes=2"
CLASSIFIER = "--extractor=classifier --extractor.weights=judge.safetensors"
COUNTS = " ".join(f"--protocol.{name}=20" for name in ("is_images", "fid_generated", "fid_real"))
FOLDER = TINY.replace(
    "digits, init_args: {", "folder, init_args: {root: images, size: 16, "
).replace(
    "extractor: digits",
    "extractor: {class_path: classifier, init_args: {weights: judge.safetensors}}",
)

TRAINED = f"extractor {IMAGES} --held_out=0.5 --steps=2 --batch_size=4 --width=2"
MADE = [
    f"{TRAINED} --out=judge.safetensors",
    "fit --config=mine.yaml --run=run",
    "sample run --out=made --count=20",
    "export run --out=generator.safetensors",
]
COMMANDS = [
    "fit --run=run --ckpt_path=last --trainer.max_steps=8",
    "fit --config=mine.yaml --run=another --trainer.max_steps=2",
    "validate --run=run",
    "predict --run=run --ckpt_path=best --data.num_predict=3",
    f"sample run --out=more --count=20 {IMAGES} {CLASSIFIER} --training=20",
    "test --run=run",
    f"evaluate made/images.npz {IMAGES} {CLASSIFIER} --protocol=monitor {COUNTS}",
    "export run --out=other.safetensors",
    "compare run",
    "report run --out=report",
    f"prepare {IMAGES}",
    f"{TRAINED} --out=other.safetensors",
]
"""What reads the files that they, or commands like them, have left."""

TEXTS = [b"", b"[]", b"null", b"{}", b"3", b"\0" * 9, b"\xff\xfe", b"a: b: c", b'{"step": "x"}\n']


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of images, a run on it, and what commands made of both."""
    folder = tmp_path_factory.mktemp("made")
    images = np.random.default_rng(0).integers(0, 256, (48, 16, 16, 3), np.uint8)
    for k, image in enumerate(images):
        path = folder / "images" / str(k % 2) / f"{k}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path)
    (folder / "mine.yaml").write_text(FOLDER)
    with contextlib.chdir(folder), pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", ["gan"])
        for command in MADE:
            cli.main(command.split())
    return folder


@pytest.mark.slow
def test_without_damage_all_ends_well(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(made, tmp_path / "here")
    monkeypatch.chdir(tmp_path / "here")
    for command in COMMANDS:
        assert outcome(command.split()) == (0, ""), command


@pytest.mark.slow
@settings(
    max_examples=80,
    derandomize=True,  # the same everywhere; without it, by hand, it goes on looking
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_any_damage_to_any_file(
    data: st.DataObject, made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.rmtree(tmp_path / "here", ignore_errors=True)
    shutil.copytree(made, tmp_path / "here")
    monkeypatch.chdir(tmp_path / "here")
    files = sorted(path for path in Path().rglob("*") if path.is_file())
    file = data.draw(st.sampled_from(files))
    file.write_bytes(data.draw(damaged(file.read_bytes())))
    words = data.draw(st.sampled_from(COMMANDS)).split()
    note(f"{file}: gan {' '.join(words)}")
    code, said = outcome(words)
    note(said)
    assert code in (0, 2)
    if code:
        assert len(said.splitlines()) == 1
        assert any(str(place) in said for place in (file.name, *file.parents[:-1]))


def damaged(content: bytes) -> st.SearchStrategy[bytes]:
    """Cut, longer, with another byte, or something else."""
    place = st.integers(0, max(0, len(content) - 1))
    byte = st.binary(min_size=1, max_size=1)
    return st.one_of(
        st.sampled_from(TEXTS),
        place.map(lambda k: content[:k]),
        byte.map(lambda b: content + b),
        st.tuples(place, byte).map(lambda p: content[: p[0]] + p[1] + content[p[0] + 1 :]),
    )
