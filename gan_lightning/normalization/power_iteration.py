"""Power iteration, and the one normalized weight that all passes of a weight version share.

The life of a spectrally normalized weight W in training:

1. `refresh_` forms the normalized weight of the present W from u and v.
2. Every forward pass, with or without gradient, uses that same tensor; the backward pass is
   SNGAN Eq. 12, with u and v constant.
3. The optimizer changes W. `iterate_` makes one power iteration and forms the normalized
   weight of the new W.

Nothing else moves u and v: not a forward pass, not evaluation, not a generator update. W changed
in another way (a loaded checkpoint, surgery in place) is noticed by its version counter, and until
the next refresh each pass normalizes it anew; a change through ``.data`` goes unnoticed.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn.utils.parametrize import ParametrizationList

from gan_lightning.normalization.operators import Operator

EPS = 1e-12
"""Smallest norm that u and v are divided by (SNGAN's code; BSSN's code)."""

INITIAL_ITERATIONS = 15
"""Power iterations at construction, so that the first forward pass is normalized (as torch's)."""


class SpectralNorm(nn.Module):
    """The parametrization ``W -> scale * W / mean_k sigma_k(W)``.

    sigma_k(W) = u_k^T A_k(W) v_k estimates the largest singular value of operator A_k
    (SNGAN App. A, Algorithm 1). One operator gives SN, two unfoldings give BSN (BSSN section 5.1).

    Args:
        weight: The weight to be parametrized; gives shape, type and device.
        operators: The linear maps whose norms are averaged.
        scale: The constant c of BSSN section 5.2.

    Attributes:
        u0, v0, u1, v1, ...: Buffers; left and right singular vector estimates of each operator.
    """

    normalized: Tensor
    gain: Tensor

    def __init__(self, weight: Tensor, operators: Sequence[Operator], scale: float = 1.0) -> None:
        super().__init__()
        self.operators = tuple(operators)
        self.scale = scale
        for k, operator in enumerate(self.operators):
            u = operator.left(weight)
            self.register_buffer(f"u{k}", u)
            self.register_buffer(f"v{k}", operator.adjoint(weight.detach(), u))
        self.register_buffer("normalized", torch.empty_like(weight), persistent=False)
        self.register_buffer("gain", weight.new_empty(()), persistent=False)
        # The weight and the version of it that `normalized` is of; a tuple is no parameter.
        self._current: tuple[Tensor, int] | None = None
        for _ in range(INITIAL_ITERATIONS):
            iterate_([(self, weight)])

    def vectors(self) -> list[tuple[Operator, Tensor, Tensor]]:
        """Each operator with its u and v."""
        own = self._buffers
        return [
            (operator, _present(own[f"u{k}"]), _present(own[f"v{k}"]))
            for k, operator in enumerate(self.operators)
        ]

    def sigma(self, weight: Tensor) -> Tensor:
        """The estimate mean_k u_k^T A_k(W) v_k, a differentiable scalar."""
        estimates = [(u * op.forward(weight, v)).sum() for op, u, v in self.vectors()]
        return torch.stack(estimates).mean()

    def definition(self, weight: Tensor) -> Tensor:
        """The normalized weight by its definition, with autograd's own derivative."""
        return weight * (self.scale / self.sigma(weight))

    def forward(self, weight: Tensor) -> Tensor:
        """Returns the normalized weight, the shared one if ``weight`` is the version it is of."""
        if self._current is None or self._current[0] is not weight:
            return self.definition(weight)
        if self._current[1] != weight._version:
            return self.definition(weight)
        vectors = [x for _, u, v in self.vectors() for x in (u, v)]
        shared: Tensor = _Shared.apply(weight, self, self.normalized, self.gain, *vectors)
        return shared

    def mark_current(self, weight: Tensor) -> None:
        """Declares `normalized` to be that of ``weight`` as it is now."""
        self._current = (weight, weight._version)

    def _apply(self, *args: Any, **kwargs: Any) -> SpectralNorm:
        # .to() and .double() change W without touching its version counter.
        self._current = None
        super()._apply(*args, **kwargs)  # type: ignore[no-untyped-call]  # torch does not type it
        return self


class _Shared(torch.autograd.Function):
    """Passes on the normalized weight formed before; its backward is SNGAN Eq. 12.

    With gain = scale / sigma and G the gradient of the normalized weight N = gain * W,

        dL/dW = gain * (G - <G, N> / scale * d sigma/dW).
    """

    @staticmethod
    def forward(
        ctx: Any,  # noqa: ANN401 (torch's context has no public type)
        weight: Tensor,
        module: SpectralNorm,
        normalized: Tensor,
        gain: Tensor,
        *vectors: Tensor,
    ) -> Tensor:
        ctx.module = module
        ctx.save_for_backward(normalized, gain, *vectors)
        return normalized.detach()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:  # noqa: ANN401 (as above)
        normalized, gain, *vectors = ctx.saved_tensors
        module: SpectralNorm = ctx.module
        with without_autocast(grad):
            grad = _dense(grad)
            share = torch.dot(_flat(grad), _flat(normalized)).mul_(gain)
            out = grad * gain
            factor = -1 / (module.scale * len(module.operators))
            for k, operator in enumerate(module.operators):
                operator.add_gradient_(out, vectors[2 * k] * share, vectors[2 * k + 1], factor)
        return out, None, None, None, *(None for _ in vectors)


def without_autocast(tensor: Tensor) -> AbstractContextManager[None]:
    """Singular values are estimated in the precision of the weights, whatever the passes use."""
    device = tensor.device.type
    if not torch.amp.is_autocast_available(device) or not torch.is_autocast_enabled(device):
        return nullcontext()
    return torch.autocast(device, enabled=False)


def _present(buffer: Tensor | None) -> Tensor:
    assert buffer is not None
    return buffer


def _dense(kernel: Tensor) -> Tensor:
    """The tensor in the memory order in which every unfolding of it is a view."""
    if kernel.ndim == 4:
        return kernel.contiguous(memory_format=torch.channels_last)
    return kernel.contiguous()


def _flat(kernel: Tensor) -> Tensor:
    """A dense tensor's entries in memory order."""
    return (kernel.permute(0, 2, 3, 1) if kernel.ndim == 4 else kernel).reshape(-1)


Pairs = Sequence[tuple[SpectralNorm, Tensor]]


@torch.no_grad()
def iterate_(pairs: Pairs) -> None:
    """One power iteration (SNGAN Eq. 20 and 21), then the normalized weight of the present W.

    v <- A^T u / |A^T u|;  u <- A v / |A v|;  sigma = |A v| = u^T A v
    """
    rows = _rows(pairs)
    if not rows:
        return
    with without_autocast(rows[0][0]):
        for weight, op, u, v in rows:
            op.adjoint(weight, u, out=v)
        _unit_([v for _, _, _, v in rows])
    refresh_(pairs)


@torch.no_grad()
def refresh_(pairs: Pairs) -> None:
    """Forms u, sigma and the normalized weight of the present W from the present v.

    u is a function of W and v, so that doing this again changes nothing, to the last bit: a
    resumed run goes on with the very normalized weight that the first one had.
    """
    rows = _rows(pairs)
    if not rows:
        return
    with without_autocast(rows[0][0]):
        for weight, op, u, v in rows:
            op.forward(weight, v, out=u)
    sigmas = iter(_unit_([u for _, _, u, _ in rows]))
    for module, weight in pairs:
        mine = [next(sigmas) for _ in module.operators]
        total = sum(mine[1:], mine[0])
        torch.reciprocal(total, out=module.gain).mul_(module.scale * len(mine))
        torch.mul(weight, module.gain, out=module.normalized)
        module.mark_current(weight)


def _rows(pairs: Pairs) -> list[tuple[Tensor, Operator, Tensor, Tensor]]:
    return [(weight, op, u, v) for module, weight in pairs for op, u, v in module.vectors()]


def _unit_(vectors: list[Tensor]) -> Sequence[Tensor]:
    """Divides each vector by its norm, in place, and returns the norms.

    All layers in one call each, because the vectors are many and tiny.
    """
    norms = torch._foreach_clamp_min(torch._foreach_norm(vectors), EPS)
    torch._foreach_div_(vectors, norms)
    return norms


def spectral_pairs(network: nn.Module) -> Pairs:
    """Every spectral norm of a network with the weight that it normalizes."""
    return [
        (parametrization, parametrizations.original)
        for parametrizations in network.modules()
        if isinstance(parametrizations, ParametrizationList)
        for parametrization in parametrizations
        if isinstance(parametrization, SpectralNorm)
    ]
