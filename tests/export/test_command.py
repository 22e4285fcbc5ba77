"""The command ``gan export``: a file that was compared with the checkpoint, or none."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from gan_lightning import GAN, cli, load_generator
from gan_lightning.errors import UserError
from gan_lightning.export import agreement, programs
from gan_lightning.export.command import SUFFIXES, export
from gan_lightning.networks import Generator
from gan_lightning.normalization import sn
from tests.checkpoints.made import save, small
from tests.conftest import ROOT, Gan
from tests.export.made import images


@pytest.fixture
def run(gan: Gan, tmp_path: Path) -> Path:
    """A run with a moving average and a normalized generator."""
    gan("--ema.decay=0.7", "--trainer.limit_val_batches=0", "--model.generator_norm=sn")
    return tmp_path / "run"


@pytest.mark.parametrize("ema", [False, True])
def test_safetensors_come_back_by_our_loader_and_by_ten_lines(
    run: Path, tmp_path: Path, ema: bool
) -> None:
    path = tmp_path / "out" / "model.safetensors"
    export(str(path), str(run), ema=ema)
    gan = GAN.load_from_checkpoint(run / "checkpoints" / "last.ckpt")
    wanted = images(gan.used_generator(ema))
    assert not torch.equal(wanted, images(gan.used_generator(not ema)))
    torch.testing.assert_close(images(load_generator(path)), wanted, rtol=0, atol=1e-6)
    assert not any("discriminator" in name or "original" in name for name in load_file(path))
    (lines,) = re.findall(r"```python\n(import importlib.*?)```", _docs(), re.DOTALL)
    assert len([line for line in lines.splitlines() if line.strip()]) <= 14
    names: dict[str, Callable[[Path], Generator]] = {}
    exec(lines, names)
    torch.testing.assert_close(images(names["load"](path)), wanted, rtol=0, atol=1e-6)


def _docs() -> str:
    return (ROOT / "docs" / "export.md").read_text()


MISTAKES = {
    "export {run} --out {tmp}/x.bin": r"--out .*x.bin must end in .safetensors, .onnx or .pt2",
    "export --out {tmp}/x.pt2": r"--ckpt is needed: a checkpoint's file, or the folder of a run",
    "export best --out {tmp}/x.pt2": r"--ckpt is needed: .*best and last want --run DIR",
    "export {tmp}/none --out {tmp}/x.pt2": r"--ckpt .*none: there is no file",
    "export --run {run} --ckpt best --out {tmp}/x.pt2": r"--ckpt best: .* of --run .*last.ckpt",
    "export {run} --out {tmp}/x.onnx": r"--out ONNX needs onnxscript: .*gan-lightning\[export\]",
}


def test_mistakes_take_one_sentence(
    gan: Gan,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gan("--trainer.limit_val_batches=0", "--trainer.max_steps=2")
    monkeypatch.setattr(programs, "find_spec", lambda name: None if name == "onnxscript" else name)
    for line, said in {
        **MISTAKES,
        "export {run} --out {tmp}/x.pt2 --ema true": r"moving average .* none here: .*--ema.decay",
    }.items():
        with pytest.raises(SystemExit) as exit_:
            cli.main(line.format(run=tmp_path / "run", tmp=tmp_path).split())
        message = capsys.readouterr().err.strip().splitlines()[-1]
        assert exit_.value.code == 2
        assert re.search(said, message), message
    assert not list(tmp_path.glob("x.*"))


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    return save(small(generator_norm=sn()), tmp_path / "x.ckpt")


def test_what_was_written_is_said(checkpoint: Path, tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "x.safetensors"
    said = export(str(path), str(checkpoint))
    assert said.pop("checkpoint") == str(checkpoint)
    assert said.pop("out") == f"{path}, {path.stat().st_size:,} bytes"
    assert re.fullmatch(r"pixels differ by at most [0-9.e-]+", said.pop("agreement"))
    assert said == {
        "image_shape": "[1, 16, 16]",
        "latent_dim": "4",
        "num_classes": "None",
        "value_range": "[-1.0, 1.0]",
    }
    wanted = images(GAN.load_from_checkpoint(checkpoint).generator)
    torch.testing.assert_close(images(load_generator(path)), wanted, rtol=0, atol=1e-6)


def test_a_tilde_is_the_home_folder(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    export("~/x.safetensors", str(checkpoint))
    assert (tmp_path / "home" / "x.safetensors").is_file()


def test_what_does_not_agree_is_not_written(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x.safetensors"
    path.write_text("before")
    monkeypatch.setattr(agreement, "TOLERANCE", -1.0)
    with pytest.raises(UserError, match=f"nothing was written to {re.escape(str(path))}"):
        export(str(path), str(checkpoint))
    assert path.read_text() == "before"
    assert sorted(tmp_path.iterdir()) == [checkpoint, path]


def test_a_moving_average_that_is_not_there_is_not_replaced(
    checkpoint: Path, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match="moving average of the generator is asked for"):
        export(str(tmp_path / "x.safetensors"), str(checkpoint), ema=True)
    assert list(tmp_path.iterdir()) == [checkpoint]


@pytest.mark.parametrize("name", ["x", "x.pt", "x.ONNX", "x.safetensors.gz", ".onnx"])
def test_an_ending_that_says_nothing_is_refused_before_anything_is_read(name: str) -> None:
    with pytest.raises(UserError) as caught:
        export(name, "absent.ckpt")
    assert str(caught.value) == f"out {name} must end in .safetensors, .onnx or .pt2"


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_place_that_cannot_be_written_is_found_before_anything_is_read(
    tmp_path: Path, suffix: str
) -> None:
    (tmp_path / "file").touch()
    (tmp_path / f"folder{suffix}").mkdir()
    for path in (tmp_path / "file" / f"x{suffix}", tmp_path / f"folder{suffix}"):
        with pytest.raises(UserError) as caught:
            export(str(path), "absent.ckpt")
        said = f"out {path} cannot be written: choose a file in a folder that can"
        assert str(caught.value) == said


def test_the_packages_of_onnx_are_needed_for_onnx_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(programs, "find_spec", lambda name: None)
    with pytest.raises(UserError, match="ONNX needs onnx, onnxscript, onnxruntime"):
        export(str(tmp_path / "x.onnx"), "absent.ckpt")
    with pytest.raises(UserError, match=r"there is no file absent\.ckpt"):
        export(str(tmp_path / "x.pt2"), "absent.ckpt")
