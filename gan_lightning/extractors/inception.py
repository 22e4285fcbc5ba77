"""The Inception network of 2015-12-05, which IS and FID are defined by."""

from __future__ import annotations

import pickle
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn

from gan_lightning.errors import UserError
from gan_lightning.extractors.base import FeatureExtractor, file_sha256, option

URL = (
    "https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/"
    "weights-inception-2015-12-05-6726825d.pth"
)
SHA256 = "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2"
_TIMEOUT = 30  # seconds without an answer


class inception(FeatureExtractor):
    """Inception as the papers use it: TensorFlow 1's resize, pool_3 features, and logits.

    The weights (91 MB) are downloaded once into torch hub's folder.

    Args:
        weights: File of the weights, for machines without a network.
        logits: "first1000": softmax over the first 1000 of the 1008 logits, as the papers' code
            does. "unbiased1008": all logits without their biases, as torch-fidelity and most of
            today's literature do; the scores are then named ``inception1008_...``.
        sha256: Checksum of the weights; another one admits weights of your own.
    """

    num_features = 2048

    def __init__(
        self,
        weights: str | None = None,
        logits: Literal["first1000", "unbiased1008"] = "first1000",
        sha256: str = SHA256,
    ) -> None:
        super().__init__()
        self.weights = weights
        self.sha256 = sha256
        self.first1000 = logits == "first1000"
        self.num_classes = 1000 if self.first1000 else 1008
        self.name = "inception" if self.first1000 else "inception1008"
        self.network: nn.Module | None = None

    @property
    def fingerprint(self) -> str:
        """Names the weights' checksum, the resize and the logits."""
        return f"{self.sha256[:16]}-tf1-{self.num_classes}"

    def prepare(self) -> None:
        """Finds the weights, or downloads them, and reads them.

        Raises:
            UserError: If they are missing and cannot be downloaded, or are not the right ones.
        """
        if self.network is None:
            self.network = self._read(self._file())
        super().prepare()

    def check(self, image_shape: tuple[int, int, int]) -> None:
        """Raises `UserError` unless the images have three channels."""
        if image_shape[0] != 3:
            raise UserError(
                f"extractor {self.name} judges RGB images, but these have {image_shape[0]} "
                f"channel(s). Choose another one with {option('extractor')}, or train one on such "
                "images with `gan extractor`"
            )

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Features ``(N, 2048)`` and logits ``(N, 1000)`` or ``(N, 1008)`` of RGB images."""
        assert self.network is not None, "prepare() reads the weights"
        features, logits = self.network(images)
        return features, logits[:, : self.num_classes]

    def _file(self) -> Path:
        if self.weights is not None:
            path = Path(self.weights)
            if not path.is_file():
                raise UserError(f"{option('extractor.weights')} {path} is no file. {_remedy()}")
            return path
        path = default_path()
        if not path.is_file():
            _download(path)
        return path

    def _read(self, path: Path) -> nn.Module:
        found = file_sha256(path)
        if found != self.sha256:
            raise UserError(
                f"the Inception weights {path} are damaged or not the right ones: their SHA-256 "
                f"is {found}, but {self.sha256} is wanted. Delete the file. {_remedy()}"
            )
        from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

        logits = "logits" if self.first1000 else "logits_unbiased"
        try:
            with _untouched_random_state():
                network = FeatureExtractorInceptionV3("inception", ["2048", logits], str(path))
        except (RuntimeError, pickle.UnpicklingError, EOFError) as error:
            raise UserError(
                f"{path} does not hold torch-fidelity's Inception weights: {error}. {_remedy()}"
            ) from error
        assert isinstance(network, nn.Module)
        return network


def default_path() -> Path:
    """Where the weights lie unless the user says otherwise."""
    return Path(torch.hub.get_dir(), "checkpoints", URL.rsplit("/", 1)[1])


def _download(path: Path) -> None:
    """Downloads the weights; the file appears only when it is complete and its checksum right."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(_TIMEOUT)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.hub.download_url_to_file(URL, str(path), hash_prefix=SHA256)
    except (OSError, RuntimeError) as error:
        raise UserError(
            f"the Inception weights are not in {path} and cannot be downloaded ({error}). "
            f"{_remedy()}"
        ) from error
    finally:
        socket.setdefaulttimeout(before)


def _remedy() -> str:
    return (
        f"Fetch {URL} on a machine with a network and put it to {default_path()}, or name the file "
        f"with {option('extractor')} inception {option('extractor.weights')} FILE. Without it: "
        f"{option('extractor')} digits (for the bundled digits), or {option('extractor')} "
        "classifier with weights that `gan extractor` made from your own labelled images, or, in "
        "`gan fit`, no scores: --trainer.limit_val_batches 0"
    )


@contextmanager
def _untouched_random_state() -> Iterator[None]:
    """Building a network draws its initial weights: training must not notice."""
    with torch.random.fork_rng(devices=[]):
        yield
