"""What can be trained, all of it, and a few cases in which any two choices meet."""

from __future__ import annotations

from itertools import combinations, product
from typing import Any

from gan_lightning.augmentation import DiffAugment
from gan_lightning.losses import auxiliary, ebgan, hinge, standard, wasserstein
from gan_lightning.networks import AuxiliaryCNNDiscriminator, ConcatCNNDiscriminator
from gan_lightning.normalization import (
    bn,
    bsn,
    bssn,
    clip,
    frobenius,
    gamma,
    ln,
    none,
    shared_gamma,
    sn,
    sn_conv,
    ssn,
    wn,
)
from gan_lightning.penalties import gradient_penalty, orthonormal, r1
from tests.reference import ENERGY_MARGIN
from tests.step_cases import Case

GP, R1, ORTHONORMAL = gradient_penalty(10.0), r1(3.0), orthonormal(0.1)
WAYS: dict[str, list[Any]] = {
    "norm": [
        *(none(), sn(), ssn(1.7), bsn(), bssn(1.3), sn_conv(1.75), wn(), frobenius(), bn(), ln()),
        *(clip(0.05), gamma(sn()), shared_gamma(bsn()), gamma(wn()), gamma(clip(0.05))),
    ],
    "penalties": [(), (GP,), (R1,), (ORTHONORMAL,), (GP, ORTHONORMAL)],
    "objective": [hinge(), standard(), wasserstein()],
    "n_dis": [1, 2],
    "conditional": [False, True],
    "own": [None, 4],
}
"""What can be chosen one by one, as arguments of `Case`."""

FAST = [0, 2, 4, 5, 6, 7, 8, 9, 10, 11, 12]
"""Without the norms that are others of scale 1, or of the same kind."""


def makes_sense(choice: dict[str, Any]) -> bool:
    """Batch normalization has no slope of single images."""
    return not (isinstance(choice["norm"], bn) and any(p.per_image for p in choice["penalties"]))


def name_of(choice: dict[str, Any]) -> str:
    def word(value: Any) -> str:  # noqa: ANN401  (of any kind)
        if isinstance(value, tuple):
            return " + ".join(map(word, value)) or "no penalty"
        if isinstance(value, gamma):
            return f"{type(value).__name__}({word(value.over)})"
        return str(value) if value is None or isinstance(value, int) else type(value).__name__

    names = ["{}", "{}", "{}", "n_dis {}", "labels {}", "own {}"]
    return ", ".join(n.format(word(choice[key])) for n, key in zip(names, WAYS, strict=True))


def everything() -> list[dict[str, Any]]:
    """The full product of what makes sense."""
    choices = (dict(zip(WAYS, values, strict=True)) for values in product(*WAYS.values()))
    return [choice for choice in choices if makes_sense(choice)]


def pairs_of(choice: dict[str, Any]) -> set[tuple[Any, ...]]:
    """Which two values meet in a choice."""
    said = [(key, WAYS[key].index(choice[key])) for key in WAYS]
    return set(combinations(said, 2))


def wanted() -> list[dict[str, Any]]:
    """What the fast tests choose from: everything, without the norms of scale 1."""
    norms = [WAYS["norm"][k] for k in FAST]
    return [c for c in everything() if c["norm"] in norms and c["penalties"] != (GP, ORTHONORMAL)]


def covering() -> list[dict[str, Any]]:
    """A few choices in which any two values meet somewhere: the next one has most new pairs."""
    left = wanted()
    missing = set().union(*map(pairs_of, left))
    pairs = [(choice, pairs_of(choice)) for choice in left]
    chosen = []
    while missing:
        choice, met = max(pairs, key=lambda pair: len(pair[1] & missing))
        missing -= met
        chosen.append(choice)
    return chosen


CASES = {name_of(choice): Case(**choice, small=True) for choice in covering()} | {
    "sn hinge n_dis 1": Case(sn()),
    "bssn hinge n_dis 3": Case(bssn(1.3), n_dis=3),
    "wgan-gp": Case(none(), objective=wasserstein(), penalties=(GP,), n_dis=2),
    "penalty through sn": Case(sn(), objective=wasserstein(), penalties=(GP,), n_dis=2),
    "two penalties": Case(ssn(0.7), objective=standard(), penalties=(GP, R1)),
    "clip": Case(clip(0.05), objective=wasserstein(), n_dis=2),
    "gamma": Case(gamma(sn()), objective=wasserstein(), penalties=(GP,)),
    "gamma over clip": Case(gamma(clip(0.05)), objective=wasserstein(), penalties=(GP,), n_dis=2),
    "shared gamma": Case(shared_gamma(bsn()), objective=wasserstein(), penalties=(GP,)),
    "generator norm": Case(bssn(1.2), generator_norm=sn(), n_dis=2),
    "generator bsn": Case(none(), generator_norm=bssn(1.3)),
    "rows": Case(wn(), objective=standard(), penalties=(ORTHONORMAL, GP), small=True),
    "generator wn": Case(frobenius(), generator_norm=wn(), small=True),
    "generator bn": Case(ln(), generator_norm=bn(), n_dis=2, small=True),
    "generator ln": Case(bn(), generator_norm=ln(), small=True),
    "generator frobenius": Case(wn(), generator_norm=frobenius(), small=True, conditional=True),
    "generator sn_conv": Case(sn(), generator_norm=sn_conv()),
    "classes": Case(bssn(1.2), conditional=True, n_dis=2),
    "classes, penalty": Case(sn(), conditional=True, penalties=(GP, R1)),
    "generator's own batch": Case(sn(), own=9, n_dis=2),
    "energies": Case(none(), objective=ebgan(ENERGY_MARGIN), n_dis=2),
    "concat": Case(bssn(1.2), conditional=True, judge=ConcatCNNDiscriminator, penalties=(GP,)),
    "auxiliary": Case(
        objective=auxiliary(wasserstein()),
        norm=none(),
        conditional=True,
        judge=AuxiliaryCNNDiscriminator,
        penalties=(GP,),
        n_dis=2,
    ),
    "auxiliary over hinge": Case(
        objective=auxiliary(hinge(), real_weight=0.7, fake_weight=0.3),
        norm=bssn(1.2),
        conditional=True,
        judge=AuxiliaryCNNDiscriminator,
        own=5,
    ),
    "augmented": Case(bssn(1.2), augment=DiffAugment(), n_dis=2),
    "augmented colour": Case(sn(), augment=DiffAugment(["colour"]), penalties=(GP, R1)),
    "augmented, all at once": Case(
        bssn(1.2),
        objective=auxiliary(),
        penalties=(GP,),
        n_dis=2,
        conditional=True,
        own=4,
        judge=AuxiliaryCNNDiscriminator,
        augment=DiffAugment(["translation", "cutout"]),
    ),
    "all at once": Case(bssn(1.2), sn(), wasserstein(), (GP,), n_dis=2, conditional=True, own=4),
}
