"""How images are brought to a network's size; scores of two ways cannot be compared."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor
from torch_fidelity.interpolate_compat_tensorflow import interpolate_bilinear_2d_like_tensorflow1x


def tf1(images: Tensor, size: int) -> Tensor:
    """TensorFlow 1's bilinear resize, as the papers' code: no smoothing, corners not aligned.

    Args:
        images: uint8 ``(N, channels, height, width)``.
        size: Height and width of the result.

    Returns:
        float32 ``(N, channels, size, size)``, 0 to 255.
    """
    resized: Tensor = interpolate_bilinear_2d_like_tensorflow1x(
        images.float(), size=(size, size), align_corners=False
    )
    return resized


def clean(images: Tensor, size: int) -> Tensor:
    """Pillow's bicubic resize in floating point, as clean-fid does by default.

    Parmar et al. 2022, "On aliased resizing and surprising subtleties in GAN evaluation". Smooths
    where it shrinks, and rounds nothing. Arguments and result are those of `tf1`.
    """
    resized = F.interpolate(images.float(), (size, size), mode="bicubic", antialias=True)
    return resized.clamp(0, 255)


def pillow(images: Tensor, size: int) -> Tensor:
    """Pillow's bicubic resize of bytes to bytes, as the authors of FD_DINOv2 do.

    By Pillow itself: torch's, of bytes, differs by a level here and there, and exists only on CPUs.
    Arguments and result are those of `tf1`; three channels.
    """
    pictures = (Image.fromarray(i) for i in images.permute(0, 2, 3, 1).cpu().contiguous().numpy())
    resized = [np.asarray(p.resize((size, size), Image.Resampling.BICUBIC)) for p in pictures]
    return torch.from_numpy(np.stack(resized)).permute(0, 3, 1, 2).float().to(images.device)
