"""Where and how exactly an extractor computes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


def default_device(name: str) -> torch.device:
    """The device of that name; for ``auto`` an accelerator, if there is one."""
    if name != "auto":
        return torch.device(name)
    found = torch.accelerator.current_accelerator(check_available=True)
    return found or torch.device("cpu")


@contextmanager
def full_precision(device: torch.device) -> Iterator[None]:
    """Float32 without autocast or TF32 within: bfloat16 features move an FID by up to 0.7 %."""
    matmul = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        with (
            torch.autocast(device.type, enabled=False),
            torch.backends.cudnn.flags(
                enabled=torch.backends.cudnn.enabled, deterministic=True, allow_tf32=False
            ),
        ):
            yield
    finally:
        torch.set_float32_matmul_precision(matmul)
