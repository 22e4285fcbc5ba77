"""Where and how exactly an extractor computes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch.backends import cudnn, mkldnn
from torch.backends.cuda import matmul

from gan_lightning.errors import UserError


def default_device(name: str) -> torch.device:
    """The device of that name; for ``auto`` an accelerator, if there is one.

    Of several GPUs, each process that ``torchrun`` starts takes its own.

    Raises:
        UserError: There is no such device here.
    """
    found = torch.accelerator.current_accelerator(check_available=True)
    if name == "auto":
        return _own(found or torch.device("cpu"))
    try:
        device = _own(torch.device(name))
        torch.zeros(1, device=device).cpu()
        if device.type == "cpu" and device.index:
            raise RuntimeError("there is one")
    except (AssertionError, ImportError, NotImplementedError, RuntimeError) as error:
        others = f", {found.type}" if found else ""
        raise UserError(
            f"{name} is no device of this machine: give cpu{others} or auto", "device"
        ) from error
    return device


def _own(device: torch.device) -> torch.device:
    """A GPU with the number of this process, unless it has one; a processor without a number."""
    if device.type == "cpu" and device.index == 0:
        return torch.device("cpu")
    if device.type == "cuda" and device.index is None:
        return torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
    return device


@contextmanager
def full_precision(device: torch.device) -> Iterator[None]:
    """Float32 as IEEE has it within, reproducibly: no autocast, TF32 or bfloat16.

    Features in bfloat16 move an FID by up to 0.7 %. Afterwards everything is as it was.
    """
    # torch does not tell type checkers of the last two.
    kinds = (matmul, cudnn.conv, mkldnn.matmul, mkldnn.conv)  # type: ignore[attr-defined]  # untyped
    precisions = [kind.fp32_precision for kind in kinds]
    modes = cudnn.deterministic, cudnn.benchmark
    try:
        for kind in kinds:
            kind.fp32_precision = "ieee"
        cudnn.deterministic, cudnn.benchmark = True, False
        with torch.autocast(device.type, enabled=False):
            yield
    finally:
        for kind, precision in zip(kinds, precisions, strict=True):
            kind.fp32_precision = precision
        cudnn.deterministic, cudnn.benchmark = modes
