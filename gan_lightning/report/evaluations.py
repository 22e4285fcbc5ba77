"""What a run's evaluations found, by which measure, and which of them stands for the run."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from gan_lightning.errors import UserError

Measure = tuple[tuple[str, str], ...]
"""All that makes two scores comparable: protocol, extractor, real images, counts, settings."""

NOT_MEASURE = {
    *("step", "seed", "images_fingerprint", "generator_fingerprint"),  # of the run itself
    *("gan_lightning", "torch", "device"),  # move scores in their last digits only
}
"""Facts of an evaluation that do not keep it from being compared with others."""


class ScoredStep(NamedTuple):
    """Scores after an iteration, and what they were measured with."""

    step: int
    scores: dict[str, float]
    measure: Measure

    @property
    def finite(self) -> bool:
        """Whether all scores are numbers that a mean can be taken of."""
        return all(math.isfinite(value) for value in self.scores.values())


_STEP = re.compile(rb'\{"step": (\d+),')  # how the lines of a run begin


def of_file(path: Path, only: int | None = None) -> Iterator[ScoredStep | None]:
    """The evaluations of a ``scores.jsonl`` one at a time; ``None`` for a line that is none.

    Args:
        path: The file; one that does not exist has no evaluations.
        only: The one iteration that is asked for; lines of others are hardly looked at.
    """
    try:
        with path.open("rb") as file:
            for line in file:
                begin = _STEP.match(line)
                if line.strip() and (only is None or not begin or int(begin[1]) == only):
                    yield _of_line(line)
    except FileNotFoundError:
        return
    except OSError:
        yield None


def of_facts(facts: Mapping[str, object]) -> ScoredStep | None:
    """One evaluation: scores come before their protocol, are no integers, and have a name.

    >>> of_facts({"step": 5, "fid": 2.5, "fid_real": 100, "protocol": "paper", "seed": 0})
    Evaluation(step=5, scores={'fid': 2.5}, measure=(('fid_real', '100'), ('protocol', 'paper')))
    """
    step = facts.get("step")
    if not isinstance(step, int) or isinstance(step, bool):
        return None
    scores: dict[str, float] = {}
    measure: dict[str, str] = {}
    for name, value in facts.items():
        if name in NOT_MEASURE:
            continue
        if isinstance(value, float) and "protocol" not in measure:
            scores[name] = value
        else:
            measure[name] = str(value)
    return ScoredStep(step, scores, tuple(sorted(measure.items()))) if scores else None


def _of_line(line: bytes) -> ScoredStep | None:
    try:
        facts = json.loads(line)
    except ValueError:  # torn, or not UTF-8
        return None
    return of_facts(facts) if isinstance(facts, dict) else None


class At(NamedTuple):
    """Which evaluation stands for a run.

    Attributes:
        kind: "end", that of a run's last iteration, which only a finished run has; "last", the
            newest there is; "best", that of a finished run's lowest FID; "step".
        step: The iteration of "step".
    """

    kind: str
    step: int = 0

    @classmethod
    def parse(cls, text: str) -> At:
        """Reads ``--at``.

        Raises:
            UserError: It is none of those.
        """
        if text in ("end", "last", "best"):
            return cls(text)
        if text.isdigit():
            return cls("step", int(text))
        raise UserError(
            f"{text} is not allowed: give end (the evaluation after a run's last iteration), last "
            "(the newest there is), best (that of the lowest FID) or an iteration",
            "at",
        )

    def iteration(self, end: int) -> int | None:
        """The one iteration that is asked for of a run that ends after ``end``, if it is one."""
        return {"end": end, "step": self.step}.get(self.kind)

    def __str__(self) -> str:
        """As a reader of a table wants to know it."""
        return {
            "end": "after the last iteration",
            "last": "at the newest evaluation",
            "best": "at the evaluation of the lowest FID",
            "step": f"after iteration {self.step}",
        }[self.kind]


def choose(evaluations: Iterable[ScoredStep | None], at: At, end: int) -> dict[Measure, ScoredStep]:
    """The evaluation that stands for a run, for each measure that it was taken by.

    One evaluation of a measure is kept at any time, however many there are.

    Args:
        evaluations: Those of the run, in their order.
        at: Which.
        end: The run's last iteration.
    """
    wanted = at.iteration(end)
    kept: dict[Measure, ScoredStep] = {}
    for found in joined_lines(evaluations):
        if wanted is not None and found.step != wanted:
            continue
        before = kept.get(found.measure, found)
        if before.step == found.step:
            kept[found.measure] = found._replace(scores=before.scores | found.scores)
        elif fid_of(found) < fid_of(before) if at.kind == "best" else found.step > before.step:
            kept[found.measure] = found
    return kept


def joined_lines(evaluations: Iterable[ScoredStep | None]) -> Iterator[ScoredStep]:
    """Makes one evaluation of the lines of a generator and of its moving average."""
    last: ScoredStep | None = None
    for found in evaluations:
        if found is None:
            continue
        if last is not None and (last.step, last.measure) == (found.step, found.measure):
            last = last._replace(scores=last.scores | found.scores)
            continue
        if last is not None:
            yield last
        last = found
    if last is not None:
        yield last


def fid_of(evaluation: ScoredStep) -> float:
    """The FID by which a run chooses its best checkpoint: of the moving average if there is one."""
    names = [name for name in evaluation.scores if name.endswith("fid")]
    names.sort(key=lambda name: (not name.startswith("ema_"), len(name)))
    value = evaluation.scores[names[0]] if names else math.inf
    return value if math.isfinite(value) else math.inf


LOWER = ("fid", "kid", "memorized")
HIGHER = ("is_mean", "precision", "recall", "density", "coverage", "authenticity")
NEITHER = ("ms_ssim",)
SPREADS = ("is_std", "kid_std")
"""Spreads within one evaluation, which say nothing of other seeds."""


def better(score: str) -> int:
    """1 where a larger score is better, -1 where a smaller one is, 0 where neither.

    >>> better("digits_fid"), better("ema_digits_is_mean"), better("ms_ssim")
    (-1, 1, 0)
    """
    if _is(score, SPREADS):
        return 0
    return -1 if _is(score, LOWER) else int(_is(score, HIGHER))


def is_spread(score: str) -> bool:
    """Whether a score is only the spread of another within one evaluation."""
    return _is(score, SPREADS)


def is_score(name: str) -> bool:
    """Whether a logged column is a score."""
    return _is(name, (*LOWER, *HIGHER, *NEITHER, *SPREADS))


def _is(score: str, names: tuple[str, ...]) -> bool:
    return any(score == name or score.endswith(f"_{name}") for name in names)
