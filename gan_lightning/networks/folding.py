"""A convolution beside a change of size, as one convolution on the smaller image: exact folds.

==============================  =============================================
plain                           folded
==============================  =============================================
3x3, then 2x2 mean              4x4 of stride 2
nearest doubling, then 3x3      transposed 4x4 of stride 2
1x1, then 2x2 mean              2x2 mean, then 1x1
nearest doubling, then 1x1      1x1, then nearest doubling
==============================  =============================================

With W the 3x3 kernel and 1 the 2x2 kernel of ones, both 4x4 kernels are the full convolution W * 1:
a mean takes a quarter of it, a doubling turns it by 180 degrees. 16 products remain of 36, 1 of 4.

The layer keeps its 3x3 weight. What is folded is the weight that it uses, normalized or not, so
that parameters, checkpoints and normalizations are those of the plain network.
"""

from __future__ import annotations

from typing import TypeGuard

import torch
import torch.nn.functional as F
from torch import Tensor, nn

FOLDABLE = {((3, 3), (1, 1)), ((1, 1), (0, 0))}
"""Kernel size and padding of the convolutions that have a fold."""


def halved(layer: nn.Module, x: Tensor) -> Tensor:
    """The 2x2 means of ``layer(x)``, ``(N, C, H, W) -> (N, C', H // 2, W // 2)``."""
    if not is_foldable(layer):
        made: Tensor = layer(x)
        return F.avg_pool2d(made, 2)
    if layer.kernel_size == (1, 1):
        return _apply(layer, F.avg_pool2d(x, 2))
    kernel = F.avg_pool2d(layer.weight, 2, stride=1, padding=1)  # (O, I, 3, 3) -> (O, I, 4, 4)
    return F.conv2d(x, kernel, layer.bias, stride=2, padding=1)


def doubled(layer: nn.Module, x: Tensor) -> Tensor:
    """``layer`` on the image whose pixels are repeated twice along each axis.

    ``(N, C, H, W) -> (N, C', 2 H, 2 W)``.
    """
    if not is_foldable(layer):
        made: Tensor = layer(_repeated(x))
        return made
    if layer.kernel_size == (1, 1):
        return _repeated(_apply(layer, x))
    # Four times the mean, not divisor_override=1, which torch's export to ONNX passes over.
    turned = (4 * layer.weight).flip(2, 3).transpose(0, 1)  # (O, I, 3, 3) -> (I, O, 3, 3)
    # Dense kernels convolve fastest.
    dense = turned.contiguous(memory_format=torch.channels_last)
    kernel = F.avg_pool2d(dense, 2, stride=1, padding=1)
    return F.conv_transpose2d(x, kernel, layer.bias, stride=2, padding=1)


def is_foldable(layer: nn.Module) -> TypeGuard[nn.Conv2d]:
    """Whether a layer does nothing but convolve with its weight, in one of the ways above.

    Parametrizations of its weight and bias are what it convolves with. Anything else that a
    normalization makes of it, such as a batch normalization behind it, comes between the
    convolution and the mean, and a layer that somebody listens to (hooks: the probe of
    `gan_lightning.normalization.normalize_`, a diagnostic) is to be called with its own input:
    these are computed as they stand.
    """
    return (
        isinstance(layer, nn.Conv2d)
        and type(layer).forward is nn.Conv2d.forward
        and type(layer)._conv_forward is nn.Conv2d._conv_forward
        and "forward" not in vars(layer)
        and not _is_heard(layer)
        and (layer.kernel_size, layer.padding) in FOLDABLE
        and layer.stride == layer.dilation == (1, 1)
        and layer.groups == 1
        and layer.padding_mode == "zeros"
    )


def _is_heard(layer: nn.Module) -> bool:
    return bool(
        layer._forward_hooks
        or layer._forward_pre_hooks
        or layer._backward_hooks
        or layer._backward_pre_hooks
    )


def _apply(layer: nn.Module, x: Tensor) -> Tensor:
    made: Tensor = layer(x)
    return made


def _repeated(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2, mode="nearest")
