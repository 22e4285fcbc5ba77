"""All that is used of Lightning beyond its public interface, checked at import."""

from __future__ import annotations

import torch
from lightning.pytorch.cli import LightningCLI
from lightning.pytorch.core.optimizer import LightningOptimizer

from gan_lightning.errors import require_names

require_names(
    "lightning",
    {
        # These are attributes of each one, not of the class.
        LightningOptimizer(torch.optim.SGD([torch.zeros(1)], lr=0.0)): (
            "_on_before_step",
            "_on_after_step",
        ),
        LightningCLI: (
            "_get",
            "_parser",
            "_parse_ckpt_path",
            "_prepare_subcommand_kwargs",
            "_run_subcommand",
        ),
    },
)


def count_step(optimizer: LightningOptimizer) -> None:
    """Counts one step in ``trainer.global_step``, as ``optimizer.step()`` does, without making it.

    A replayed CUDA graph, or a step made through the strategy, does not pass there.
    """
    optimizer._on_before_step()
    optimizer._on_after_step()
