"""Which comparisons were made here, and what the papers claim of them."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import NamedTuple

from gan_lightning.report.comparison import Comparison
from gan_lightning.report.evaluations import At
from gan_lightning.report.finding import find_runs
from gan_lightning.report.published import all_published
from gan_lightning.run_folder import METRICS
from gan_lightning.studies.sweep_file import read_sweep

ROOT = Path(__file__).parents[1]
RECORDS = ROOT / "docs" / "evidence"
FIGURES = {
    "scores": "Scores over training, means over the seeds with bands of one standard error",
    "gradients": "Gradient norms of the discriminator's weights over training",
}
"""Figures of ``gan report`` that the page shows, and what is said to whom does not see them."""

ABSENT = "-"
"""In place of a number that no record holds."""


class Claim(NamedTuple):
    """That one value of the compared option scores better than another, as a paper says.

    Attributes:
        paper: Which paper.
        place: Where in it: a table, whose CIFAR10 numbers it rests on, or a section.
        better: The better value.
        worse: The other.
        score: That it is judged by here.
    """

    paper: str
    place: str
    better: str
    worse: str
    score: str

    def __str__(self) -> str:
        """In words."""
        source = f"{self.paper} {self.place}"
        return f"{self.better} scores better than {self.worse} ({self.score}; {source})"

    @property
    def numbers(self) -> str:
        """The numbers that it rests on in the paper."""
        pairs = [(self._of(self.better, score), self._of(self.worse, score)) for score in SCORES]
        told = [f"{SCORES[s]} {b}, {w}" for s, (b, w) in zip(SCORES, pairs, strict=True) if b]
        return "; ".join(told) or ABSENT

    def _of(self, norm: str, score: str) -> str:
        table = self.place.removeprefix("Table ")
        key = (self.paper, table, "cifar10", norm, score)
        found = [n for n in all_published() if (*n[:4], n.score) == key]
        return str(found[0]) if found else ""


SCORES = {"fid": "FID", "is_mean": "IS"}


class Study(NamedTuple):
    """A comparison and what is claimed of it.

    Attributes:
        name: Folder of its records, and of a file in ``sweeps/`` unless ``sweep`` names another.
        title: What it compares.
        differs: How it differs from what the papers did; ``{name}`` stands for one of `facts`.
        options: What is typed behind the sweep's file.
        sweep: The sweep's file.
        trials: How many of its runs, the first ones, are made; all by default.
        against: The group that the others are compared with, if there is one.
        claims: What the papers say of it.
        figures: Which of `FIGURES` are drawn.
    """

    name: str
    title: str
    differs: str
    options: str = ""
    sweep: str | None = None
    trials: int | None = None
    against: str | None = None
    claims: tuple[Claim, ...] = ()
    figures: tuple[str, ...] = ()

    @property
    def command(self) -> str:
        """Makes its runs."""
        trials = f"--max_trials {self.trials}" if self.trials else ""
        words = ["gan sweep", f"sweeps/{self.sweep or self.name}.yaml", trials, self.options]
        return " ".join(filter(None, words))

    @property
    def progress(self) -> str:
        """How many of its runs are recorded."""
        size = self.trials or read_sweep(ROOT / "sweeps" / f"{self.sweep or self.name}.yaml").size
        recorded = self.recorded or "None"
        return f"{recorded} of its {size} runs {'is' if self.recorded == 1 else 'are'} recorded."

    @property
    def recorded(self) -> int:
        """The number of its records."""
        return len(list(self.records.glob("*")))

    @property
    def records(self) -> Path:
        """Where its records are."""
        return RECORDS / self.name

    def figure(self, name: str) -> Path:
        """Where a figure of it is."""
        return RECORDS / "figures" / f"{self.name}-{name}.png"

    def comparison(self, against: str | None) -> Comparison:
        """Its runs, grouped by what differs between them."""
        return Comparison.of(find_runs([str(self.records)]), None, At.parse("end"), against)

    def has(self, value: str) -> bool:
        """Whether one of the groups that it compares is of a value, such as a norm."""
        sections = self.comparison(None).sections
        return any(value in group.key for section in sections for group in section.groups)


def facts() -> dict[str, str]:
    """The numbers that sentences of the page hold, read from the records."""
    methods = RECORDS / "digits_methods"
    lost = methods / "seed=0,model=norm-none-penalties-gradient_penalty"
    return {
        "two_threads": _last(RECORDS / "digits" / "seed=0,norm=none", "digits_fid", ".1f"),
        "one_thread": _last(methods / "seed=0,model=norm-none", "digits_fid", ".1f"),
        "lost": _last(lost, "discriminator_loss", ".1f"),
        "ssn": chosen("ssn"),
        "bssn": chosen("bssn"),
    }


def chosen(norm: str) -> str:
    """The scale that the pilot chooses for a norm: that of the lowest FID."""
    folders = RECORDS.glob(f"cifar10_pilot/norm={norm},scale=*")
    fids = {folder: _last(folder, "cifar10jpeg_fid", "") for folder in folders}
    return min(fids, key=lambda f: float(fids[f])).name.partition("scale=")[2] if fids else ABSENT


def _last(folder: Path, column: str, form: str) -> str:
    """The last entry of a column that a run logged."""
    if not (folder / METRICS).exists():
        return ABSENT
    with (folder / METRICS).open(newline="") as file:
        return format(float([row[column] for row in csv.DictReader(file) if row[column]][-1]), form)


def _claims(score: str, bssn: str = "bssn") -> tuple[Claim, ...]:
    """What the papers say of the five norms; bssn may stand under another name."""
    claims = (
        Claim("SNGAN", "section 4.2, ImageNet", "sn", "none", score),
        Claim("BSSN", "Table 1", "ssn", "sn", score),
        Claim("BSSN", "Table 1", "bsn", "sn", score),
        Claim("BSSN", "Table 1", bssn, "sn", score),
        Claim("BSSN", "Table 1", bssn, "ssn", score),
    )
    return tuple(dict.fromkeys(claims))


_CIFAR10 = "-- --data.root cifar/train --evaluation.extractor.weights cifar10jpeg.safetensors"

STUDIES = (
    Study(
        "digits",
        "Handwritten digits, five seeds",
        "8x8 digits enlarged to 16x16, small networks, 1,500 updates, one scale for ssn and bssn: "
        "the demo's settings. The scores are those of the digits extractor. Seeds 0 to 2 ran on "
        "two threads, 3 and 4 on one. That changes rounding alone; without a norm it is enough to "
        "change the course: none with seed 0 ends at a digits_fid of {two_threads} on two threads, "
        "and at {one_thread} on one (in the next section).",
        against="sn",
        claims=_claims("digits_fid"),
        figures=tuple(FIGURES),
    ),
    Study(
        "digits_methods",
        "Every norm and penalty on handwritten digits, one seed",
        "The demo's settings with its learning rate, 7e-4; 1,500 updates. One seed, nothing tuned "
        "for any method: this shows that all of them run, and what each makes of one setting, not "
        "which is best. The hinge loss with the gradient penalty is lost: its discriminator's loss "
        "ends at {lost}, of which 10 is the penalty where the gradient is 0, and the generator "
        "makes one image.",
        trials=16,
    ),
    Study(
        "digits_few_images",
        "DiffAugment on 200 handwritten digits, three seeds",
        "The demo's BSSN settings, trained on 200 digits and scored against all 1,797; 1,500 "
        "updates, which is short.",
    ),
    Study(
        "mnist",
        "MNIST with the papers' networks, three seeds",
        "The networks, batches of 64 and Adam at 1e-3 of BSSN's App. J, with the hinge loss in "
        "place of the Wasserstein loss and 500 updates in place of 93,750; ssn and bssn at one "
        "scale that nothing was tuned for. The extractor is a classifier trained on the labels "
        "(98.8 % on the 10,000 test images), so the FID is on a scale of its own. One thread a "
        "run.",
        "-- --data.root mnist",
        sweep="mnist_evidence",
        against="sn",
        claims=_claims("mnist_fid"),
        figures=tuple(FIGURES),
    ),
    Study(
        "cifar10_pilot",
        "CIFAR10 as JPEG: the pilot that chose scales",
        "One seed, which is none of the next section's, and 1,500 updates, at seven scales of "
        "BSSN's list for CIFAR10. By the rule that stood before it ran, the best scale of each is "
        "what the next section uses: {ssn} for ssn, and {bssn} for bssn; at 1, bssn is bsn.",
        _CIFAR10,
    ),
    Study(
        "cifar10",
        "CIFAR10 as JPEG, the papers' CNNs at a quarter of their width",
        "The images were compressed as JPEG before; width 16 in place of 64, batches of 32 in "
        "place of 64, 5,000 updates in place of 400,000. ssn has the scale that the pilot chose; "
        "for bssn it chose {bssn}, so bsn stands for both. The extractor is a classifier trained "
        "on the labels (79.3 % on the 10,000 test images), so the FID is on a scale of its own. "
        "One thread a run.",
        f"{_CIFAR10} --diagnostics.of '[gradient_norm, variance]'",
        sweep="cifar10_evidence",
        against="sn",
        claims=_claims("cifar10jpeg_fid", bssn="bsn"),
        figures=tuple(FIGURES),
    ),
)
