"""``python -m tests.reliability --out docs/reliability.md``: all trials, and their page."""

from __future__ import annotations

import argparse
import multiprocessing
import os
import platform
import tempfile
import time
from collections import Counter
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from itertools import islice
from pathlib import Path

import torch

from tests.reliability.runs import SETTINGS
from tests.reliability.trials import KINDS, Outcome, outcome, plan


def main() -> None:
    """Makes the trials and writes the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--share", type=float, default=1.0, help="part of the trials to make")
    parser.add_argument("--minutes", type=float, default=1e9, help="when to begin no more of them")
    parser.add_argument("--jobs", type=int, default=2, help="trials at once")
    options = parser.parse_args()
    os.environ["JSONARGPARSE_DEPRECATION_WARNINGS"] = "off"
    began = time.monotonic()
    made: list[Outcome] = []
    # Not a Pool, whose processes may have no children, as loaders with workers do.
    context = multiprocessing.get_context("fork")
    with (
        tempfile.TemporaryDirectory() as folder,
        ProcessPoolExecutor(options.jobs, mp_context=context) as pool,
    ):
        todo = iter(plan(options.share))
        running = {
            pool.submit(outcome, Path(folder), *trial) for trial in islice(todo, options.jobs)
        }
        while running:
            done, running = wait(running, return_when=FIRST_COMPLETED)
            made += [future.result() for future in done]
            minutes = (time.monotonic() - began) / 60
            options.out.write_text(page(made, minutes))
            print(len(made), made[-1], flush=True)
            more = len(done) if minutes < options.minutes else 0
            running |= {pool.submit(outcome, Path(folder), *trial) for trial in islice(todo, more)}


def page(made: list[Outcome], minutes: float) -> str:
    """The trials in tables."""
    failed = [outcome for outcome in made if outcome.faults]
    lines = [
        "# Reliability",
        "",
        "Small runs were harmed at random moments and then resumed with the same command line",
        "(`gan fit --config C --run R --ckpt_path last`) to their end. A trial is passed when the",
        "weights, optimizer states, moving average, kept and best checkpoints, `metrics.csv` and",
        "`scores.jsonl` are equal, to the last bit, to those of a run that nobody disturbed, and",
        "every message was one sentence. Made by `python -m tests.reliability --out"
        " docs/reliability.md`",
        f"in {minutes:.0f} minutes on {os.cpu_count()} busy cores, torch {torch.__version__}, "
        f"Python {platform.python_version()}. Start-up counts from the",
        "first statement of `gan` on: trials are forked from a process that has imported torch.",
        "",
        f"**{len(made)} trials, {len(failed)} failed.**",
        "",
        "| what was done | trials | times it struck | failed |",
        "|---|---:|---:|---:|",
    ]
    for kind, (harm, _) in KINDS.items():
        of_kind = [outcome for outcome in made if outcome.kind == kind]
        struck = sum(outcome.harms for outcome in of_kind)
        bad = sum(bool(outcome.faults) for outcome in of_kind)
        words = (harm.__doc__ or "").strip().splitlines()[0]
        lines.append(f"| {words} | {len(of_kind)} | {struck} | {bad} |")
    trials, bad_in = (Counter(o.setting for o in some) for some in (made, failed))
    lines += ["", "| setting | trials | failed |", "|---|---:|---:|"]
    lines += [f"| {name} | {trials[name]} | {bad_in[name]} |" for name in SETTINGS]
    if failed:
        lines += ["", "What failed:", ""]
        lines += [f"- {o.kind}, {o.setting}: {'; '.join(o.faults)[:300]!r}" for o in failed]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
