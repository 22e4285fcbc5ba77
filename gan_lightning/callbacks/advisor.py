"""Says when a training goes wrong in one of the ways that are known, and what to try."""

from __future__ import annotations

import json
import logging
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback
from torch import nn

from gan_lightning.analysis import diversity_of, slopes, total_norm, untouched
from gan_lightning.callbacks.looking import numbers, view_of
from gan_lightning.callbacks.trainer_state import has_images, is_trial
from gan_lightning.errors import UserError
from gan_lightning.gan import GAN
from gan_lightning.run_folder import ADVICE
from gan_lightning.runs.step_log import StepLog

DIVERSE = 0.5
"""Before the images are half as diverse as real ones, there is nothing that could collapse: an
untrained generator's noise is often more diverse than the first images that it learns."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Signs:
    """What is seen of a training at one iteration.

    Attributes:
        gradient: Norm of the gradient of the discriminator's loss by its weights.
        slope: Mean |dL / dD(x)| over real and fake images, L the discriminator's loss.
        diversity: That of the fake images over that of the real ones.
        most: The highest diversity until now.
    """

    gradient: float
    slope: float
    diversity: float
    most: float


class Advisor(Callback):
    """Warns, once for each kind, when training goes wrong in a way that is known.

    One line in the terminal and in the run's ``advice.jsonl``. Thresholds are experience with small
    images (docs/gallery.md), not theorems. Training does not notice the looks.

    Args:
        every_n_steps: Generator updates between two looks, the first before any update; each costs
            less than one update. 0 switches the advice off.
        patience: Looks in a row that have to agree before anything is said; for gradients that
            explode, one is enough.
        vanishing: Gradients vanish where their norm is below this, while the loss still depends on
            the discriminator's output (BSSN section 4).
        exploding: Gradients explode where their norm is above this (BSSN section 3).
        saturated: The discriminator is saturated where the mean slope of its loss is below this, of
            1 where every image counts (Arjovsky and Bottou 2017).
        collapsed: The generator collapses where the diversity of its images falls below this part
            of the highest that it had, if they ever had half the diversity of real ones (SNGAN 4.2
            measures it, by MS-SSIM, within each class).
    """

    def __init__(
        self,
        every_n_steps: int = 250,
        patience: int = 2,
        vanishing: float = 0.03,
        exploding: float = 1000.0,
        saturated: float = 0.01,
        collapsed: float = 0.3,
    ) -> None:
        _require(every_n_steps >= 0, "must be >= 0", every_n_steps, "every_n_steps")
        _require(patience >= 1, "must be >= 1", patience, "patience")
        _require(
            0 <= vanishing < exploding, "must be >= 0 and < `exploding`", vanishing, "vanishing"
        )
        _require(0 <= saturated <= 1, "must be from 0 to 1", saturated, "saturated")
        _require(0 <= collapsed <= 1, "must be from 0 to 1", collapsed, "collapsed")
        self.every_n_steps = every_n_steps
        self.patience = patience
        self.vanishing, self.exploding = vanishing, exploding
        self.saturated, self.collapsed = saturated, collapsed
        self.said: list[str] = []
        self._in_a_row: dict[str, int] = {}
        self._most = 0.0
        self._trainer: Trainer | None = None
        self._gan: GAN | None = None

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Is called after each iteration from here on, also of those within one training step."""
        if self.every_n_steps and has_images(trainer) and not is_trial(trainer):
            assert isinstance(pl_module, GAN)
            self._trainer, self._gan = trainer, pl_module
            pl_module.after_each_iteration.append(self._look_if_due)

    def on_train_batch_start(self, trainer: Trainer, *args: Any, **kwargs: Any) -> None:
        """The first look, before any update."""
        if self._trainer is not None and trainer.global_step == 0:
            self._look(trainer, 0)

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Looks no more."""
        assert isinstance(pl_module, GAN)
        if self._look_if_due in pl_module.after_each_iteration:
            pl_module.after_each_iteration.remove(self._look_if_due)
        self._trainer = self._gan = None

    def state_dict(self) -> dict[str, Any]:
        """What a resumed run has to know: what was said, and what was seen before."""
        return {"said": self.said, "in_a_row": self._in_a_row, "most": self._most}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Goes on where the run was stopped."""
        self.said = list(state_dict["said"])
        self._in_a_row = dict(state_dict["in_a_row"])
        self._most = float(state_dict["most"])

    def _look_if_due(self) -> None:
        assert self._trainer is not None
        step = self._trainer.global_step
        if step % self.every_n_steps == 0:
            self._look(self._trainer, step)

    def _look(self, trainer: Trainer, step: int) -> None:
        assert self._gan is not None
        signs = self._signs(self._gan, trainer, step)
        found = {kind: said for kind, said in self.complaints(signs).items() if said}
        self._in_a_row = {kind: self._in_a_row.get(kind, 0) + 1 for kind in found}
        for kind, said in found.items():
            enough = 1 if kind == "exploding" else self.patience
            if self._in_a_row[kind] >= enough and kind not in self.said:
                self.said.append(kind)
                if trainer.is_global_zero:
                    self._say(trainer, step, kind, said, signs)

    def _signs(self, gan: GAN, trainer: Trainer, step: int) -> Signs:
        parts = (gan.generator, gan.discriminator, gan.objective)
        with untouched(*(part for part in parts if isinstance(part, nn.Module))):
            view = view_of(gan, trainer, step)
            real, fake = slopes(view.discriminator, view.objective, *view.shown)
            seen = {
                "slope": (real + fake) / 2,
                "real": diversity_of(view.draw.images),
                "fake": diversity_of(view.fake),
                "gradient": total_norm(list(view.gradient_norms.values())),
            }
        read = numbers(seen, gan.device)
        ratio = read["fake"] / max(read["real"], 1e-9)
        self._most = max(self._most, ratio)
        return Signs(read["gradient"], read["slope"], ratio, self._most)

    def complaints(self, signs: Signs) -> dict[str, str]:
        """What is wrong, in a sentence for each kind; empty where it is not.

        Args:
            signs: What was seen.
        """
        saturated = signs.slope < self.saturated
        return {
            "vanishing": _if(
                signs.gradient < self.vanishing and not saturated,
                f"the discriminator's gradients vanish: their norm is {signs.gradient:.2g}, below "
                f"{self.vanishing:g}. Try norm bssn, or a larger scale of the norm "
                "(gan find-scale), or a wider initialization",
            ),
            "exploding": _if(
                not signs.gradient <= self.exploding,
                f"the discriminator's gradients explode: their norm is {signs.gradient:.2g}, above "
                f"{self.exploding:g}. Try norm sn or bssn, a smaller scale of the norm (gan "
                "find-scale), or a lower learning rate of the discriminator",
            ),
            "saturated": _if(
                saturated,
                "the discriminator is saturated: it tells real from fake so surely that the mean "
                f"slope of its loss is {signs.slope:.2g}, below {self.saturated:g}. Try norm bssn, "
                "a smaller scale of the norm, a lower learning rate of the discriminator, or a "
                "smaller n_dis",
            ),
            "collapse": _if(
                signs.diversity < self.collapsed * signs.most and signs.most > DIVERSE,
                f"the generator collapses: the diversity of its images is {signs.diversity:.2g} of "
                f"that of real ones, after {signs.most:.2g}. Try norm bssn, a lower learning rate "
                "of the generator, a larger n_dis, or a larger batch; start from an earlier "
                "checkpoint",
            ),
        }

    def _say(self, trainer: Trainer, step: int, kind: str, said: str, signs: Signs) -> None:
        """In the terminal and in the run's folder."""
        log.warning("Advice after iteration %d: %s.", step, said)
        facts = {key: value if math.isfinite(value) else None for key, value in vars(signs).items()}
        StepLog(trainer.default_root_dir, ADVICE).add(step, {"kind": kind, "advice": said, **facts})


def advice(run: str | Path) -> list[dict[str, Any]]:
    """What was said of a run.

    Args:
        run: Its folder.
    """
    path = Path(run, ADVICE)
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def _if(condition: bool, said: str) -> str:
    return said if condition else ""


def _require(condition: bool, rule: str, value: float, argument: str) -> None:
    if not condition:
        raise UserError(f"{rule}, got {value}", argument)
