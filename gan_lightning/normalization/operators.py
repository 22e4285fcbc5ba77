"""The linear maps that a kernel stands for, each with what power iteration asks of it.

A convolution kernel W is turned into a matrix in several ways (BSSN sections 2 and 5.1): unfolded
along its output or its input channels, or as the convolution itself acting on images of a given
size. An operator A(W) is linear in W, so the estimate ``u^T A(W) v`` has the constant gradient
``d/dW u^T A(W) v``, which `add_gradient` adds to a tensor.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from gan_lightning.errors import UserError

CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
DECONVOLUTIONS = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)


class Operator(ABC):
    """A linear map ``v -> A(W) v`` given by a weight W."""

    @abstractmethod
    def forward(self, weight: Tensor, v: Tensor, out: Tensor | None = None) -> Tensor:
        """A(W) v, written to ``out`` if that is given."""

    @abstractmethod
    def adjoint(self, weight: Tensor, u: Tensor, out: Tensor | None = None) -> Tensor:
        """A(W)^T u, written to ``out`` if that is given."""

    @abstractmethod
    def add_gradient(self, to: Tensor, u: Tensor, v: Tensor, factor: float) -> Tensor:
        """Returns ``to + factor * d(u^T A(W) v)/dW``, a new tensor; of W's shape, as ``to`` is."""

    @abstractmethod
    def left(self, weight: Tensor) -> Tensor:
        """A random u, of the shape of A(W) v."""


class Unfolding(Operator):
    """The kernel as a matrix whose rows are one of its first two axes (0 or 1).

    For a convolution, axis 0 gives the c_out x (c_in k_h k_w) matrix of SNGAN and axis 1 the
    c_in x (c_out k_h k_w) matrix of BSSN section 5.1; for a transposed one the two change places.
    Columns are ordered (k_h, k_w, channel) rather than (channel, k_h, k_w): the singular values are
    the same, and for a kernel in channels_last memory both matrices are views, not copies.
    """

    def __init__(self, axis: int) -> None:
        self.axis = axis

    def matrix(self, weight: Tensor) -> Tensor:
        """The kernel unfolded."""
        weight = weight.movedim(1, -1)  # (O, I, kh, kw) -> (O, kh, kw, I)
        if self.axis == 0:
            return weight.reshape(weight.shape[0], -1)
        return weight.reshape(-1, weight.shape[-1]).t()

    def forward(self, weight: Tensor, v: Tensor, out: Tensor | None = None) -> Tensor:
        """Matrix times vector."""
        return torch.mv(self.matrix(weight), v, out=out)

    def adjoint(self, weight: Tensor, u: Tensor, out: Tensor | None = None) -> Tensor:
        """Transposed matrix times vector."""
        return torch.mv(self.matrix(weight).t(), u, out=out)

    def add_gradient(self, to: Tensor, u: Tensor, v: Tensor, factor: float) -> Tensor:
        """Adds the outer product u v^T, folded back into the kernel's shape."""
        rows = to.movedim(1, -1)  # (O, I, kh, kw) -> (O, kh, kw, I)
        if self.axis == 0:
            matrix, left, right = rows.reshape(len(rows), -1), u, v
        else:  # the transposed matrix is the one whose memory is in order
            matrix, left, right = rows.reshape(-1, rows.shape[-1]), v, u
        return torch.addr(matrix, left, right, alpha=factor).view(rows.shape).movedim(-1, 1)

    def left(self, weight: Tensor) -> Tensor:
        """Gaussian, one entry a row."""
        return torch.randn(weight.shape[self.axis], dtype=weight.dtype, device=weight.device)


def rows_out(layer: nn.Module) -> Unfolding:
    """A layer's weight as the matrix with a row for each output: c_out, or the classes' vectors."""
    return Unfolding(1 if isinstance(layer, DECONVOLUTIONS) else 0)


