"""The linear maps that a kernel stands for, each with what power iteration asks of it.

A convolution kernel W is turned into a matrix in several ways (BSSN sections 2 and 5.1): unfolded
along its output or its input channels, or as the convolution itself acting on images of a given
size. An operator A(W) is linear in W, so the estimate ``u^T A(W) v`` has the constant gradient
``d/dW u^T A(W) v``, which `add_gradient_` adds to a tensor in place.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.grad import conv2d_weight

from gan_lightning.errors import UserError


class Operator(ABC):
    """A linear map ``v -> A(W) v`` given by a weight W."""

    @abstractmethod
    def forward(self, weight: Tensor, v: Tensor, out: Tensor | None = None) -> Tensor:
        """A(W) v, written to ``out`` if that is given."""

    @abstractmethod
    def adjoint(self, weight: Tensor, u: Tensor, out: Tensor | None = None) -> Tensor:
        """A(W)^T u, written to ``out`` if that is given."""

    @abstractmethod
    def add_gradient_(self, out: Tensor, u: Tensor, v: Tensor, factor: float) -> None:
        """Adds ``factor * d(u^T A(W) v)/dW`` to ``out``: of W's shape, dense in OHWI order."""

    @abstractmethod
    def left(self, weight: Tensor) -> Tensor:
        """A random u, of the shape of A(W) v."""


class Unfolding(Operator):
    """The kernel as a matrix whose rows are one of its first two axes (0 or 1).

    For Conv2d, axis 0 gives the c_out x (k_h k_w c_in) matrix of SNGAN and axis 1 the
    c_in x (c_out k_h k_w) matrix of BSSN section 5.1; for ConvTranspose2d the two change places.
    Columns are ordered (k_h, k_w, channel) rather than (channel, k_h, k_w): the singular values are
    the same, and for a kernel in channels_last memory both matrices are views, not copies.
    """

    def __init__(self, axis: int) -> None:
        self.axis = axis

    def _matrix(self, weight: Tensor) -> Tensor:
        if weight.ndim == 4:
            weight = weight.permute(0, 2, 3, 1)  # (O, I, kh, kw) -> (O, kh, kw, I)
        if self.axis == 0:
            return weight.reshape(weight.shape[0], -1)
        return weight.reshape(-1, weight.shape[-1]).t()

    def forward(self, weight: Tensor, v: Tensor, out: Tensor | None = None) -> Tensor:
        """Matrix times vector."""
        return torch.mv(self._matrix(weight), v, out=out)

    def adjoint(self, weight: Tensor, u: Tensor, out: Tensor | None = None) -> Tensor:
        """Transposed matrix times vector."""
        return torch.mv(self._matrix(weight).t(), u, out=out)

    def add_gradient_(self, out: Tensor, u: Tensor, v: Tensor, factor: float) -> None:
        """Adds the outer product u v^T, folded back into the kernel's shape."""
        self._matrix(out).addr_(u, v, alpha=factor)

    def left(self, weight: Tensor) -> Tensor:
        """Gaussian, one entry a row."""
        return torch.randn(weight.shape[self.axis], dtype=weight.dtype, device=weight.device)


class Convolution(Operator):
    """The convolution as it acts on images of the layer's real input size, stride and padding.

    Power iteration with conv2d and conv_transpose2d (Farnia et al. 2018, Gouk et al. 2018).

    Args:
        layer: A Conv2d or ConvTranspose2d with zero padding that knows its ``input_shape``.

    Raises:
        UserError: The layer pads with something else than zeros, so that it isn't this operator.
    """

    def __init__(self, layer: nn.Conv2d | nn.ConvTranspose2d) -> None:
        if layer.padding_mode != "zeros" or isinstance(layer.padding, str):
            raise UserError(
                "--model.norm sn_conv takes layers with numeric zero padding, got padding="
                f"{layer.padding!r}, padding_mode={layer.padding_mode!r}; use sn instead"
            )
        shape: tuple[int, ...] = layer.input_shape  # type: ignore[assignment]  # set by normalize_
        self.transposed = isinstance(layer, nn.ConvTranspose2d)
        self.stride, self.padding = layer.stride, layer.padding
        self.dilation, self.groups = layer.dilation, layer.groups
        with torch.no_grad():
            output = tuple(layer(torch.zeros(1, *shape).to(layer.weight)).shape[1:])
        # A transposed convolution is the adjoint of the convolution with the same kernel.
        self.wide: tuple[int, ...] = output if self.transposed else shape
        self.narrow: tuple[int, ...] = shape if self.transposed else output

    def _convolve(self, weight: Tensor, x: Tensor) -> Tensor:
        return F.conv2d(x, weight, None, self.stride, self.padding, self.dilation, self.groups)

    def _convolve_transposed(self, weight: Tensor, y: Tensor) -> Tensor:
        gradient: Tensor = torch.ops.aten.convolution_backward(
            y,
            y.new_empty(1, *self.wide),
            weight,
            None,
            self.stride,
            self.padding,
            self.dilation,
            False,
            [0, 0],
            self.groups,
            [True, False, False],
        )[0]
        return gradient

    def forward(self, weight: Tensor, v: Tensor, out: Tensor | None = None) -> Tensor:
        """(1, C, H, W) -> (1, C', H', W')."""
        result = (self._convolve_transposed if self.transposed else self._convolve)(weight, v)
        return result if out is None else out.copy_(result)

    def adjoint(self, weight: Tensor, u: Tensor, out: Tensor | None = None) -> Tensor:
        """(1, C', H', W') -> (1, C, H, W)."""
        result = (self._convolve if self.transposed else self._convolve_transposed)(weight, u)
        return result if out is None else out.copy_(result)

    def add_gradient_(self, out: Tensor, u: Tensor, v: Tensor, factor: float) -> None:
        """Adds the kernel gradient of <u, conv(v)>."""
        wide, narrow = (u, v) if self.transposed else (v, u)
        gradient: Tensor = conv2d_weight(
            wide, list(out.shape), narrow, self.stride, self.padding, self.dilation, self.groups
        )
        out.add_(gradient, alpha=factor)

    def left(self, weight: Tensor) -> Tensor:
        """Gaussian, of the shape of one output image."""
        shape = self.wide if self.transposed else self.narrow
        return torch.randn(1, *shape, dtype=weight.dtype, device=weight.device)
