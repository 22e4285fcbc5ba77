"""Agreement between processes: what one decides all do, what fails on one fails on all.

Every function is a plain call in a single process. In a process group, all processes must call it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import TypeVar

import torch
from torch import Tensor, distributed

from gan_lightning.errors import UserError

T = TypeVar("T")


def in_group() -> bool:
    """Whether this process works with others."""
    return distributed.is_available() and distributed.is_initialized()


def rank_and_world() -> tuple[int, int]:
    """This process's number and the number of processes; ``(0, 1)`` outside a process group."""
    if not in_group():
        return 0, 1
    return distributed.get_rank(), distributed.get_world_size()


def average_(tensors: Sequence[Tensor]) -> None:
    """Replaces tensors by their means over all processes, in place, in one exchange.

    Args:
        tensors: Of one type and on one device; the same shapes on every process.
    """
    if not tensors or rank_and_world()[1] == 1:
        return
    flat = torch.cat([tensor.reshape(-1) for tensor in tensors])
    distributed.all_reduce(flat)
    flat /= rank_and_world()[1]
    parts = flat.split([tensor.numel() for tensor in tensors])
    for tensor, mean in zip(tensors, parts, strict=True):
        tensor.copy_(mean.view_as(tensor))


@contextmanager
def joined_by_torchrun(device: torch.device) -> Iterator[None]:
    """Within, this process works with those that ``torchrun`` started beside it, if it did.

    Args:
        device: Where tensors that processes exchange lie.
    """
    if in_group() or int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield
        return
    if device.type == "cuda":
        torch.cuda.set_device(device)
    backend = "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"
    # The first may prepare a dataset for hours; torchrun ends all when one dies.
    distributed.init_process_group(backend, timeout=timedelta(days=1))
    try:
        yield
    finally:
        distributed.destroy_process_group()


def on_first(action: Callable[[], T]) -> T:
    """Runs ``action`` on the first process and returns its result on all of them.

    Raises:
        UserError: On every process, if ``action`` raised one on the first.
        RuntimeError: On the others, if ``action`` raised anything else, so that none waits forever.
    """
    if not in_group():
        return action()
    rank, _ = rank_and_world()
    box: list[tuple[T | None, Exception | None]] = [(None, None)]
    if rank == 0:
        box = [_attempt(action)]
    sent = [(box[0][0], _portable(box[0][1]))]
    distributed.broadcast_object_list(sent, src=0)
    _raise(box[0][1] if rank == 0 else _heard(sent[0][1]))
    result: T = sent[0][0]  # type: ignore[assignment]  # an action that did not raise has a result
    return result


def on_all(action: Callable[[], T]) -> T:
    """Runs ``action`` on every process at once; if it fails on one, it fails on all.

    Raises:
        UserError: On every process, the first one that any of them raised.
        RuntimeError: Likewise, for any other exception.
    """
    result, error = _attempt(action) if in_group() else (action(), None)
    _agree(error)
    return result  # type: ignore[return-value]  # an action that did not raise has a result


def first_then_others(action: Callable[[], T]) -> T:
    """Like `on_all`, but the first process goes ahead, so that what it leaves behind is shared."""
    rank, _ = rank_and_world()
    if not in_group():
        return action()
    result, error = _attempt(action) if rank == 0 else (None, None)
    _agree(error)
    if rank > 0:
        result, error = _attempt(action)
    _agree(error)
    return result  # type: ignore[return-value]  # an action that did not raise has a result


def _agree(error: Exception | None) -> None:
    """Raises on every process if any of them has an error."""
    if in_group():
        errors: list[Exception | None] = [None] * rank_and_world()[1]
        distributed.all_gather_object(errors, _portable(error))
        error = error or _heard(next((other for other in errors if other), None))
    _raise(error)


def _attempt(action: Callable[[], T]) -> tuple[T | None, Exception | None]:
    try:
        return action(), None
    except Exception as error:  # noqa: BLE001, RUF100  (any failure must reach the other processes)
        return None, error


def _portable(error: Exception | None) -> Exception | None:
    """The same error in a form that every process can unpickle."""
    if error is None or type(error) is UserError:
        return error
    return RuntimeError(f"another process failed with {type(error).__name__}: {error}")


def _heard(error: Exception | None) -> Exception | None:
    """Marks a mistake as one that its finder tells."""
    if isinstance(error, UserError):
        error.heard_by = rank_and_world()[0]
    return error


def _raise(error: Exception | None) -> None:
    if error is not None:
        raise error
