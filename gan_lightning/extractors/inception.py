"""The Inception network of 2015-12-05, which IS and FID are defined by."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from gan_lightning.errors import UserError
from gan_lightning.extractors import weights as files
from gan_lightning.extractors.base import FeatureExtractor, file_sha256
from gan_lightning.extractors.resizing import clean, tf1

URL = (
    "https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/"
    "weights-inception-2015-12-05-6726825d.pth"
)
SHA256 = "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2"
SIZE = 299
Logits = Literal["first1000", "unbiased1008", "sngan"]
Resize = Literal["tf1", "clean"]


class inception(FeatureExtractor):
    """Inception as the papers use it: TensorFlow 1's resize, pool_3 features, and logits.

    The weights (91 MB) are downloaded once into torch hub's folder. Batch normalization is folded
    into the convolutions, which moves features by some 1e-7 of their size.

    Args:
        weights: File of the weights, for machines without a network.
        logits: "first1000": softmax over the first 1000 of the 1008 logits, as BSSN's code does.
            "sngan": softmax over all 1008, of which 1 to 1000 count without summing to 1, as
            SNGAN's code does; scores are named ``inception_sngan_...``. "unbiased1008": all logits
            without their biases, as torch-fidelity and most of today's literature do;
            ``inception1008_...``.
        resize: "tf1" as the papers, or "clean" as clean-fid; the scores are then ``clean_...``.
        sha256: Checksum of the weights; another one admits weights of your own.
    """

    num_features = 2048

    def __init__(
        self,
        weights: str | None = None,
        logits: Logits = "first1000",
        resize: Resize = "tf1",
        sha256: str = SHA256,
    ) -> None:
        super().__init__()
        self.weights = weights
        self.sha256 = sha256
        self.logits = logits
        self.resize = resize
        self.num_classes = 1000 if logits == "first1000" else 1008
        if logits == "sngan":
            self.counted_classes = slice(1, 1001)
        self.name = _name(logits, resize)
        self.network: InceptionTrunk | None = None

    @property
    def fingerprint(self) -> str:
        """Names the weights' checksum, the resize and the logits."""
        return f"{self.sha256[:16]}-{self.resize}-{self.logits}"

    def prepare(self) -> None:
        """Finds the weights, or downloads them, and reads them.

        Raises:
            UserError: If they are missing and cannot be downloaded, or are not the right ones.
        """
        if self.network is None:
            path = files.found(self.weights, URL, SHA256, _remedy())
            self.network = self._read(path)
        super().prepare()

    def check(self, image_shape: tuple[int, int, int]) -> None:
        """Raises `UserError` unless the images have three channels."""
        if image_shape[0] != 3:
            raise UserError(
                f"extractor {self.name} judges RGB images, but these have {image_shape[0]} "
                "channel(s). Choose another extractor, or train one on such images with "
                "`gan extractor`"
            )

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Features ``(N, 2048)`` and logits ``(N, 1000)`` or ``(N, 1008)`` of RGB images."""
        assert self.network is not None, "prepare() reads the weights"
        resized = tf1(images, SIZE) if self.resize == "tf1" else clean(images, SIZE)
        features: Tensor = self.network(resized)
        head = self.network.head
        bias = None if self.logits == "unbiased1008" else head.bias
        return features, nn.functional.linear(features, head.weight, bias)[:, : self.num_classes]

    def _read(self, path: Path) -> InceptionTrunk:
        found = file_sha256(path)
        if found != self.sha256:
            raise UserError(
                f"the Inception weights {path} are damaged or not the right ones: their SHA-256 "
                f"is {found}, but {self.sha256} is wanted. Delete the file. {_remedy()}"
            )
        state = files.tensors(path, _remedy())
        try:
            return InceptionTrunk(state)
        except RuntimeError as error:
            raise UserError(
                f"{path} does not hold torch-fidelity's Inception weights: {error}. {_remedy()}"
            ) from error


class InceptionTrunk(nn.Module):
    """torch-fidelity's network, made faster: from images of 299 pixels to pool_3 features.

    Args:
        state: Its weights, by their names there.
    """

    def __init__(self, state: Mapping[str, Tensor]) -> None:
        super().__init__()
        *layers, head = torch_fidelity_network(state).children()
        assert isinstance(head, nn.Linear)
        for block in [part for layer in layers for part in layer.modules()]:
            if isinstance(getattr(block, "bn", None), nn.BatchNorm2d):
                _fold(block)
        # Channels last is what convolutions on CPUs and on tensor cores compute in.
        self.layers = nn.Sequential(*layers).to(memory_format=torch.channels_last)
        self.head = head

    def forward(self, pixels: Tensor) -> Tensor:
        """Features ``(N, 2048)`` of pixels 0 to 255, ``(N, 3, 299, 299)``."""
        x = ((pixels - 128) / 128).contiguous(memory_format=torch.channels_last)
        features: Tensor = self.layers(x)
        return features.flatten(1)


def torch_fidelity_network(state: Mapping[str, Tensor]) -> nn.Module:
    """torch-fidelity's own network, whose parts follow one another in order of the forward pass.

    Its constructor unpickles a file with whatever is in it, so it gets one written here.
    """
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

    written = io.BytesIO()
    torch.save(dict(state), written)
    written.seek(0)
    with _untouched_random_state():
        network = FeatureExtractorInceptionV3("inception", ["2048", "logits"], written)
    assert isinstance(network, nn.Module)
    return network.eval()


def _fold(block: nn.Module) -> None:
    """Multiplies a batch normalization into the convolution before it, in float64."""
    conv, norm = block.conv, block.bn
    assert isinstance(conv, nn.Conv2d)
    assert isinstance(norm, nn.BatchNorm2d)
    block.conv = fuse_conv_bn_eval(conv.double(), norm.double()).float()
    block.bn = nn.Identity()


def _name(logits: Logits, resize: Resize) -> str:
    """What scores are called by: by nothing where all is as in the papers."""
    kinds = {"first1000": "inception", "unbiased1008": "inception1008", "sngan": "inception_sngan"}
    if resize == "tf1":
        return kinds[logits]
    return "clean" if logits == "first1000" else f"clean_{kinds[logits]}"


def default_weights() -> Path:
    """Where the weights lie unless the user says otherwise."""
    return files.default_path(URL)


def _remedy() -> str:
    return (
        f"Fetch {URL} on a machine with a network and put it to {default_weights()}, or name the "
        "file by `weights`. Without it: another extractor, which is digits (for the bundled "
        "digits) or classifier with weights that `gan extractor` made from your own labelled "
        "images; or, in `gan fit`, no scores: `trainer.limit_val_batches` 0"
    )


@contextmanager
def _untouched_random_state() -> Iterator[None]:
    """Building a network draws its initial weights: training must not notice."""
    with torch.random.fork_rng(devices=[]):
        yield
