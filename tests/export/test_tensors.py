"""Files of tensors say whose they are, and make that generator again, and nothing else."""

from __future__ import annotations

import json
import re
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from gan_lightning import GAN, load_generator
from gan_lightning.errors import UserError
from gan_lightning.export.folding import described, folded_copy
from gan_lightning.export.tensors import FORMAT, as_safetensors, read_generator
from gan_lightning.networks import (
    CNNDiscriminator,
    CNNGenerator,
    ConditionalCNNGenerator,
    ProjectionCNNDiscriminator,
)
from gan_lightning.normalization import bn, sn
from tests.export.made import SHAPE, images


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


def test_a_generator_made_in_python_is_no_plain_file(tmp_path: Path) -> None:
    gan = GAN(SHAPE, generator=lambda shape: CNNGenerator(shape, latent_dim=6, width=2))
    with pytest.raises(UserError, match=r"made in Python .* \.onnx or \.pt2"):
        as_safetensors(gan, folded_copy(gan.generator))


def test_discriminators_with_classes_are_left_out_too(tmp_path: Path) -> None:
    gan = GAN(SHAPE, ConditionalCNNGenerator, ProjectionCNNDiscriminator, num_classes=3)
    content = as_safetensors(gan, folded_copy(gan.generator))
    made = read_generator(content, "x")
    assert made.num_classes == 3
    torch.testing.assert_close(images(made), images(gan.generator), rtol=0, atol=1e-6)


def small(**options: Any) -> GAN:
    makers: dict[str, Any] = {
        "generator": partial(CNNGenerator, latent_dim=6, width=2),
        "discriminator": partial(CNNDiscriminator, width=1),
    }
    return GAN(SHAPE, **{**makers, **options})


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    path = tmp_path / "model.safetensors"
    gan = small(generator_norm=sn())
    path.write_bytes(as_safetensors(gan, folded_copy(gan.generator)))
    return path


def about(path: Path) -> dict[str, str]:
    with safe_open(path, framework="pt") as file:
        return dict(file.metadata())


def test_a_file_says_what_makes_its_generator_and_what_a_program_must_know(saved: Path) -> None:
    said = about(saved)
    assert said.pop("format") == FORMAT
    assert said.pop("class_path").endswith(".CNNGenerator")
    arguments = {"image_shape": list(SHAPE), "latent_dim": 6, "width": 2}
    assert json.loads(said.pop("init_args")) == arguments
    generator = CNNGenerator(SHAPE, latent_dim=6, width=2)
    assert {key: json.loads(value) for key, value in said.items()} == described(generator)


def test_a_generator_that_nobody_chose_is_the_default_one() -> None:
    gan = GAN(SHAPE, discriminator=partial(CNNDiscriminator, width=1))
    made = read_generator(as_safetensors(gan, folded_copy(gan.generator)), "x")
    assert type(made) is CNNGenerator
    torch.testing.assert_close(images(made), images(gan.generator), rtol=0, atol=1e-6)


def test_what_is_loaded_is_for_evaluation(saved: Path) -> None:
    made = load_generator(str(saved))
    assert not any(part.training for part in made.modules())
    assert not any(parameter.requires_grad for parameter in made.parameters())


def test_writing_draws_no_random_numbers() -> None:
    gan = small()
    before = torch.random.get_rng_state()
    as_safetensors(gan, folded_copy(gan.generator))
    assert torch.equal(torch.random.get_rng_state(), before)


def test_a_generator_whose_layers_are_others_now_is_no_plain_file() -> None:
    gan = small(generator_norm=bn())
    with pytest.raises(UserError, match=r"no plain CNNGenerator any more, .* \.onnx or \.pt2$"):
        as_safetensors(gan, folded_copy(gan.generator))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"init_args": json.dumps({"image_shape": [1, 8, 8], "width": 3})}, "size mismatch"),
        ({"init_args": "{"}, "model.safetensors does not hold the generator that it describes"),
        ({"class_path": "gan_lightning.networks.CNNGenerators"}, "model.safetensors: "),
    ],
    ids=["other arguments", "half of them", "no such class"],
)
def test_a_file_that_contradicts_itself_is_one_sentence(
    saved: Path, change: dict[str, str], said: str
) -> None:
    save_file(load_file(saved), saved, {**about(saved), **change})
    with pytest.raises(UserError, match=said) as caught:
        load_generator(saved)
    assert "\n" not in str(caught.value)
    assert str(saved) in str(caught.value)


MINE = """
from gan_lightning.networks import CNNGenerator

class Mine(CNNGenerator):
    pass
"""


@pytest.mark.parametrize("others", [None, ("torch",)], ids=["one", "several"])
def test_a_trusted_package_is_used_and_no_other(
    saved: Path, monkeypatch: pytest.MonkeyPatch, others: tuple[str, ...] | None
) -> None:
    package = f"mine_for_export_{'several' if others else 'one'}"
    (saved.parent / f"{package}.py").write_text(MINE)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.chdir(saved.parent)
    save_file(load_file(saved), saved, {**about(saved), "class_path": f"{package}.Mine"})
    with pytest.raises(UserError, match=f"model.safetensors: .*{package}"):
        load_generator(saved)
    assert package not in sys.modules
    trusted = (*others, package) if others else package
    assert type(load_generator(saved, trust=trusted)).__name__ == "Mine"
