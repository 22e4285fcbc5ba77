"""What diagnostics look at, and how they look without a trace."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property

import torch
from torch import Tensor, nn

from gan_lightning.analysis.gradients import gradient_norms
from gan_lightning.analysis.layers import Layer, layers_of
from gan_lightning.analysis.spectra import convolution_norm, squared_singular_values
from gan_lightning.augmentation import as_they_are
from gan_lightning.draws import Draw
from gan_lightning.losses import Objective
from gan_lightning.normalization.shared import without_autocast
from gan_lightning.penalties import Penalty
from gan_lightning.players import Player
from gan_lightning.step import discriminator_loss


class View:
    """The networks in training at one moment, and images to look at them with.

    What several diagnostics need is worked out once, when the first of them asks.

    Args:
        generator: ``(latents, *labels) -> (N, C, H, W)``.
        discriminator: As the training step has it.
        objective: The losses.
        penalties: Terms that join the discriminator's loss.
        draw: Makes what is looked at: real images, latents, and where to look between them.
        held_out: Makes real images that training does not see, with their labels; None where there
            are none.
        see: ``(images, *views) -> images``: what the discriminator is shown of images in training.
    """

    def __init__(
        self,
        generator: nn.Module,
        discriminator: Player,
        objective: Objective,
        penalties: Sequence[Penalty],
        draw: Callable[[], Draw],
        held_out: Callable[[], Draw | None] = lambda: None,
        see: Callable[..., Tensor] = as_they_are,
    ) -> None:
        self.generator, self.discriminator = generator, discriminator
        self.objective, self.penalties = objective, penalties
        self._draw, self._held_out = draw, held_out
        self._see = see

    @cached_property
    def draw(self) -> Draw:
        """What a discriminator update could look at."""
        return self._draw()

    @cached_property
    def held_out(self) -> Draw | None:
        """Real images that training does not see."""
        return self._held_out()

    @cached_property
    def fake(self) -> Tensor:
        """The generated images of the draw."""
        with torch.no_grad():
            images: Tensor = self.generator(self.draw.latents, *self.draw.fake_labels)
        return images.detach()

    @cached_property
    def shown(self) -> tuple[Draw, Tensor]:
        """The draw and the generated images as the loss is taken of them: augmented, if at all."""
        images = self._see(self.draw.images, *self.draw.views)
        return self.draw._replace(images=images), self._see(self.fake, *self.draw.fake_views)

    @cached_property
    def layers(self) -> list[Layer]:
        """The discriminator's layers."""
        return layers_of(self.discriminator.network)

    @cached_property
    def gradient_norms(self) -> dict[str, Tensor]:
        """Of the discriminator's loss, by layer."""
        loss = discriminator_loss(self.discriminator, self.objective, self.penalties, *self.shown)
        return gradient_norms(loss, self.layers)

    @cached_property
    def spectra_out(self) -> dict[str, Tensor]:
        """Squared singular values of each W_out."""
        return {layer.name: squared_singular_values(layer.unfolded()) for layer in self.layers}

    @cached_property
    def convolution_norms(self) -> dict[str, Tensor]:
        """Of the convolutions as operators."""
        norms = {layer.name: convolution_norm(layer) for layer in self.layers}
        return {name: norm for name, norm in norms.items() if norm is not None}

    def logits(self, images: Tensor, labels: tuple[Tensor, ...]) -> Tensor:
        """What the discriminator says of images, or the first tensor of it."""
        with torch.no_grad():
            output = self.discriminator.network(images, *labels)
        logits: Tensor = output if isinstance(output, Tensor) else output[0]
        return logits


@contextmanager
def untouched(*modules: nn.Module) -> Iterator[None]:
    """Within it, passes are made in full precision; after it, everything is as it was.

    Buffers that a pass has moved (running statistics, the state of an objective) get their values
    back in place, so that a captured CUDA graph finds them; random numbers that it drew are drawn
    again. Half precision and its scaling of losses are left out: norms are those of the weights.

    Args:
        *modules: Whatever is passed through.
    """
    before = [
        (owner, name, buffer, buffer.clone())
        for module in modules
        for owner in module.modules()
        for name, buffer in owner._buffers.items()
        if buffer is not None
    ]
    some = next((p for module in modules for p in module.parameters()), torch.empty(0))
    devices = [some.device] if some.is_cuda else []
    try:
        with torch.random.fork_rng(devices), torch.enable_grad(), without_autocast(some):
            yield
    finally:
        with torch.no_grad():
            for owner, name, buffer, value in before:
                owner._buffers[name] = buffer
                # Not by its version counter, which batch normalization passes over. And what has
                # not moved must not be written: a normalized weight is known by its counter.
                if not torch.equal(buffer, value):
                    buffer.copy_(value)
