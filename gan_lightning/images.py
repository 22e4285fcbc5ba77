"""Images of a generator, as they are stored, seen and scored: one way for all of them.

Image ``i`` of a sequence is a function of (generator, seed, purpose, i) and of its class: the same
whoever asks for it, in whatever company, on any number of processes.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor, nn

from gan_lightning.errors import UserError
from gan_lightning.networks import Generator
from gan_lightning.normalization import power_iterate_
from gan_lightning.normalization.power_iteration import INITIAL_ITERATIONS
from gan_lightning.streams import stream

TOLERANCE = 1e-3
"""Of the value range: rounding in half precision is no mistake."""


def latents_at(generator: Generator, indices: Sequence[int], seed: int, purpose: str) -> Tensor:
    """The latents of images of a sequence, float32 ``(len(indices), latent_dim)`` on the CPU."""
    return torch.cat([generator.latents(1, stream(seed, purpose, index)) for index in indices])


def classes_at(
    generator: Generator, indices: Sequence[int], classes: Sequence[int] | None = None
) -> tuple[Tensor, ...]:
    """The classes of images of a sequence: image i has the (i mod k)-th of k classes.

    Args:
        generator: Says how many classes there are.
        indices: Which of the sequence, >= 0.
        classes: The k classes; all of them by default.

    Returns:
        int64 ``(len(indices),)`` on the CPU; no tensor for a generator without classes.

    Raises:
        UserError: The generator does not know one of the classes, or none at all.
    """
    if generator.num_classes is None:
        if classes:
            raise UserError(
                f"images of classes {list(classes)} are wanted, but {type(generator).__name__} "
                "was trained without classes; leave the classes out"
            )
        return ()
    known = generator.num_classes
    wanted = list(classes or range(known))
    for label in wanted:
        if not 0 <= label < known:
            raise UserError(f"class {label} is not known; the classes are 0 to {known - 1}")
    return (torch.tensor([wanted[index % len(wanted)] for index in indices]),)


def shuffled_classes(generator: Generator, count: int, seed: int) -> tuple[Tensor, ...]:
    """The classes of the first images of a sequence to be scored: all equally often, shuffled.

    In turn they would be tied to the index, and with it to whatever else is: ten classes in turn
    put one class into each of ten splits of the inception score, which is 1 then.

    Args:
        generator: Says how many classes there are.
        count: How many images.
        seed: Which sequence.

    Returns:
        int64 ``(count,)`` on the CPU, every class once in each run of as many images as there are
        classes; no tensor for a generator without classes.
    """
    known = generator.num_classes
    if known is None:
        return ()
    rounds = [stream(seed, "classes", r).permutation(known) for r in range(-(-count // known))]
    return (torch.from_numpy(np.concatenate(rounds)[:count]),)


def generate(
    generator: Generator,
    indices: Sequence[int],
    seed: int,
    purpose: str,
    labels: Sequence[Tensor] = (),
) -> Tensor:
    """Makes images of a sequence, in eval mode.

    Args:
        generator: Makes them, and is left as it was.
        indices: Which of the sequence, >= 0.
        seed: Which sequence.
        purpose: What they are for; training never draws from the same stream.
        labels: For a generator with classes, those of the images: int64 ``(len(indices),)``.

    Returns:
        Floating-point ``(len(indices), C, H, W)`` on the generator's device.
    """
    return generate_from(generator, latents_at(generator, indices, seed, purpose), labels)


@torch.no_grad()
def generate_from(generator: Generator, z: Tensor, labels: Sequence[Tensor] = ()) -> Tensor:
    """Makes the images of latents, in eval mode.

    Args:
        generator: Makes them, and is left as it was.
        z: ``(N, latent_dim)``.
        labels: For a generator with classes, those of the images: int64 ``(N,)``.

    Returns:
        Floating-point ``(N, C, H, W)`` on the generator's device.
    """
    parameter = next(generator.parameters(), torch.empty(0))
    with evaluating(generator):
        images: Tensor = generator(z.to(parameter), *(y.to(parameter.device) for y in labels))
    return images


def to_uint8(images: Tensor, value_range: tuple[float, float]) -> tuple[Tensor, Tensor]:
    """Rounds images to the nearest of 256 levels, and counts those that are none.

    The counts stay on the device: whoever reads them waits for the images.

    Args:
        images: Floating-point ``(N, C, H, W)``.
        value_range: The values of black and white.

    Returns:
        uint8 images of the same shape, meaningless where counted; and int64 ``(2,)``: how many
        hold NaN or infinite values, and how many others hold values out of range.

    >>> to_uint8(torch.tensor([-1.0, 0.0, 1.0]).reshape(1, 1, 1, 3), (-1.0, 1.0))[0].flatten()
    tensor([  0, 128, 255], dtype=torch.uint8)
    """
    low, high = value_range
    images = images.to(torch.promote_types(images.dtype, torch.float32))
    slack = TOLERANCE * (high - low)
    flat = images.flatten(1)
    broken = ~flat.isfinite().all(1)
    outside = ((flat < low - slack) | (flat > high + slack)).any(1) & ~broken
    # Without rounding, 63 of the 256 levels would come back one too low.
    pixels = ((images - low) * (255 / (high - low))).round().nan_to_num().clamp(0, 255)
    return pixels.to(torch.uint8), torch.stack([broken.sum(), outside.sum()])


def images_at(
    generator: Generator,
    indices: Sequence[int],
    seed: int = 0,
    classes: Sequence[int] | None = None,
    chunk: int = 256,
) -> Tensor:
    """Makes images of the endless sequence of samples that belongs to a seed.

    Args:
        generator: Makes them, and is left as it was.
        indices: Which of the sequence, >= 0.
        seed: Which sequence.
        classes: The classes of the images, in turn; all in turn by default.
        chunk: How many to make at a time.

    Returns:
        uint8 ``(len(indices), C, H, W)`` on the generator's device.

    Raises:
        UserError: There are none to make, the classes are unknown, or they are no images.
    """
    if not len(indices):
        raise UserError("the number of images to make must be >= 1, got 0")
    parts = []
    for start in range(0, len(indices), chunk):
        part = indices[start : start + chunk]
        labels = classes_at(generator, part, classes)
        parts.append(pixels_of(generator, latents_at(generator, part, seed, "sample"), labels))
    return torch.cat(parts)


def pixels_of(generator: Generator, z: Tensor, labels: Sequence[Tensor] = ()) -> Tensor:
    """Makes the images of latents as they are stored: uint8 ``(N, C, H, W)``.

    Raises:
        UserError: They are no images.
    """
    images = generate_from(generator, z, labels)
    pixels, invalid = to_uint8(images, generator.value_range)
    refuse_invalid("the generator", len(pixels), invalid)
    return pixels


def refuse_invalid(what: str, count: int, invalid: Tensor) -> None:
    """Raises if some of ``count`` images are none.

    Args:
        what: What made them.
        count: Number of images.
        invalid: As `to_uint8` counts them.

    Raises:
        UserError: One of them is not finite, or out of range.
    """
    broken, outside = invalid.tolist()
    if broken or outside:
        raise UserError(
            f"{what}: of {count} images {broken} hold NaN or infinite values and {outside} hold "
            "values out of range. A generator that diverged does this: lower its learning rate, "
            "or start from an earlier checkpoint"
        )


@contextmanager
def evaluating(module: nn.Module) -> Iterator[None]:
    """Evaluation mode within; each submodule's own mode after."""
    modes = [(part, part.training) for part in module.modules()]
    module.eval()
    try:
        yield
    finally:
        for part, training in modes:
            part.training = training


def with_weights(generator: Generator, weights: Mapping[str, Tensor]) -> Generator:
    """A copy of a generator with other weights, such as an average of past ones.

    Spectrally normalized layers get their own singular vectors: those of the generator belong to
    its own weights, and would leave the others at norms of 1.1 to 1.3.

    Args:
        generator: Left as it is.
        weights: Parameters and running statistics, by name; the others stay.
    """
    with torch.inference_mode(False):  # copies made within it could never be normalized
        other = copy.deepcopy(generator)
        own = dict(other.named_parameters()) | dict(other.named_buffers())
        with torch.no_grad():
            for name, tensor in weights.items():
                own[name].copy_(tensor)
        for _ in range(INITIAL_ITERATIONS if weights else 0):
            power_iterate_(other)
    return other.requires_grad_(False)
