"""The papers' comparisons as they were made here: docs/reproduction.md and the records behind it.

``python -m benchmarks.reproduction record NAME RUNS...`` keeps what a comparison needs of finished
runs under ``docs/evidence/NAME/``, and draws its figures as ``gan report`` does; ``python -m
benchmarks.reproduction`` makes the page from it. All numbers of the page are computed from the
records, in the way of ``gan compare``.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from PIL import Image

from gan_lightning.report.comparison import Comparison
from gan_lightning.report.differences import difference_rows
from gan_lightning.report.evaluations import At, better
from gan_lightning.report.finding import find_runs
from gan_lightning.report.report import report
from gan_lightning.report.runs import Run
from gan_lightning.report.score_tables import as_text
from gan_lightning.report.statistics import Summary, written
from gan_lightning.run_folder import CONFIG, HISTORY, METRICS, SCORES

ROOT = Path(__file__).parents[1]
RECORDS = ROOT / "docs" / "evidence"
PAGE = ROOT / "docs" / "reproduction.md"
FIGURES = {
    "scores": "Scores over training, means over the seeds with bands of one standard error",
    "gradients": "Gradient norms of the discriminator's weights over training",
}
"""Figures of ``gan report`` that the page shows, and what is said to whom does not see them."""

KEPT = (CONFIG, HISTORY, METRICS, SCORES)
"""What is recorded of a run: its options, its course, its scores; not its weights and images."""

ENOUGH = 5
"""Common seeds below which nothing is decided: three agree by chance one time in four."""


class Claim(NamedTuple):
    """That one value of the compared option scores better than another, as a paper says."""

    source: str
    better: str
    worse: str
    score: str

    def __str__(self) -> str:
        """In words."""
        return f"{self.better} scores better than {self.worse} ({self.score}; {self.source})"


class Study(NamedTuple):
    """A comparison and what is claimed of it.

    Attributes:
        name: Folder of its records.
        title: What it compares.
        command: Makes its runs.
        differs: How it differs from what the papers did.
        against: The group that the others are compared with, if there is one.
        claims: What the papers say of it.
        figures: Which of `FIGURES` are drawn.
    """

    name: str
    title: str
    command: str
    differs: str
    against: str | None = None
    claims: tuple[Claim, ...] = ()
    figures: tuple[str, ...] = ()

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


def _claims(score: str, bssn: str = "bssn") -> tuple[Claim, ...]:
    """What the papers say of the five norms; bssn may stand under another name."""
    claims = (
        Claim("SNGAN Table 2, BSSN section 4", "sn", "none", score),
        Claim("BSSN Table 1, CIFAR10", "ssn", "sn", score),
        Claim("BSSN Table 1, CIFAR10", "bsn", "sn", score),
        Claim("BSSN Table 1, CIFAR10", bssn, "sn", score),
        Claim("BSSN Table 1, CIFAR10", bssn, "ssn", score),
    )
    return tuple(dict.fromkeys(claims))


_CIFAR10 = (
    "-- --data.root cifar/train --evaluation.extractor.weights cifar10jpeg.safetensors "
    "--diagnostics.of '[gradient_norm, variance]'"
)

STUDIES = (
    Study(
        "digits",
        "Handwritten digits, five seeds",
        "gan sweep sweeps/digits.yaml",
        "8x8 digits enlarged to 16x16, small networks, 1,500 updates, one scale for ssn and bssn: "
        "the demo's settings. The scores are those of the digits extractor. Seeds 0 to 2 ran on "
        "two threads, 3 and 4 on one. That changes rounding alone; without a norm it is enough to "
        "change the course: none with seed 0 ends at a digits_fid of 89.3 on two threads, and at "
        "31.9 on one (in the next section).",
        "sn",
        _claims("digits_fid"),
        tuple(FIGURES),
    ),
    Study(
        "digits_methods",
        "Every norm and penalty on handwritten digits, one seed",
        "gan sweep sweeps/digits_methods.yaml --max_trials 16",
        "The demo's settings, learning rates included, which are those of BSSN; 1,500 updates. One "
        "seed, nothing tuned for any method: this shows that all of them run, and what each makes "
        "of one setting, not which is best. The hinge loss with the gradient penalty is lost: its "
        "discriminator's loss stays at 11.7, of which 10 is the penalty where the gradient is 0, "
        "and the generator makes one image.",
    ),
    Study(
        "digits_few_images",
        "DiffAugment on 200 handwritten digits, three seeds",
        "gan sweep sweeps/digits_few_images.yaml",
        "The demo's BSSN settings, trained on 200 digits and scored against all 1,797; 1,500 "
        "updates, which is short.",
    ),
    Study(
        "cifar10_pilot",
        "CIFAR10 as JPEG: the pilot that chose scales",
        f"gan sweep sweeps/cifar10_pilot.yaml {_CIFAR10}",
        "One seed, which is none of the next section's, and 1,500 updates, at seven scales of "
        "BSSN's list for CIFAR10. By the rule that stood before it ran, the best scale of each is "
        "what the next section uses: 1.4 for ssn, and 1 for bssn, where bssn is bsn.",
    ),
    Study(
        "cifar10",
        "CIFAR10 as JPEG, the papers' CNNs at a quarter of their width",
        f"gan sweep sweeps/cifar10_evidence.yaml {_CIFAR10}",
        "The images were compressed as JPEG before; width 16 in place of 64, batches of 32 in "
        "place of 64, 5,000 updates in place of 400,000. ssn has the scale that the pilot chose, "
        "1.4; for bssn it chose 1, so bsn stands for both. The extractor is a classifier trained "
        "on the labels (79.3 % on the 10,000 test images), so the FID is on a scale of its own. "
        "One thread a run. Not there yet: two seeds of ssn, and none.",
        "sn",
        _claims("cifar10jpeg_fid", bssn="bsn"),
        tuple(FIGURES),
    ),
)

HEAD = """\
# Reproduction

