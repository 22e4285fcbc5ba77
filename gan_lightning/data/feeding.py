"""How a trainer is fed: which images it gets from its position on, and from which memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from lightning.pytorch import Trainer

from gan_lightning.data.loading import (
    DeviceCache,
    HostImages,
    Picker,
    PickLoader,
    PixelLoader,
    Spans,
    leave_signals_to_the_trainer,
)
from gan_lightning.data.prepared import Prepared
from gan_lightning.data.sampling import Epochs, IndexSampler, Replacement, Subset, members
from gan_lightning.errors import UserError
from gan_lightning.lightning_private import steps_ready

if TYPE_CHECKING:
    from gan_lightning.data.base import ImageData


def training_loader(
    data: ImageData, trainer: Trainer
) -> tuple[PickLoader | PixelLoader, DeviceCache | None]:
    """The rest of a run as one epoch.

    Args:
        data: The dataset.
        trainer: Knows how far the run has come, how far it goes, and on which device.

    Returns:
        The loader, and the images on the device, if they fit there: it then yields which of them
        to take.

    Raises:
        UserError: If the run has no end, or the images do not fit where the user wants them.
    """
    if trainer.max_steps <= 0:
        raise UserError(
            f"{trainer.max_steps}: training needs a number of generator updates. Set it to at "
            "least 1.",
            "trainer.max_steps",
        )
    prepared, device = data.opened("train"), trainer.strategy.root_device
    spans, picker = _spans(trainer), _picker(data, trainer)
    if _fits(data, prepared, device):
        return PickLoader(spans, picker), _cached(data, prepared, device)
    host = PixelLoader(
        HostImages(prepared, picker),
        sampler=spans,
        batch_size=None,
        num_workers=data.num_workers,
        pin_memory=device.type == "cuda",
        persistent_workers=data.num_workers > 0,
        worker_init_fn=leave_signals_to_the_trainer,
    )
    return host, None


def _spans(trainer: Trainer) -> Spans:
    step = getattr(trainer.lightning_module, "iterations_per_batch", 1)
    return Spans(trainer.global_step, trainer.max_steps, step, steps_ready(trainer))


def _picker(data: ImageData, trainer: Trainer) -> Picker:
    module: Any = trainer.lightning_module
    size = module.n_dis * data.batch_size
    return Picker(_draw(data, trainer, size), size, data.seed, trainer.global_rank, data.flip)


def _draw(data: ImageData, trainer: Trainer, size: int) -> IndexSampler:
    every, rank = len(data.opened("train").images), trainer.global_rank
    count = data.limit or every
    draw: IndexSampler = Replacement(count, size, data.seed, rank)
    if data.sampling == "epoch":
        draw = Epochs(count, size, data.seed, rank, trainer.world_size)
    if data.limit is None:
        return draw
    return Subset(draw, members(every, data.limit, data.limit_seed))


def _fits(data: ImageData, prepared: Prepared, device: torch.device) -> bool:
    if data.device_cache != "auto":
        return data.device_cache == "always"
    budget = data.device_cache_gib * 2**30
    if device.type == "cuda":
        budget = min(budget, torch.cuda.mem_get_info(device)[0] / 2)
    return prepared.images.nbytes <= budget


def _cached(data: ImageData, prepared: Prepared, device: torch.device) -> DeviceCache:
    try:
        return DeviceCache.load(prepared, device)
    except (torch.OutOfMemoryError, MemoryError, OSError) as error:
        raise UserError(
            f"{data.device_cache}: the {prepared.images.nbytes / 2**30:.1f} GiB of {data.name} do "
            f"not fit on {device}. Use `device_cache` never.",
            "device_cache",
        ) from error
