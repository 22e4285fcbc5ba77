"""What the normalizations of a network want done when its weights have changed."""

from __future__ import annotations

from torch import nn

from gan_lightning.normalization.base import Projection
from gan_lightning.normalization.power_iteration import PowerIteration, spectral_pairs
from gan_lightning.normalization.shared import parameter_of, shared_weights
from gan_lightning.normalization.weight_norms import Units, unit_pairs


class Upkeep:
    """What follows an update of a network's weights, looked up once.

    Args:
        network: A network after `normalize_`. When its tensors are replaced by others (moved to
            another device, say), look anew.
    """

    def __init__(self, network: nn.Module) -> None:
        self._spectral = PowerIteration(spectral_pairs(network))
        self._units = Units(unit_pairs(network))
        # What is trained is bounded, not what a parametrization (a gain over it) makes of it.
        self._projected = [
            (projection, parameter_of(layer))
            for layer in network.modules()
            if isinstance(projection := getattr(layer, "projection", None), Projection)
        ]

    def renew_(self) -> None:
        """Projects weights, and forms the normalized ones after one power iteration each."""
        for projection, weight in self._projected:
            projection.project_(weight)
        self._spectral.iterate_()
        self._units.refresh_()

    def refresh_(self) -> None:
        """Forms the normalized weights anew, without an iteration; due before training starts."""
        self._spectral.refresh_()
        self._units.refresh_()


def power_iterate_(network: nn.Module) -> None:
    """One power iteration in every spectrally normalized layer; due after each weight update."""
    PowerIteration(spectral_pairs(network)).iterate_()
    Units(unit_pairs(network)).refresh_()


def refresh_(network: nn.Module) -> None:
    """Forms the normalized weights anew, without an iteration, after weights were changed."""
    PowerIteration(spectral_pairs(network)).refresh_()
    Units(unit_pairs(network)).refresh_()


def zero_layers(network: nn.Module) -> list[str]:
    """The layers with a normalized weight whose own weight is exactly zero; reads the device.

    Their normalized weight is zero too, and a power iteration restarts from a fixed direction once
    the weight is something again.
    """
    names = {id(module): name for name, module in network.named_modules()}
    return [
        names[id(module)].partition("parametrizations")[0].rstrip(".") or type(network).__name__
        for module, weight in shared_weights(network)
        if not weight.any()
    ]