def rows_in(layer: nn.Module) -> Unfolding:
    """The matrix with a row for each input channel."""
    return Unfolding(0 if isinstance(layer, DECONVOLUTIONS) else 1)


class Convolution(Operator):
    """The convolution as it acts on images of the layer's real input size, stride and padding.

    Power iteration with conv2d and conv_transpose2d (Farnia et al. 2018, Gouk et al. 2018).

    Args:
        layer: A convolution or transposed convolution, of one to three dimensions, with zero
            padding that knows its ``input_shapes``.

    Raises:
        UserError: The layer pads with something else than zeros, so that it isn't this operator,
            or it is not used on inputs of one shape.
    """

    def __init__(self, layer: nn.Module) -> None:
        assert isinstance(layer, (*CONVOLUTIONS, *DECONVOLUTIONS))
        if layer.padding_mode != "zeros" or isinstance(layer.padding, str):
            raise UserError(
                "norm sn_conv takes layers with numeric zero padding, got padding="
                f"{layer.padding!r}, padding_mode={layer.padding_mode!r}; use sn instead"
            )
        # Ignored below: the probe notes it on the layer.
        shapes: tuple[tuple[int, ...], ...] = layer.input_shapes  # type: ignore[assignment]
        if len(shapes) != 1:
            raise UserError(
                "norm sn_conv takes layers whose input has one shape, but a "
                f"{type(layer).__name__} is used on inputs of {len(shapes)} shapes; use sn instead"
            )
        self.stride, self.padding = layer.stride, layer.padding
        self.dilation, self.groups = layer.dilation, layer.groups
        self.transposed = bool(layer.transposed)
        with torch.no_grad():
            output = tuple(layer(torch.zeros(1, *shapes[0]).to(layer.weight)).shape[1:])
        self.input, self.output = shapes[0], output
        # A transposed convolution is the adjoint of the convolution with the same kernel.
        self.wide: tuple[int, ...] = output if self.transposed else shapes[0]

    def _convolve(self, weight: Tensor, x: Tensor) -> Tensor:
        none = [0] * len(self.stride)
        return torch.convolution(
            x, weight, None, self.stride, self.padding, self.dilation, False, none, self.groups
        )

    def _derivative(self, y: Tensor, x: Tensor, weight: Tensor, which: int) -> Tensor:
        """Of <y, conv(x)> with respect to x (0) or to the weight (1)."""
        gradients: tuple[Tensor, ...] = torch.ops.aten.convolution_backward(
            y,
            x,
            weight,
            None,
            self.stride,
            self.padding,
            self.dilation,
            False,
            [0] * len(self.stride),
            self.groups,
            [which == 0, which == 1, False],
        )
        return gradients[which]

    def _convolve_transposed(self, weight: Tensor, y: Tensor) -> Tensor:
        return self._derivative(y, y.new_empty(1, *self.wide), weight, 0)

    def forward(self, weight: Tensor, v: Tensor, out: Tensor | None = None) -> Tensor:
        """(1, C, H, W) -> (1, C', H', W')."""
        result = (self._convolve_transposed if self.transposed else self._convolve)(weight, v)
        return result if out is None else out.copy_(result)

    def adjoint(self, weight: Tensor, u: Tensor, out: Tensor | None = None) -> Tensor:
        """(1, C', H', W') -> (1, C, H, W)."""
        result = (self._convolve if self.transposed else self._convolve_transposed)(weight, u)
        return result if out is None else out.copy_(result)

    def add_gradient(self, to: Tensor, u: Tensor, v: Tensor, factor: float) -> Tensor:
        """Adds the kernel gradient of <u, conv(v)>."""
        wide, narrow = (u, v) if self.transposed else (v, u)
        return torch.add(to, self._derivative(narrow, wide, to, 1), alpha=factor)

    def left(self, weight: Tensor) -> Tensor:
        """Gaussian, of the shape of one output image."""
        return torch.randn(1, *self.output, dtype=weight.dtype, device=weight.device)
