"""An extractor that the user trained on labelled images of their own."""

from __future__ import annotations

import json
import re
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gan_lightning.errors import UserError, reading
from gan_lightning.extractors.base import FeatureExtractor, fingerprint, require_shape
from gan_lightning.files import write_whole

if TYPE_CHECKING:
    from collections.abc import Mapping

_FIELDS = {"name", "image_shape", "num_classes", "width", "accuracy", "fingerprint"}
_NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,99}")


class ResidualClassifier(nn.Module):
    """Residual blocks that double the channels and halve the size, down to 4 pixels or three times.

    Args:
        image_shape: ``(channels, height, width)``.
        num_classes: Number of logits.
        width: Channels of the first block; there are ``width * 2^halvings`` features.
    """

    def __init__(self, image_shape: tuple[int, int, int], num_classes: int, width: int) -> None:
        super().__init__()
        channels, *sides = image_shape
        halvings = sum(min(sides) >> n >= 8 for n in range(3))
        widths = [width << n for n in range(halvings + 1)]
        self.num_features = widths[-1]
        self.first = nn.Conv2d(channels, width, 3, padding=1, bias=False)
        self.blocks = nn.Sequential(
            _Block(width, width, 1), *(_Block(a, b, 2) for a, b in pairwise(widths))
        )
        self.norm = nn.BatchNorm2d(widths[-1])
        self.head = nn.Linear(widths[-1], num_classes)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Features and logits of pixels 0 to 255."""
        x = self.blocks(self.first(images / 127.5 - 1))
        features = F.relu(self.norm(x)).mean((2, 3))
        return features, self.head(features)


class _Block(nn.Module):
    """Batch normalization, ReLU and convolution, twice, beside a shortcut."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.norm1 = nn.BatchNorm2d(inputs)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        same = inputs == outputs and stride == 1
        self.shortcut = nn.Identity() if same else nn.Conv2d(inputs, outputs, 1, stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        h: Tensor = self.conv2(F.relu(self.norm2(self.conv1(F.relu(self.norm1(x))))))
        shortcut: Tensor = self.shortcut(x)
        return shortcut + h


class classifier(FeatureExtractor):
    """A classifier that ``gan extractor`` trained; its scores bear the name it was given.

    Args:
        weights: The safetensors file it was saved to.
    """

    def __init__(self, weights: str) -> None:
        super().__init__()
        self.weights = weights
        self.network: ResidualClassifier | None = None

    @property
    def fingerprint(self) -> str:
        """The one saved with the weights, which they are checked against."""
        return self.saved_fingerprint

    def prepare(self) -> None:
        """Reads the weights and what stands beside them.

        Raises:
            UserError: If they are missing or damaged.
        """
        if self.network is None:
            facts = _facts(Path(self.weights))
            try:
                channels, height, width = map(int, facts["image_shape"])
                numbers = int(facts["num_classes"]), int(facts["width"]), float(facts["accuracy"])
            except (TypeError, ValueError) as error:
                raise _damaged(
                    self.weights, f"what it says of itself is wrong ({error})"
                ) from error
            self.name = str(facts["name"])
            self.image_shape: tuple[int, int, int] = (channels, height, width)
            self.num_classes, blocks, self.accuracy = numbers
            self.saved_fingerprint = str(facts["fingerprint"])
            self.network = self._read(blocks)
            self.num_features = self.network.num_features
        super().prepare()

    def _read(self, width: int) -> ResidualClassifier:
        from safetensors.torch import load_file

        with torch.device("meta"):  # draws no random numbers
            network = ResidualClassifier(self.image_shape, self.num_classes, width)
        with reading(lambda said: _damaged(self.weights, said)):
            state = load_file(self.weights)
            network.load_state_dict(state, assign=True)
        if fingerprint(self.name, state) != self.saved_fingerprint:
            raise _damaged(self.weights, "their fingerprint is not the one they were saved with")
        return network

    def check(self, image_shape: tuple[int, int, int]) -> None:
        """Raises `UserError` unless the images have the shape it was trained on."""
        require_shape(self.name, image_shape, self.image_shape)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Features ``(N, F)`` and logits ``(N, K)`` of uint8 images."""
        assert self.network is not None, "prepare() reads the weights"
        features, logits = self.network(images.float())
        return features, logits


def save_classifier(
    path: Path,
    network: ResidualClassifier,
    name: str,
    image_shape: tuple[int, int, int],
    accuracy: float,
    origin: Mapping[str, Any],
) -> str:
    """Saves weights with what is needed to use them, and what they came from.

    Args:
        path: File to write.
        network: The trained network.
        name: Stands in the names of its scores.
        image_shape: ``(channels, height, width)``.
        accuracy: On images that it was not trained on, 0 to 1.
        origin: Data, recipe and on which images the accuracy was measured, for the record.

    Returns:
        The fingerprint.

    Raises:
        UserError: If the file cannot be written.
    """
    from safetensors.torch import save

    state = {key: value.detach().cpu().contiguous() for key, value in network.state_dict().items()}
    facts = {
        **origin,
        "name": name,
        "image_shape": list(image_shape),
        "num_classes": network.head.out_features,
        "width": network.first.out_channels,
        "accuracy": round(accuracy, 6),
        "fingerprint": fingerprint(name, state),
    }
    try:
        write_whole(path, save(state, metadata={"classifier": json.dumps(facts)}))
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror}") from error
    return str(facts["fingerprint"])


def _facts(path: Path) -> Mapping[str, Any]:
    """What stands beside the weights, without reading them.

    Raises:
        UserError: If there is no such file, or it is no classifier's.
    """
    from safetensors import safe_open

    if not path.is_file():
        raise UserError(
            f"{path} is no file: train a classifier with `gan extractor`, or choose another "
            "extractor",
            "weights",
        )
    with reading(lambda said: _damaged(path, said)), safe_open(path, framework="pt") as file:
        facts: dict[str, Any] = json.loads((file.metadata() or {}).get("classifier", "{}"))
    if not isinstance(facts, dict) or not set(facts) >= _FIELDS:
        raise _damaged(path, "it was not written by `gan extractor`")
    sides = facts["image_shape"]
    counts = [facts["num_classes"], facts["width"], *(sides if isinstance(sides, list) else ())]
    whole = all(isinstance(n, int) and 0 < n < 2**20 for n in counts) and len(counts) == 5
    if not whole or not isinstance(facts["accuracy"], int | float):
        raise _damaged(path, "what it says of itself is not what `gan extractor` writes")
    if not is_name(facts["name"]):
        raise _damaged(path, f"its name {facts['name']!r} could be a path")
    return facts


def is_name(name: object) -> bool:
    """Whether a string may name scores and files: letters, digits, ``_``, ``-`` and dots.

    >>> is_name("faces_64"), is_name("../../x"), is_name("")
    (True, False, False)
    """
    return isinstance(name, str) and bool(_NAME.fullmatch(name))


def _damaged(path: Path | str, reason: str) -> UserError:
    return UserError(
        f"cannot use the extractor's weights {path}: {reason}. Copy them anew, or train a "
        "classifier with `gan extractor`"
    )