What the papers claim, beside what this project has measured so far. Every run below is recorded
under [docs/evidence](evidence) with its options, its course and its scores (what a run's folder
holds, less weights and images), and this page is computed from those records by
`python -m benchmarks.reproduction`. `gan compare docs/evidence/NAME` prints the same tables.

No run here is at the papers' size: nothing below reproduces a number of theirs, and their protocol
(Inception, 5,000 real and 10,000 generated images) was not run. The commands that would are in
[sweeps](../sweeps); on a GPU, `benchmarks/gpu.sh` makes a first part of them.
"""


def page() -> str:
    """The text of docs/reproduction.md."""
    parts = [HEAD]
    for study in STUDIES:
        parts += [f"## {study.title}", f"```\n{study.command}\n```", study.differs]
        parts.append(_results(study) if any(study.records.glob("*")) else "No run is recorded yet.")
    return "\n\n".join(part.strip() for part in parts) + "\n"


def _results(study: Study) -> str:
    values = {value for claim in study.claims for value in (claim.better, claim.worse)}
    several = study.against is not None and study.has(study.against)
    several = several and sum(map(study.has, values)) > 1
    comparison = study.comparison(study.against if several else None)
    parts = [as_text(comparison, ".md").strip()]
    if study.claims:
        verdicts = [f"| {claim} | {verdict(study, claim)} |" for claim in study.claims]
        head = ["| claim of the papers | difference here, and what it says |", "|---|---|"]
        parts.append("\n".join(head + verdicts))
    drawn = [name for name in study.figures if study.figure(name).exists()]
    parts += [f"![{FIGURES[name]}](evidence/figures/{study.figure(name).name})" for name in drawn]
    return "\n\n".join(parts)


def verdict(study: Study, claim: Claim) -> str:
    """Whether the recorded runs support a claim, contradict it, or decide nothing."""
    if not (study.has(claim.better) and study.has(claim.worse)):
        return "not measured"
    comparison = study.comparison(claim.worse)
    by, against, collection = comparison.by, comparison.against, comparison.collection
    for section in comparison.sections[:1]:
        for row in difference_rows(section, by, against, [claim.score], collection):
            if claim.better in row.group.key and claim.score in row.found:
                difference = row.found[claim.score]
                return f"{written(difference, True)}: {_says(difference, better(claim.score))}"
    return "not measured"


def _says(difference: Summary, direction: int) -> str:
    """What an interval of the difference decides.

    >>> _says(Summary(5, -1.0, 0.2, -1.5, -0.5), -1)
    'supported at this size'
    >>> _says(Summary(5, -1.0, 0.9, -2.5, 0.5), -1)
    'not decided: the interval holds 0'
    >>> _says(Summary(3, -1.0, 0.2, -1.5, -0.5), -1)
    'not decided: it speaks for the claim, with 3 of 5 seeds that decide'
    >>> _says(Summary(2, -1.0, 0.2), -1)
    'not decided: 2 of 5 seeds that decide'
    """
    n, low, high = difference.n, difference.low, difference.high
    if low is None or high is None:
        return f"not decided: {n} of {ENOUGH} seeds that decide"
    if low <= 0 <= high:
        return "not decided: the interval holds 0"
    holds = difference.mean * direction > 0
    if n < ENOUGH:
        side = "for" if holds else "against"
        return f"not decided: it speaks {side} the claim, with {n} of {ENOUGH} seeds that decide"
    return ("supported" if holds else "contradicted") + " at this size"


def record(name: str, runs: Sequence[str], root: Path) -> list[Path]:
    """Keeps the records of runs that have come to their end.

    Args:
        name: Of the study.
        runs: As ``gan compare`` takes them.
        root: Folder of all records.
    """
    kept = []
    for run in find_runs(runs):
        if run.ending.state == "finished":
            kept.append(_keep(run, root / name / run.path.name))
    return kept


def _keep(run: Run, target: Path) -> Path:
    """Copies the records; paths below the working directory are kept relative to it."""
    target.mkdir(parents=True, exist_ok=True)
    here = f"{Path.cwd()}/"
    for file in KEPT:
        if (run.path / file).exists():
            (target / file).write_text((run.path / file).read_text().replace(here, ""))
    return target


def draw(study: Study) -> None:
    """Draws a study's figures, in 64 colours to keep the repository small."""
    with TemporaryDirectory() as folder:
        report([str(study.records)], out=folder, figure=",".join(study.figures))
        for name in study.figures:
            drawn = Path(folder) / f"{name}.png"
            if drawn.exists():
                study.figure(name).parent.mkdir(exist_ok=True)
                Image.open(drawn).convert("RGB").quantize(64).save(study.figure(name))


def main() -> None:
    """Makes the page, after recording what is named."""
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="command")
    recorder = commands.add_parser("record")
    recorder.add_argument("name", choices=[study.name for study in STUDIES])
    recorder.add_argument("runs", nargs="+")
    options = parser.parse_args()
    if options.command == "record":
        for target in record(options.name, options.runs, RECORDS):
            print(target.relative_to(ROOT))
        (study,) = (study for study in STUDIES if study.name == options.name)
        if study.figures:
            draw(study)
    PAGE.write_text(page())


if __name__ == "__main__":
    main()
