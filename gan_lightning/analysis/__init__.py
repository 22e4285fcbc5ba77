"""Pure functions of networks and tensors that show why a discriminator trains well or badly.

Gradient norms, variances, singular values and slopes, each with what the papers' theorems say of
it. Nothing here changes a weight, and nothing knows of a trainer.
"""

from __future__ import annotations

from gan_lightning.analysis.diagnostics import (
    Diagnostic,
    diversity,
    gradient_norm,
    input_gradient_norm,
    loss_slope,
    norm_ratio,
    output,
    spectra,
    spectral_norm_conv,
    spectral_norm_in,
    spectral_norm_out,
    variance,
)
from gan_lightning.analysis.gradients import gradient_norms, total_norm
from gan_lightning.analysis.health import diversity_of, slopes
from gan_lightning.analysis.layers import Layer, layers_of
from gan_lightning.analysis.view import View, untouched

__all__ = [
    "Diagnostic",
    "Layer",
    "View",
    "diversity",
    "diversity_of",
    "gradient_norm",
    "gradient_norms",
    "input_gradient_norm",
    "layers_of",
    "loss_slope",
    "norm_ratio",
    "output",
    "slopes",
    "spectra",
    "spectral_norm_conv",
    "spectral_norm_in",
    "spectral_norm_out",
    "total_norm",
    "untouched",
    "variance",
]
