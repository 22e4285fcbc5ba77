"""A generator as a program that torch or onnxruntime runs, for any number of images."""

from __future__ import annotations

import io
import json
import logging
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
from torch import Tensor

from gan_lightning.errors import UserError
from gan_lightning.export import programs
from gan_lightning.export.folding import described, folded_copy
from gan_lightning.images import classes_at, generate_from, latents_at
from gan_lightning.networks import CNNGenerator
from tests.export.made import SHAPE, trained


@pytest.mark.slow
@pytest.mark.parametrize("suffix", ["pt2", "onnx"])
@pytest.mark.parametrize("conditional", [False, True])
def test_programs_make_the_same_images_for_any_number(
    tmp_path: Path, suffix: str, conditional: bool
) -> None:
    """Also read anew from the disk, by what a user would read it with."""
    made = trained("bssn", conditional)
    content, _ = (
        programs.as_onnx(folded_copy(made))
        if suffix == "onnx"
        else programs.as_pt2(folded_copy(made))
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


@pytest.mark.slow
@pytest.mark.parametrize("suffix", ["pt2", "onnx"])
def test_programs_say_what_another_program_must_know(suffix: str) -> None:
    plain = folded_copy(trained("none"))
    content, _ = programs.as_onnx(plain) if suffix == "onnx" else programs.as_pt2(plain)
    if suffix == "pt2":
        about = {programs.ABOUT: ""}
        torch.export.load(io.BytesIO(content), extra_files=about)
        assert json.loads(about[programs.ABOUT]) == described(plain)
    else:
        import onnx

        said = onnx.load_from_string(content).metadata_props
        assert {entry.key: json.loads(entry.value) for entry in said} == described(plain)


class Undecided(CNNGenerator):
    """Makes black images of some latents: a decision that no program can take beforehand."""

    def forward(self, z: Tensor) -> Tensor:
        """Decides."""
        return super().forward(z) if z.sum() > 0 else -torch.ones(len(z), *SHAPE)


def test_what_torch_cannot_export_is_one_sentence_with_another_way() -> None:
    logger = logging.getLogger("torch.onnx")
    before = logger.level
    plain = Undecided(SHAPE, latent_dim=6, width=1)
    said = r"^torch.export cannot export this generator: .*; \.safetensors needs no such program$"
    with pytest.raises(UserError, match=said) as caught:
        programs.as_pt2(plain)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500
    assert logger.level == before


@pytest.mark.parametrize("absent", [["onnx"], ["onnxscript", "onnxruntime"], programs.WANTED])
def test_packages_that_onnx_lacks_are_all_named(
    monkeypatch: pytest.MonkeyPatch, absent: list[str]
) -> None:
    monkeypatch.setattr(
        programs, "find_spec", lambda name: None if name in absent else find_spec("torch")
    )
    with pytest.raises(UserError) as caught:
        programs.require_onnx()
    assert str(caught.value).startswith(f"out ONNX needs {', '.join(absent)}: install pip ")
    assert "'gan-lightning[export]', or choose .pt2 or .safetensors" in str(caught.value)


def test_with_all_packages_onnx_is_possible(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs, "find_spec", lambda name: find_spec("torch"))
    programs.require_onnx()
