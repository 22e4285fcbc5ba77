"""Gradients of a loss with respect to the weights of layers.

As in the papers, of weights alone: "the gradient norm only considers the weights and excludes the
biases" (BSSN App. J.1). And with respect to the weights that are trained: BSSN derives its bounds
for gradients of the normalized weight to simplify the exposition, while "in reality, gradients are
computed with respect to w_i" (section 3), which App. C extends the bounds to. Of a layer that is
not normalized the two are the same.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from gan_lightning.analysis.layers import Layer
from gan_lightning.distributed import average_


def gradients_of(loss: Tensor, layers: Sequence[Layer]) -> dict[str, list[Tensor]]:
    """The gradients of a loss by layer; those of one process group averaged over its processes.

    Args:
        loss: A scalar; its graph is freed.
        layers: What it is differentiated by; a layer that it does not depend on has gradient 0.
    """
    weights = [weight for layer in layers for weight in layer.trained]
    found = torch.autograd.grad(loss, weights, allow_unused=True)
    made = [
        torch.zeros_like(weight) if gradient is None else gradient.detach()
        for weight, gradient in zip(weights, found, strict=True)
    ]
    average_(made)
    left = iter(made)
    return {layer.name: [next(left) for _ in layer.trained] for layer in layers}


def gradient_norms(loss: Tensor, layers: Sequence[Layer]) -> dict[str, Tensor]:
    """The Frobenius norm of each layer's gradient, in float64; those of 1e-30 count as well."""
    return {
        name: total_norm([g.double().norm() for g in gradients])
        for name, gradients in gradients_of(loss, layers).items()
    }


def total_norm(norms: Sequence[Tensor]) -> Tensor:
    """The norm of all gradients together: the root of the sum of squares."""
    total: Tensor = torch.stack(list(norms)).square().sum().sqrt()
    return total
