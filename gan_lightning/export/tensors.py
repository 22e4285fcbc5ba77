"""A generator's tensors as safetensors, with the class and arguments that they belong to."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load, save

from gan_lightning.checkpoints.loading import UNSAID
from gan_lightning.errors import UserError, reading
from gan_lightning.export.folding import described
from gan_lightning.gan import GAN
from gan_lightning.networks import CNNGenerator, Generator
from gan_lightning.trust import arguments_from

FORMAT = "gan_lightning generator 1"


class _Made:
    """What a description makes: jsonargparse builds by signatures."""

    def __init__(self, generator: Generator) -> None:
        self.generator = generator


def as_safetensors(gan: GAN, plain: Generator) -> bytes:
    """The file of a folded generator.

    Args:
        gan: Says of which class and arguments it is.
        plain: Folded.

    Raises:
        UserError: Class and arguments are not known, or make another network: a norm that
            replaces layers does that.
    """
    spec = _class_of(gan)
    about = {
        "format": FORMAT,
        "class_path": spec["class_path"],
        "init_args": json.dumps(spec["init_args"]),
        **{key: json.dumps(value) for key, value in described(plain).items()},
    }
    state = {name: tensor.clone() for name, tensor in plain.state_dict().items()}
    with torch.random.fork_rng(devices=()):  # its first weights are drawn, and replaced
        fresh = _built(spec, ())
    if {k: v.shape for k, v in fresh.state_dict().items()} != {
        k: v.shape for k, v in state.items()
    }:
        raise UserError(
            f"the generator is no plain {type(fresh).__name__} any more, because its norm replaces "
            "layers, so that tensors alone do not describe it; export it as .onnx or .pt2"
        )
    content: bytes = save(state, about)
    return content


def _class_of(gan: GAN) -> dict[str, Any]:
    """Class path and arguments from which the generator can be made again."""
    default = {"class_path": f"{CNNGenerator.__module__}.{CNNGenerator.__qualname__}"}
    said = gan.hparams.get("generator", default)
    if "generator" in gan.hparams.get(UNSAID, ()) or not isinstance(said, dict):
        raise UserError(
            "the checkpoint does not say how its generator is made, because it was made in Python "
            "from an object that a file cannot hold; export it as .onnx or .pt2"
        )
    arguments = {"image_shape": list(gan.image_shape), **said.get("init_args", {})}
    if gan.generator.num_classes is not None:
        arguments["num_classes"] = gan.generator.num_classes
    return {"class_path": said["class_path"], "init_args": arguments}


def load_generator(path: str | Path, trust: str | Iterable[str] = ()) -> Generator:
    """Makes the generator of a safetensors file that ``gan export`` wrote.

    A stranger's file runs nothing: it builds generators of gan_lightning, no more.

    Args:
        path: The file.
        trust: Packages of yours, or of others, whose classes it may name too.

    Returns:
        The generator, for evaluation: ``(N, latent_dim) -> (N, C, H, W)``.

    Raises:
        UserError: The file is no such file, or names what it may not.
    """
    packages = (trust,) if isinstance(trust, str) else tuple(trust)
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}") from error
    return read_generator(content, str(path), packages)


def read_generator(content: bytes, path: str, packages: Iterable[str] = ()) -> Generator:
    """Makes the generator of a file's content; see `load_generator`."""
    about = _metadata(content)
    if about.get("format") != FORMAT:
        raise UserError(f"{path} is no generator of gan_lightning; make one with gan export")
    mistake = f"{path} does not hold the generator that it describes"
    with reading(lambda said: UserError(f"{mistake}: {said}")):
        spec = {"class_path": about["class_path"], "init_args": json.loads(about["init_args"])}
        try:
            generator = _built(spec, packages)
        except UserError as error:
            raise UserError(f"{path}: {error}") from error
        generator.load_state_dict(load(content))
    return generator.eval().requires_grad_(False)


def _metadata(content: bytes) -> dict[str, Any]:
    """What a safetensors file says of itself: eight bytes of length, then JSON."""
    try:
        header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
        about = header["__metadata__"]
    except (ValueError, KeyError, TypeError, OverflowError):
        return {}
    return about if isinstance(about, dict) else {}


def _built(spec: dict[str, Any], packages: Iterable[str]) -> Generator:
    made: Generator = arguments_from({"generator": spec}, _Made, {}, packages)["generator"]
    return made
