"""A small extractor for handwritten digits, weights included: scores without any download."""

from __future__ import annotations

from importlib import resources

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gan_lightning.errors import UserError
from gan_lightning.extractors.base import FeatureExtractor, require_shape

WEIGHTS = "digits.safetensors"
IMAGE_SHAPE = (1, 16, 16)


class DigitsNetwork(nn.Module):
    """Two convolutions and a hidden layer: 85,066 parameters, 64 features, 10 logits."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 32, 3, padding=1)
        self.conv2 = nn.Conv2d(32, 64, 3, padding=1)
        self.hidden = nn.Linear(64 * 4 * 4, 64)
        self.head = nn.Linear(64, 10)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Features and logits of pixels 0 to 255, ``(N, 1, 16, 16)`` to ``(N, 64), (N, 10)``."""
        x = images / 127.5 - 1
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        features = F.relu(self.hidden(x.flatten(1)))
        return features, self.head(features)


class digits(FeatureExtractor):
    """Judges the 16 x 16 digits of the dataset of that name.

    One fixed file of weights, since an FID changes by some 20 % between two trainings: made by
    ``python -m gan_lightning.extractors.train_digits``.
    """

    name = "digits"
    num_features = 64
    num_classes = 10

    def __init__(self) -> None:
        super().__init__()
        with torch.device("meta"):  # draws no random numbers
            self.network = DigitsNetwork()

    def prepare(self) -> None:
        """Reads the bundled weights.

        Raises:
            UserError: If they are missing or damaged, as in an incomplete installation.
        """
        from safetensors import SafetensorError
        from safetensors.torch import load

        try:
            state = load((resources.files(__package__) / WEIGHTS).read_bytes())
            self.network.load_state_dict(state, assign=True)
        except (OSError, SafetensorError, RuntimeError) as error:
            raise UserError(
                f"the bundled file {WEIGHTS} cannot be read ({error}): install gan-lightning anew"
            ) from error
        super().prepare()

    def check(self, image_shape: tuple[int, int, int]) -> None:
        """Raises `UserError` unless the images are 1 x 16 x 16."""
        require_shape(self.name, image_shape, IMAGE_SHAPE)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Features ``(N, 64)`` and logits ``(N, 10)`` of uint8 digits."""
        features, logits = self.network(images.float())
        return features, logits
