"""A training iteration as one CUDA graph: the host launches it as a whole instead of op by op."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch import Tensor
from torch.optim import Optimizer

Iterate = Callable[[Tensor, Tensor], Tensor]
"""(images, latents) -> losses; updates the networks on the way."""

WARM_UP = 3
"""Iterations before the capture, in which libraries choose kernels and optimizers make state."""


class GraphedIteration:
    """Runs the first iterations as they are, then captures one and replays it.

    All of them are iterations of the training: capturing runs nothing, and the first replay follows
    at once. A captured iteration must not read the host and must change everything in place.

    Args:
        iterate: The iteration.
        optimizers: The optimizers that it steps; they are told to keep their state on the device.
        on_failure: Called once with the reason if the iteration cannot be captured; from then on it
            runs as it is.
    """

    def __init__(
        self,
        iterate: Iterate,
        optimizers: Iterable[Optimizer],
        on_failure: Callable[[str], None],
    ) -> None:
        self._iterate = iterate
        self._on_failure = on_failure
        self._left = WARM_UP
        self._graph: torch.cuda.CUDAGraph | None = None
        self._failed = False
        for optimizer in optimizers:
            for group in optimizer.param_groups:
                if "capturable" in group:
                    group["capturable"] = True

    def __call__(self, images: Tensor, latents: Tensor) -> Tensor:
        """Makes one iteration.

        Args:
            images: Always of the same shape.
            latents: Always of the same shape.

        Returns:
            The losses; they stay as they are when later iterations are made.
        """
        if self._failed:
            return self._iterate(images, latents)
        if self._left:
            self._left -= 1
            return self._on_a_side_stream(images, latents)
        if self._graph is None:
            try:
                self._capture(images, latents)
            except Exception as error:  # a network of the user's may fail in any way
                self._failed = True
                self._on_failure(repr(error).splitlines()[0])
                return self._iterate(images, latents)
        assert self._graph is not None
        self._images.copy_(images)
        self._latents.copy_(latents)
        self._graph.replay()
        return self._losses.clone()

    def _on_a_side_stream(self, images: Tensor, latents: Tensor) -> Tensor:
        """Where a capture needs the buffers of gradients to be first used."""
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            losses = self._iterate(images, latents)
        torch.cuda.current_stream().wait_stream(side)
        return losses

    def _capture(self, images: Tensor, latents: Tensor) -> None:
        self._images, self._latents = images.clone(), latents.clone()
        graph = torch.cuda.CUDAGraph()
        torch.clear_autocast_cache()
        with torch.cuda.graph(graph):
            self._losses = self._iterate(self._images, self._latents)
        self._graph = graph
