"""Power iteration, and the one normalized weight that all passes of a weight version share.

The life of a spectrally normalized weight W in training:

1. `PowerIteration.refresh_` forms the normalized weight of the present W from u and v.
2. Every forward pass, with or without gradient, uses that same tensor; the backward pass is
   SNGAN Eq. 12, with u and v constant.
3. The optimizer changes W. `PowerIteration.iterate_` makes one power iteration and forms the
   normalized weight of the new W.

Nothing else moves u and v: not a forward pass, not evaluation, not a generator update. What happens
when W is changed in another way: `gan_lightning.normalization.shared`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from gan_lightning.normalization.operators import Operator
from gan_lightning.normalization.shared import SharedWeight, shared_weights, without_autocast

TINY = 1e-38
"""Added to every entry of u and v before they are divided by their norms.

Nothing beside what a weight of 1e-30 makes of them, but all there is where the weight is zero: u
and v restart from a constant direction instead of staying zero for good.
"""

SMALLEST_SIGMA = 1e-36
"""An estimate this small is that of a zero weight, and 1 is taken for it: the normalized weight is
zero too, and gradients stay of ordinary size, where the derivative of W / s(W) has none."""

INITIAL_ITERATIONS = 15
"""Power iterations at construction, so that the first forward pass is normalized (as torch's)."""


class SpectralNorm(SharedWeight):
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

    gain: Tensor

    def __init__(self, weight: Tensor, operators: Sequence[Operator], scale: float = 1.0) -> None:
        super().__init__(weight)
        self.operators = tuple(operators)
        self.scale = scale
        for k, operator in enumerate(self.operators):
            u = operator.left(weight)
            self.register_buffer(f"u{k}", u)
            self.register_buffer(f"v{k}", operator.adjoint(weight.detach(), u))
        self.register_buffer("gain", weight.new_empty(()), persistent=False)
        iteration = PowerIteration([(self, weight)])
        for _ in range(INITIAL_ITERATIONS):
            iteration.iterate_()

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
        sigma = torch.stack(estimates).mean()
        return torch.where(sigma.abs() > SMALLEST_SIGMA, sigma, 1.0)

    def definition(self, weight: Tensor) -> Tensor:
        """The normalized weight by its definition, with autograd's own derivatives."""
        with without_autocast(weight):
            return weight * (self.scale / self.sigma(weight))

    def context(self) -> tuple[Tensor, ...]:
        """The gain, then each u and v."""
        return self.gain, *(x for _, u, v in self.vectors() for x in (u, v))

    def gradient(self, grad: Tensor, normalized: Tensor, *context: Tensor) -> Tensor:
        """SNGAN Eq. 12, u and v constant.

        With gain = scale / sigma, N = gain * W and G the gradient of N,

            dL/dW = gain * (G - <G, N> / scale * d sigma/dW).
        """
        gain, *vectors = context
        out = _dense(grad)
        share = torch.dot(_flat(out), _flat(normalized))
        factor = -1 / (self.scale * len(self.operators))
        for k, operator in enumerate(self.operators):
            out = operator.add_gradient(out, vectors[2 * k] * share, vectors[2 * k + 1], factor)
        return out.mul_(gain)  # last, and in place: each pass over the weights costs as much


def _present(buffer: Tensor | None) -> Tensor:
    assert buffer is not None
    return buffer


def _dense(kernel: Tensor) -> Tensor:
    """The tensor in the memory order in which every unfolding of it is a view: (O, kh, kw, I)."""
    return kernel.movedim(1, -1).contiguous().movedim(-1, 1)


def _flat(kernel: Tensor) -> Tensor:
    """A dense tensor's entries in memory order."""
    return kernel.movedim(1, -1).reshape(-1)


Pairs = Sequence[tuple[SpectralNorm, Tensor]]


class PowerIteration:
    """The power iterations of several layers at once, their tensors looked up once.

    Args:
        pairs: Each spectral norm with the weight that it normalizes.
    """

    def __init__(self, pairs: Pairs) -> None:
        self._pairs = pairs
        self._rows = [(w, op, u, v) for module, w in pairs for op, u, v in module.vectors()]
        self._us = [u for _, _, u, _ in self._rows]
        self._vs = [v for _, _, _, v in self._rows]
        if not pairs:
            return
        like = self._us[0]
        self._gains = [module.gain for module, _ in pairs]
        self._scales = like.new_tensor([module.scale for module, _ in pairs])
        self._of = _positions([len(module.operators) for module, _ in pairs]).to(like.device)

    @torch.no_grad()
    def iterate_(self) -> None:
        """One power iteration (SNGAN Eq. 20 and 21), then the normalized weight of the present W.

        v <- A^T u / |A^T u|;  u <- A v / |A v|;  sigma = |A v| = u^T A v
        """
        if not self._rows:
            return
        with without_autocast(self._rows[0][0]):
            for weight, op, u, v in self._rows:
                op.adjoint(weight, u, out=v)
            _unit_(self._vs)
        self.refresh_()

    @torch.no_grad()
    def refresh_(self) -> None:
        """Forms u, sigma and the normalized weight of the present W from the present v.

        u is a function of W and v, so that doing this again changes nothing, to the last bit: a
        resumed run goes on with the very normalized weight that the first one had.
        """
        if not self._rows:
            return
        with without_autocast(self._rows[0][0]):
            for weight, op, u, v in self._rows:
                op.forward(weight, v, out=u)
            sigmas = _unit_(self._us)[self._of].mean(1)  # (operators) -> (layers, k) -> (layers)
            gains = self._scales / torch.where(sigmas > SMALLEST_SIGMA, sigmas, 1.0)
            torch._foreach_copy_(self._gains, gains.unbind())
        for module, weight in self._pairs:
            torch.mul(weight, module.gain, out=module.normalized)
            module.mark_current(weight)


def _positions(counts: Sequence[int]) -> Tensor:
    """Where each layer's operators are among all: int64 ``(layers, k)``, for k of the most.

    >>> _positions([2, 1])
    tensor([[0, 1],
            [2, 2]])
    """
    own = torch.arange(sum(counts)).split(list(counts))
    return torch.stack([part.repeat(math.lcm(*counts) // len(part)) for part in own])


def _unit_(vectors: list[Tensor]) -> Tensor:
    """Divides each vector by its norm, in place, and returns the norms, ``(vectors,)``.

    All layers in one call each, because the vectors are many and tiny. The squares are added up in
    float64: those of 1e-30 and of 1e30 are beyond float32.
    """
    torch._foreach_add_(vectors, TINY)
    own = vectors[0].dtype
    wide = own if vectors[0].device.type == "mps" else torch.float64
    norms = torch.stack(torch._foreach_norm(vectors, 2, wide)).to(own)
    torch._foreach_div_(vectors, norms.unbind())
    return norms


def spectral_pairs(network: nn.Module) -> Pairs:
    """Every spectral norm of a network with the weight that it normalizes."""
    return [
        (module, weight)
        for module, weight in shared_weights(network)
        if isinstance(module, SpectralNorm)
    ]
