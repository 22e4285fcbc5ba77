"""A generator as a program: torch.export's archive, and ONNX."""

from __future__ import annotations

import io
import json
import logging
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor

from gan_lightning.errors import UserError, one_line
from gan_lightning.export.folding import described
from gan_lightning.images import classes_at, latents_at
from gan_lightning.networks import Generator

ABOUT = "gan_lightning.json"
"""In the archive: image shape, size of latents, classes and range of values."""

WANTED = ("onnx", "onnxscript", "onnxruntime")
"""Packages of the extra ``export``."""

Program = Callable[..., Tensor]


def require_onnx() -> None:
    """Looks for the packages that ONNX takes.

    Raises:
        UserError: One is not installed.
    """
    missing = [name for name in WANTED if find_spec(name) is None]
    if missing:
        raise UserError(
            f"ONNX needs {', '.join(missing)}: install pip install 'gan-lightning[export]', or "
            "choose .pt2 or .safetensors",
            "out",
        )


def as_pt2(plain: Generator) -> tuple[bytes, Program]:
    """The archive of `torch.export` and the program in it, for any number of images.

    Raises:
        UserError: torch cannot export the network.
    """
    with _of_torch("torch.export"):
        program = torch.export.export(plain, _example(plain), dynamic_shapes=_batches(plain))
        file = io.BytesIO()
        torch.export.save(program, file, extra_files={ABOUT: json.dumps(described(plain))})
        content = file.getvalue()
        module = torch.export.load(io.BytesIO(content)).module()
    return content, module


def as_onnx(plain: Generator) -> tuple[bytes, Program]:
    """The file of ONNX and the program in it, run by onnxruntime on the CPU.

    Raises:
        UserError: torch cannot export the network.
    """
    import onnxruntime

    names = ["z", "labels"][: len(_example(plain))]
    with _of_torch("torch.onnx"):
        program = torch.onnx.export(
            plain,
            _example(plain),
            dynamo=True,
            dynamic_shapes=_batches(plain),
            input_names=names,
            output_names=["images"],
            verbose=False,
        )
        assert program is not None
        proto = program.model_proto
        for key, value in described(plain).items():
            proto.metadata_props.add(key=key, value=json.dumps(value))
        content: bytes = proto.SerializeToString()
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])

    def run(*inputs: Tensor) -> Tensor:
        given = {name: tensor.numpy() for name, tensor in zip(names, inputs, strict=True)}
        return torch.from_numpy(session.run(["images"], given)[0])

    return content, run


def _example(plain: Generator) -> tuple[Tensor, ...]:
    """What the generator takes, of several images: of one, torch would make a constant."""
    indices: Sequence[int] = range(3)
    return latents_at(plain, indices, 0, "sample"), *classes_at(plain, indices)


def _batches(plain: Generator) -> tuple[Any, ...]:
    """The first axis of every input is the number of images."""
    batch = torch.export.Dim("batch", min=1)
    return tuple({0: batch} for _ in _example(plain))


@contextmanager
def _of_torch(exporter: str) -> Iterator[None]:
    """Says in one sentence what torch says over pages, and nothing of its own workings."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    try:
        logger.setLevel(logging.ERROR)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except Exception as error:
        raise UserError(
            f"{exporter} cannot export this generator: {one_line(error)[:300]}; .safetensors needs "
            "no such program"
        ) from error
    finally:
        logger.setLevel(level)
