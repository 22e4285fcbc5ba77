"""DINOv2, whose features agree with people better than Inception's.

Oquab et al. 2023, "DINOv2: learning robust visual features without supervision"; for scores, Stein
et al. 2023, "Exposing flaws of generative model evaluation metrics", whose FD_DINOv2 is the Fréchet
distance of the class token of ViT-L/14 from images of 224 pixels.

torch-fidelity's extractor of that name runs whatever code the network's repository holds on that
day, and takes no file of weights; so the network, a plain vision transformer, stands here.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gan_lightning.errors import UserError
from gan_lightning.extractors import weights as files
from gan_lightning.extractors.base import FeatureExtractor, file_sha256
from gan_lightning.extractors.resizing import pillow

URL = "https://dl.fbaipublicfiles.com/dinov2/dinov2_vitl14/dinov2_vitl14_pretrain.pth"
SIZE, PATCH = 224, 14
HEAD_WIDTH = 64  # of every size of the network
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet


class dinov2(FeatureExtractor):
    """DINOv2's ViT-L/14 and its class token of 1,024 features; scores are ``dinov2_fid`` and so on.

    It has no classes, so there is no inception score. The weights (1.2 GB) are downloaded once into
    torch hub's folder.

    Args:
        weights: File of the weights, for machines without a network. That of another size of the
            network works as well, and is told apart by the fingerprint.
    """

    name = "dinov2"
    num_classes = 0
    resize = "pillow"

    def __init__(self, weights: str | None = None) -> None:
        super().__init__()
        self.weights = weights
        self.network: VisionTransformer | None = None

    @property
    def fingerprint(self) -> str:
        """The weights' checksum, and the resize."""
        return f"{self.checksum[:16]}-{self.resize}"

    def prepare(self) -> None:
        """Finds the weights, or downloads them, and reads them.

        Raises:
            UserError: If they are missing and cannot be downloaded, or are not the right ones.
        """
        if self.network is None:
            path = files.found(self.weights, URL, None, _remedy())
            self.checksum = file_sha256(path)
            self.network = _network(path)
            self.num_features = self.network.norm.normalized_shape[0]
        super().prepare()

    def check(self, image_shape: tuple[int, int, int]) -> None:
        """Raises `UserError` unless the images have three channels."""
        if image_shape[0] != 3:
            raise UserError(
                f"extractor dinov2 judges RGB images, but these have {image_shape[0]} channel(s). "
                "Choose another extractor"
            )

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Features ``(N, F)`` and no logits, ``(N, 0)``, of RGB images."""
        assert self.network is not None, "prepare() reads the weights"
        pixels = pillow(images, SIZE) / 255
        mean, deviation = (pixels.new_tensor(x)[:, None, None] for x in (MEAN, DEVIATION))
        features: Tensor = self.network((pixels - mean) / deviation)
        return features, features.new_zeros(len(images), 0)


class VisionTransformer(nn.Module):
    """DINOv2's transformer without registers, as large as its weights are.

    Dosovitskiy et al. 2021, with a trained scale of each branch (Touvron et al. 2021).

    Args:
        width: Components of a token, a multiple of 64.
        depth: Number of blocks.
        side: Patches along a side of the images that positions were trained on.
    """

    def __init__(self, width: int, depth: int, side: int) -> None:
        super().__init__()
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        self.pos_embed = nn.Parameter(torch.zeros(1, side**2 + 1, width))
        self.patch_embed = nn.ModuleDict({"proj": nn.Conv2d(3, width, PATCH, PATCH)})
        self.blocks = nn.Sequential(*(_Block(width) for _ in range(depth)))
        self.norm = nn.LayerNorm(width, eps=1e-6)

    def forward(self, pixels: Tensor) -> Tensor:
        """The class token of normalized images, ``(N, 3, height, width)`` to ``(N, width)``."""
        patches = self.patch_embed["proj"](pixels)
        tokens = patches.flatten(2).transpose(1, 2)
        tokens = torch.cat([self.cls_token.expand(len(tokens), -1, -1), tokens], 1)
        tokens = tokens + self._positions(*patches.shape[2:])
        token: Tensor = self.norm(self.blocks(tokens)[:, 0])
        return token

    def _positions(self, rows: int, columns: int) -> Tensor:
        """Trained positions at another size: bicubic, with the offset of 0.1 of the release."""
        side = round((self.pos_embed.shape[1] - 1) ** 0.5)
        if (rows, columns) == (side, side):
            return self.pos_embed
        grid = self.pos_embed[:, 1:].unflatten(1, (side, side)).permute(0, 3, 1, 2)
        scale = ((rows + 0.1) / side, (columns + 0.1) / side)
        grid = F.interpolate(grid, scale_factor=scale, mode="bicubic")
        return torch.cat([self.pos_embed[:, :1], grid.flatten(2).transpose(1, 2)], 1)


class _Block(nn.Module):
    """Attention and a network of two layers, each normalized before, scaled and added."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = (nn.LayerNorm(width, eps=1e-6) for _ in range(2))
        self.attn = nn.ModuleDict(
            {"qkv": nn.Linear(width, 3 * width), "proj": nn.Linear(width, width)}
        )
        self.mlp = nn.ModuleDict(
            {"fc1": nn.Linear(width, 4 * width), "fc2": nn.Linear(4 * width, width)}
        )
        self.ls1, self.ls2 = (
            nn.ParameterDict({"gamma": nn.Parameter(torch.ones(width))}) for _ in range(2)
        )

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.ls1["gamma"] * self._attention(self.norm1(x))
        hidden = F.gelu(self.mlp["fc1"](self.norm2(x)))
        sum_: Tensor = x + self.ls2["gamma"] * self.mlp["fc2"](hidden)
        return sum_

    def _attention(self, x: Tensor) -> Tensor:
        """Each token's mean of all values, weighted by how its query fits their keys."""
        n, tokens, width = x.shape
        heads = self.attn["qkv"](x).view(n, tokens, 3, width // HEAD_WIDTH, HEAD_WIDTH)
        mean = F.scaled_dot_product_attention(*heads.permute(2, 0, 3, 1, 4))
        projected: Tensor = self.attn["proj"](mean.transpose(1, 2).flatten(2))
        return projected


def _network(path: Path) -> VisionTransformer:
    """The network that a file of weights is of.

    Raises:
        UserError: If it is of another network.
    """
    state = {k: v for k, v in files.tensors(path, _remedy()).items() if k != "mask_token"}
    try:
        with torch.device("meta"):  # draws no random numbers
            network = _of_size(state)
        network.load_state_dict(state, assign=True)
    except (KeyError, RuntimeError, ValueError) as error:
        reason = str(error).split("\n", 1)[0]
        raise UserError(f"{path} does not hold DINOv2's weights: {reason}. {_remedy()}") from error
    return network.float()


def _of_size(state: Mapping[str, Tensor]) -> VisionTransformer:
    count, width = state["pos_embed"].shape[1:]
    depth = 1 + max(int(name.split(".")[1]) for name in state if name.startswith("blocks."))
    return VisionTransformer(width, depth, round((count - 1) ** 0.5))


def _remedy() -> str:
    return (
        f"Fetch {URL} on a machine with a network and put it to {files.default_path(URL)}, or name "
        "the file by `weights`"
    )
