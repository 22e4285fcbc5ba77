"""A training iteration as one CUDA graph: the host launches it as a whole instead of op by op."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from lightning.pytorch import Trainer
from torch import Tensor
from torch.optim import Optimizer

from gan_lightning.draws import Draw, Own

Iterate = Callable[[Draw, Own | None], Tensor]
"""The draws of an iteration -> its losses; updates the networks on the way."""

WARM_UP = 3
"""Iterations before the capture, in which libraries choose kernels and optimizers make state."""


def obstacle(trainer: Trainer) -> str | None:
    """Why iterations of this trainer cannot be captured, or None if they can."""
    if trainer.strategy.root_device.type != "cuda":
        return "there is no CUDA device"
    if trainer.world_size > 1:
        return "gradients are averaged over several processes"
    if getattr(trainer.precision_plugin, "scaler", None) is not None:
        return "the gradient scaler of 16-mixed reads the device; bf16-mixed does not"
    return None


def hold_on_device(optimizers: Iterable[Optimizer]) -> None:
    """Has optimizers keep on the device all that a captured step must read anew each time.

    A learning rate that is a number would be the one of the captured step for ever. Torch's
    schedules change a tensor in place.
    """
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            if "capturable" in group:
                group["capturable"] = True
                if not isinstance(group["lr"], Tensor):
                    group["lr"] = torch.tensor(float(group["lr"]), device=group["params"][0].device)


def let_go_of_device(optimizers: Iterable[Optimizer]) -> None:
    """Undoes `hold_on_device`, also in optimizers loaded from a checkpoint of a captured run."""
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            if "capturable" in group:
                group["capturable"] = False
                group["lr"] = float(group["lr"])


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
        hold_on_device(optimizers)

    def __call__(self, draws: Draw, own: Own | None) -> Tensor:
        """Makes one iteration.

        Args:
            draws: Tensors always of the same shapes.
            own: The same.

        Returns:
            The losses; they stay as they are when later iterations are made.
        """
        if self._failed:
            return self._iterate(draws, own)
        if self._left:
            self._left -= 1
            return self._on_a_side_stream(draws, own)
        if self._graph is None:
            try:
                self._capture(draws, own)
            except Exception as error:  # a network of the user's may fail in any way
                self._failed = True
                self._on_failure(repr(error).splitlines()[0])
                return self._iterate(draws, own)
        assert self._graph is not None
        for fixed, new in zip(self._inputs, _tensors(draws, own), strict=True):
            fixed.copy_(new)
        self._graph.replay()
        return self._losses.clone()

    def _on_a_side_stream(self, draws: Draw, own: Own | None) -> Tensor:
        """Where a capture needs the buffers of gradients to be first used."""
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            losses = self._iterate(draws, own)
        torch.cuda.current_stream().wait_stream(side)
        return losses

    def _capture(self, draws: Draw, own: Own | None) -> None:
        draws = draws.map(torch.clone)
        own = own and own.map(torch.clone)
        self._inputs = _tensors(draws, own)
        graph = torch.cuda.CUDAGraph()
        torch.clear_autocast_cache()
        with torch.cuda.graph(graph):
            self._losses = self._iterate(draws, own)
        self._graph = graph


def _tensors(draws: Draw, own: Own | None) -> tuple[Tensor, ...]:
    return draws.tensors() + (own.tensors() if own is not None else ())
