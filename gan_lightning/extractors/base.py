"""What a network must offer to be used for scoring images."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Self

import torch
from torch import Tensor, nn

from gan_lightning.errors import UserError
from gan_lightning.files import sha256


class FeatureExtractor(nn.Module, ABC):
    """A frozen classifier whose features and class probabilities judge images.

    A class of your own needs the three attributes and ``forward``; choose it by import path
    (``--evaluation.extractor my.module.Mine``). The constructor stays cheap: read weights in
    ``prepare``, which is called before training starts.

    Attributes:
        name: Stands in the name of every score, unless it is ``"inception"`` (``digits_fid``).
        num_features: Number F of features of one image.
        num_classes: Number K of logits of one image; 0 for a network without classes, which has
            no inception score.
        counted_classes: The classes that the inception score counts, after a softmax over all.
        resize: How images are brought to the network's size, if they are.
    """

    name: str
    num_features: int
    num_classes: int
    counted_classes: slice = slice(None)
    resize: str = "none"

    @abstractmethod
    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Judges images.

        Args:
            images: uint8 ``(N, channels, height, width)``, 0 to 255.

        Returns:
            Features, float32 ``(N, F)``, and logits, float32 ``(N, K)``.
        """

    def prepare(self) -> None:
        """Reads the weights, so that whatever is missing is found before training starts.

        Raises:
            UserError: If the weights are missing or corrupt.
        """
        self.requires_grad_(False)
        self.eval()

    def check(self, image_shape: tuple[int, int, int]) -> None:
        """Raises `UserError` if the network cannot judge ``(channels, height, width)`` images."""

    @property
    def fingerprint(self) -> str:
        """Identifies the function computed: scores of different fingerprints are not comparable."""
        return fingerprint(type(self).__qualname__, self.state_dict())

    def train(self, mode: bool = True) -> Self:
        """Stays in evaluation mode, whatever is asked of the modules around it."""
        return super().train(False)


def fingerprint(label: str, tensors: Mapping[str, Tensor]) -> str:
    """Hashes names, shapes, types and values: 16 hexadecimal digits of SHA-256."""
    digest = hashlib.sha256(label.encode())
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().contiguous()
        digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}".encode())
        content = tensor.reshape(-1).view(torch.uint8)  # numpy has no bfloat16
        digest.update(content.numpy().tobytes())
    return digest.hexdigest()[:16]


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal.

    Raises:
        UserError: If the file cannot be read.
    """
    try:
        return sha256(path)
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}") from error


def require_shape(name: str, image_shape: tuple[int, int, int], wanted: tuple[int, ...]) -> None:
    """Raises `UserError` unless the images have the shape an extractor was trained on."""
    if image_shape == wanted:
        return
    asked, given = (" x ".join(map(str, shape)) for shape in (wanted, image_shape))
    raise UserError(
        f"extractor {name} judges {asked} images (channels x height x width), but these are "
        f"{given}. Choose another extractor, or train one on such images with `gan extractor`"
    )
