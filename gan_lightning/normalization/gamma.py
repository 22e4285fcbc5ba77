"""A trainable gain over another normalization (SNGAN App. E; BSSN App. O)."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn.utils import parametrize

from gan_lightning.errors import UserError
from gan_lightning.normalization.base import LAYERS, Norm, Normalization
from gan_lightning.normalization.output_norms import OutputNormalization
from gan_lightning.normalization.spectral import sn


class Gain(nn.Module):
    """The parametrization ``x -> gamma * x``.

    Args:
        gamma: A scalar parameter, which several layers may share.
    """

    def __init__(self, gamma: nn.Parameter) -> None:
        super().__init__()
        self.gamma = gamma

    def forward(self, x: Tensor) -> Tensor:
        """Multiplies, in the precision of ``x``."""
        return self.gamma * x


class gamma(Normalization):
    """A trainable gain per layer over another normalization (SNGAN App. E; "diff" in BSSN App. O).

    ``gamma * norm(W)``, with gamma 1 at the start, for every layer, the last linear one included;
    as in BSSN's code, gamma multiplies the bias as well (SNGAN's equation has the weight alone).
    Nothing bounds gamma or the slope of the network: the papers train it with the Wasserstein loss
    and a gradient penalty of 10.

    Args:
        over: What normalizes the weight that gamma multiplies.
    """

    def __init__(self, over: Normalization = sn()) -> None:
        if isinstance(over, OutputNormalization | gamma):
            reason = (
                "a gain of the weights changes nothing before it"
                if isinstance(over, OutputNormalization)
                else "one gain is enough"
            )
            raise UserError(
                f"is {type(over).__name__}, but {reason}; choose a norm of the weights, such as "
                "sn, bsn or wn",
                "over",
            )
        self.over = over

    def __call__(self, layer: nn.Module) -> nn.Module:
        """Parametrizes weight and bias, in place."""
        return _with_gain(self.over(layer), _new_gain(layer))

    def for_network(self) -> Norm:
        """The same over what the normalization below has for one network."""
        over = self.over.for_network()
        return lambda layer: _with_gain(over(layer), _new_gain(layer))


class shared_gamma(gamma):
    """One trainable gain that all layers of a network share ("same" in BSSN App. O); see `gamma`.

    Args:
        over: What normalizes the weight that gamma multiplies.
    """

    def for_network(self) -> Norm:
        """One gamma for the layers of this network, and of no other."""
        over = self.over.for_network()
        shared: list[Gain] = []

        def wrap(layer: nn.Module) -> nn.Module:
            if not shared:
                shared.append(_new_gain(layer))
            return _with_gain(over(layer), shared[0])

        return wrap


def _new_gain(layer: nn.Module) -> Gain:
    assert isinstance(layer, LAYERS)
    return Gain(nn.Parameter(layer.weight.detach().new_ones(())))


def _with_gain(layer: nn.Module, gain: Gain) -> nn.Module:
    if not isinstance(layer, LAYERS):
        raise UserError(
            "norm gamma goes over a norm of the weights, such as sn or bsn, not over one that "
            f"replaces a layer by a {type(layer).__name__}"
        )
    parametrize.register_parametrization(layer, "weight", gain)
    if getattr(layer, "bias", None) is not None:
        parametrize.register_parametrization(layer, "bias", gain)
    return layer
