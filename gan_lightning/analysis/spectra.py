"""Singular values of layers: of the reshaped kernels, and of the convolution as an operator."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from gan_lightning.analysis.layers import Layer
from gan_lightning.normalization.operators import Convolution

STEPS = 40
"""Of the Lanczos process; more than a convolution's largest singular value needs for 1e-4."""


def squared_singular_values(matrix: Tensor) -> Tensor:
    """All of a matrix, largest first, in float64.

    They are the eigenvalues of the smaller of M M^T and M^T M: exact to 1e-16 of the largest.
    """
    wide = matrix.to(_precise(matrix))
    gram = wide @ wide.T if wide.shape[0] <= wide.shape[1] else wide.T @ wide
    values: Tensor = torch.linalg.eigvalsh(gram)
    return values.flip(0).clamp_min(0)


def convolution_norm(layer: Layer, steps: int = STEPS) -> Tensor | None:
    """The norm of a convolution as an operator on images of the size that the layer is given.

    By the Lanczos process (Golub and Kahan 1965) with full reorthogonalization: the largest
    singular value of A restricted to the space of v, A^T A v, (A^T A)^2 v, ... from a fixed v, in
    float64. It is a lower bound, as power iteration's is, and much closer after as many steps.

    Args:
        layer: A layer; of its network, `gan_lightning.normalization.normalize_` was called.
        steps: Dimensions of that space.

    Returns:
        A scalar; None if the layer is no convolution, pads with something else than zeros, or is
        used on images of several sizes.
    """
    if not layer.is_convolution or not _is_operator(layer.module):
        return None
    operator = Convolution(layer.module)
    weight = layer.used
    weight = weight.to(_precise(weight))
    start = operator.input
    return _lanczos(operator, weight, (1, *start), min(steps, math.prod(start)))


@torch.no_grad()
def _lanczos(operator: Convolution, weight: Tensor, shape: tuple[int, ...], steps: int) -> Tensor:
    """The largest singular value of the operator in a Krylov space of A^T A."""
    some = torch.Generator().manual_seed(0)
    v = torch.randn(math.prod(shape), generator=some, dtype=torch.float64).to(weight)
    basis = (v / v.norm())[None]
    images = []
    for _ in range(steps):
        image = operator.forward(weight, basis[-1].view(shape))
        images.append(image.flatten())
        v = operator.adjoint(weight, image).flatten()
        size = v.norm()
        for _ in range(2):  # twice is enough (Parlett)
            v = v - basis.T @ (basis @ v)
        if v.norm() <= 1e-7 * size:  # the space is closed: nothing more is in it
            break
        basis = torch.cat([basis, (v / v.norm())[None]])
    return squared_singular_values(torch.stack(images)).max().sqrt()


def tsuzuku_alpha(layer: Layer) -> float:
    """Alpha of s(W_out) <= s(conv) <= alpha s(W_out) (Tsuzuku et al. 2018, Corollary 1).

    alpha^2 is the number of windows of the kernel that one pixel can lie in: the product, over the
    axes, of ``ceil(min(k, h + 2 p - k + 1) / s)`` for kernel k, input h, padding p and stride s.
    The lower bound holds where some window lies within the image, which is not so where padding
    makes up for images smaller than the kernel. 1 for layers that are no convolutions; NaN for
    those that the corollary does not speak of: transposed, dilated or grouped ones, and those
    whose images have several sizes.
    """
    if not layer.is_convolution:
        return 1.0
    module: Any = layer.module
    plain = not module.transposed and module.groups == 1 and set(module.dilation) == {1}
    if not plain or not _is_operator(module):
        return math.nan
    size = module.input_shapes[0][1:]
    axes = zip(module.kernel_size, size, module.padding, module.stride, strict=True)
    windows = (math.ceil(min(k, h + 2 * p - k + 1) / s) for k, h, p, s in axes)
    return math.sqrt(math.prod(windows))


def _is_operator(module: Any) -> bool:  # noqa: ANN401  (any of six kinds of convolution)
    """Whether a convolution is one linear map: with zeros around, on images of one size."""
    numeric = not isinstance(module.padding, str) and module.padding_mode == "zeros"
    return numeric and len(module.input_shapes) == 1


def _precise(tensor: Tensor) -> torch.dtype:
    """float64, where the device has it."""
    return torch.float32 if tensor.device.type == "mps" else torch.float64
