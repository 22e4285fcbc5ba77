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

from PIL import Image

from benchmarks.evidence import FIGURES, RECORDS, ROOT, STUDIES, Claim, Study, facts
from benchmarks.papers_tables import papers_tables
from gan_lightning.report.differences import difference_rows
from gan_lightning.report.evaluations import better
from gan_lightning.report.finding import find_runs
from gan_lightning.report.report import report
from gan_lightning.report.runs import Run
from gan_lightning.report.score_tables import as_text
from gan_lightning.report.statistics import Summary, written
from gan_lightning.run_folder import CONFIG, HISTORY, METRICS, SCORES

PAGE = ROOT / "docs" / "reproduction.md"

KEPT = (CONFIG, HISTORY, METRICS, SCORES)
"""What is recorded of a run: its options, its course, its scores; not its weights and images."""

ENOUGH = 5
"""Common seeds below which nothing is decided: three agree by chance one time in four."""

HEAD = """\
# Reproduction

What the papers claim, beside what this project has measured so far. Every run below is recorded
under [docs/evidence](evidence) with its options, its course and its scores (what a run's folder
holds, less weights and images), and this page is computed from those records by
`python -m benchmarks.reproduction`. `gan compare docs/evidence/NAME` prints the same tables.

No run here is at the papers' size: nothing below reproduces a number of theirs, and their protocol
(Inception, 5,000 real and 10,000 generated images) was not run. The commands that would are in
[sweeps](../sweeps); on a GPU, `benchmarks/gpu.sh` makes a first part of them.

The runs were made before the gradient of a spectral norm was computed in fewer passes, which rounds
otherwise. The same commands give other numbers now, as they do with another number of threads.
"""


def page() -> str:
    """The text of docs/reproduction.md."""
    parts, known = [HEAD], facts()
    for study in STUDIES:
        words = f"{study.differs.format(**known)} {study.progress}"
        parts += [f"## {study.title}", f"```\n{study.command}\n```", words]
        parts += [_results(study)] if study.recorded else []
    parts.append(papers_tables(study.comparison(None) for study in STUDIES if study.recorded))
    return "\n\n".join(part.strip() for part in parts) + "\n"


def _results(study: Study) -> str:
    values = {value for claim in study.claims for value in (claim.better, claim.worse)}
    several = study.against is not None and study.has(study.against)
    several = several and sum(map(study.has, values)) > 1
    comparison = study.comparison(study.against if several else None)
    parts = [as_text(comparison, ".md").strip()]
    if study.claims:
        verdicts = [
            f"| {claim} | {claim.numbers} | {verdict(study, claim)} |" for claim in study.claims
        ]
        head = [
            "| claim of the papers | there, on CIFAR10 | difference here, and what it says |",
            "|---|---|---|",
        ]
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
    """Draws a study's figures, in 256 colours to keep the repository small."""
    with TemporaryDirectory() as folder:
        report([str(study.records)], out=folder, figure=",".join(study.figures))
        for name in study.figures:
            drawn = Path(folder) / f"{name}.png"
            if drawn.exists():
                study.figure(name).parent.mkdir(exist_ok=True)
                Image.open(drawn).convert("RGB").quantize(256).save(study.figure(name))


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
