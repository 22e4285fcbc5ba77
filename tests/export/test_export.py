"""The exported generator makes the images of the one that was trained."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from gan_lightning import GAN, cli, load_generator
from gan_lightning.errors import UserError
from gan_lightning.export import programs
from gan_lightning.export.agreement import require_agreement
from gan_lightning.export.command import export
from gan_lightning.export.folding import folded
from gan_lightning.images import classes_at, generate_from, latents_at
from gan_lightning.networks import (
    CNNGenerator,
    ConditionalCNNGenerator,
    Generator,
    ProjectionCNNDiscriminator,
)
from gan_lightning.normalization import bssn, clip, gamma, none, normalize_, shared_gamma, sn, ssn
from gan_lightning.normalization.base import Normalization
from tests.conftest import ROOT, Gan

SHAPE = (1, 8, 8)
NORMS: dict[str, Callable[[], Normalization]] = {
    "none": none,
    "sn": sn,
    "bssn": lambda: bssn(1.4),
    "clip": clip,
    "gamma": lambda: gamma(bssn(0.7)),
    "shared_gamma": lambda: shared_gamma(ssn(2.0)),
}


def trained(norm: str, conditional: bool = False) -> Generator:
    """A generator whose weights, gains and running statistics are none of their first values."""
    torch.manual_seed(0)
    made: Generator = (
        ConditionalCNNGenerator(SHAPE, 3, latent_dim=6, width=2)
        if conditional
        else CNNGenerator(SHAPE, latent_dim=6, width=2)
    )
    made.to(memory_format=torch.channels_last)
    labels = (torch.zeros(1, dtype=torch.int64),) if conditional else ()
    normalize_(made, NORMS[norm](), torch.zeros(1, 6), *labels)
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
        labels = (torch.arange(9) % 3,) if conditional else ()
        made.train()(torch.randn(9, 6), *labels)
    return made


def images(generator: Generator) -> Tensor:
    return generate_from(
        generator, latents_at(generator, range(5), 0, "sample"), classes_at(generator, range(5))
    )


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("conditional", [False, True])
@pytest.mark.filterwarnings("ignore:.*leaves these weights")
def test_folding_changes_no_image_and_leaves_a_plain_network(norm: str, conditional: bool) -> None:
    made = trained(norm, conditional)
    before = {name: tensor.clone() for name, tensor in made.state_dict().items()}
    modes = [module.training for module in made.modules()]
    wanted = images(made)
    plain = folded(made)
    torch.testing.assert_close(images(plain), wanted, rtol=0, atol=1e-6)
    fresh = (
        ConditionalCNNGenerator(SHAPE, 3, latent_dim=6, width=2)
        if conditional
        else CNNGenerator(SHAPE, latent_dim=6, width=2)
    )
    assert plain.state_dict().keys() == fresh.state_dict().keys()
    assert type(plain.linear) is torch.nn.Linear
    assert all(tensor.is_contiguous() for tensor in plain.state_dict().values())
    # and the generator goes on as if nothing had been
    assert torch.equal(images(made), wanted)
    assert modes == [module.training for module in made.modules()]
    assert all(torch.equal(before[name], tensor) for name, tensor in made.state_dict().items())
    torch.testing.assert_close(images(copy.deepcopy(made)), wanted)


def test_an_export_of_other_images_is_refused() -> None:
    made = trained("sn")
    assert require_agreement(made, folded(made), "x") < 1e-6
    off = folded(made)
    assert isinstance(off, CNNGenerator)
    with torch.no_grad():
        off.linear.bias.add_(1e-2)
    with pytest.raises(UserError, match=r"nothing was written to x: .* differ by"):
        require_agreement(made, off, "x")
    with pytest.raises(UserError, match="differ"):
        require_agreement(made, lambda z: torch.full((len(z), *SHAPE), torch.nan), "x")


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


def test_a_strangers_file_builds_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    about = {"format": "gan_lightning generator 1", "init_args": json.dumps({"args": ["true"]})}
    for wrong in ("subprocess.Popen", "torch.nn.Linear", "gan_lightning.networks.CNNDiscriminator"):
        save_file({"x": torch.zeros(1)}, path, {**about, "class_path": wrong})
        with pytest.raises(UserError, match=re.escape(str(path))):
            load_generator(path)
    save_file({"x": torch.zeros(1)}, path)
    with pytest.raises(UserError, match="is no generator of gan_lightning"):
        load_generator(path)
    path.write_bytes(b"\xff" * 100)
    with pytest.raises(UserError, match="is no generator of gan_lightning"):
        load_generator(path)
    with pytest.raises(UserError, match="cannot read"):
        load_generator(tmp_path / "nowhere.safetensors")


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


def test_a_generator_made_in_python_is_no_plain_file(tmp_path: Path) -> None:
    gan = GAN(SHAPE, generator=lambda shape: CNNGenerator(shape, latent_dim=6, width=2))
    from gan_lightning.export.tensors import as_safetensors

    with pytest.raises(UserError, match=r"made in Python .* \.onnx or \.pt2"):
        as_safetensors(gan, folded(gan.generator))


@pytest.mark.slow
@pytest.mark.parametrize("suffix", ["pt2", "onnx"])
@pytest.mark.parametrize("conditional", [False, True])
def test_programs_make_the_same_images_for_any_number(
    tmp_path: Path, suffix: str, conditional: bool
) -> None:
    """Also read anew from the disk, by what a user would read it with."""
    made = trained("bssn", conditional)
    content, _ = (
        programs.as_onnx(folded(made)) if suffix == "onnx" else programs.as_pt2(folded(made))
    )
    path = tmp_path / f"x.{suffix}"
    path.write_bytes(content)
    for count in (1, 4):
        z, labels = latents_at(made, range(count), 1, "sample"), classes_at(made, range(count))
        if suffix == "pt2":
            got = torch.export.load(path).module()(z, *labels)
        else:
            import onnxruntime

            session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
            names = [given.name for given in session.get_inputs()]
            assert names == ["z", "labels"][: 1 + conditional]
            given = {n: t.numpy() for n, t in zip(names, (z, *labels), strict=True)}
            got = torch.from_numpy(session.run(["images"], given)[0])
        torch.testing.assert_close(got, generate_from(made, z, labels), rtol=0, atol=1e-5)


def test_discriminators_with_classes_are_left_out_too(tmp_path: Path) -> None:
    gan = GAN(SHAPE, ConditionalCNNGenerator, ProjectionCNNDiscriminator, num_classes=3)
    from gan_lightning.export.tensors import as_safetensors, read_generator

    content = as_safetensors(gan, folded(gan.generator))
    made = read_generator(content, "x")
    assert made.num_classes == 3
    torch.testing.assert_close(images(made), images(gan.generator), rtol=0, atol=1e-6)
