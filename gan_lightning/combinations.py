"""Methods that are right by themselves and make no sense together."""

from __future__ import annotations

from collections.abc import Sequence

from gan_lightning.errors import UserError
from gan_lightning.initialization import Initialization
from gan_lightning.losses import Objective, wasserstein
from gan_lightning.normalization import Norm, clip, gamma, none
from gan_lightning.normalization.output_norms import OutputNormalization
from gan_lightning.normalization.spectral import SpectralNormalization
from gan_lightning.normalization.weight_norms import UnitNormalization
from gan_lightning.penalties import Penalty, orthonormal


def require_single_images(couples: bool, penalties: Sequence[Penalty]) -> None:
    """Looks whether penalties of a slope have a slope to look at.

    Args:
        couples: Whether the discriminator's answer to an image depends on the others of the batch.
        penalties: What joins its loss.

    Raises:
        UserError: It does, and one of them means it as a function of single images.
    """
    names = [type(penalty).__name__ for penalty in penalties if penalty.per_image]
    if couples and names:
        raise UserError(
            f"{names[0]} asks how the discriminator's answer depends on each "
            "image, but this one's depends on the other images of the batch (batch normalization "
            "does that); leave the penalty out, or use a discriminator without (norm ln is one of "
            "single images)",
            "penalties",
        )


def doubts(
    objective: Objective,
    norm: Norm,
    penalties: Sequence[Penalty],
    initialization: Initialization | None = None,
) -> list[str]:
    """What is allowed but will hardly train, one sentence each.

    Of norms and penalties of your own nothing is known, so nothing is said.

    Args:
        objective: The losses.
        norm: Of the discriminator.
        penalties: Of the discriminator, too.
        initialization: Likewise.
    """
    found = []
    at_work = [penalty for penalty in penalties if getattr(penalty, "weight", 1) != 0]
    of_slope = any(penalty.per_image for penalty in at_work)
    name = getattr(norm, "__name__", type(norm).__name__)
    if isinstance(norm, gamma) and not of_slope:
        found.append(
            f"norm {name} trains a gain that nothing bounds, so that the discriminator's slope may "
            "grow without end; the papers train it with objective wasserstein and penalty "
            "gradient_penalty"
        )
    elif isinstance(objective, wasserstein) and _leaves_slope(norm) and not at_work:
        found.append(
            f"objective wasserstein means a discriminator of bounded slope, and norm {name} without"
            " penalties bounds nothing, so that its loss may fall without end; use a norm such as "
            "sn or clip, or penalty gradient_penalty"
        )
    inner = norm.over if isinstance(norm, gamma) else norm
    if isinstance(inner, clip) and any(isinstance(penalty, orthonormal) for penalty in at_work):
        found.append(
            f"norm clip keeps weights within {inner.limit:g}, and penalty orthonormal wants rows "
            "of length 1: in most layers there are none within; use one of the two"
        )
    if initialization is not None and initialization.scale != 1 and _knows_no_scale(inner):
        found.append(
            f"norm {name} divides each weight by its size, so that the initialization's scale "
            f"{initialization.scale:g} changes nothing but how fast weights turn; use the norm's "
            "scale, or norm none"
        )
    return found


def _leaves_slope(norm: Norm) -> bool:
    return isinstance(norm, none | OutputNormalization)


def _knows_no_scale(norm: Norm) -> bool:
    return isinstance(norm, SpectralNormalization | UnitNormalization | OutputNormalization)
