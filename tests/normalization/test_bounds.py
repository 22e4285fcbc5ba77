"""Which scales there are, and where the vectors of power iteration lie."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from gan_lightning.errors import UserError
from gan_lightning.normalization import bssn, sn_conv, ssn
from gan_lightning.normalization.operators import Convolution, Unfolding
from gan_lightning.normalization.power_iteration import SpectralNorm
from gan_lightning.normalization.spectral import LEAST


@pytest.mark.parametrize("norm", [bssn, sn_conv])
def test_scales_lie_strictly_between_their_bounds(norm: type[bssn]) -> None:
    for scale in (LEAST, 1 / LEAST, 1.5 / LEAST):
        with pytest.raises(UserError, match=r"^scale must be a number > 0, from 1e-30 to 1e\+30"):
            norm(scale)
    assert (norm(2 * LEAST).scale, norm(0.5 / LEAST).scale) == (2 * LEAST, 0.5 / LEAST)


def test_the_scale_is_1_by_default() -> None:
    assert (ssn().scale, bssn().scale, sn_conv().scale) == (1, 1, 1)
    weight = 3 * torch.eye(4, dtype=torch.float64)
    torch.testing.assert_close(SpectralNorm(weight, [Unfolding(0)])(weight), weight / 3)


def test_vectors_lie_where_their_weight_does() -> None:
    layer = nn.Conv2d(2, 3, 3, padding=1)
    layer.input_shapes = ((2, 4, 4),)  # type: ignore[assignment]  # as the probe finds them
    for operator in (Convolution(layer), Unfolding(0)):
        u = operator.left(torch.empty(3, 2, 3, 3, dtype=torch.float64, device="meta"))
        assert (u.device.type, u.dtype) == ("meta", torch.float64)
