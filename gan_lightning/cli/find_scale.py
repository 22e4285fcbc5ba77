"""``gan find-scale``: the gradient norm of the discriminator against the scale of its norm."""

from __future__ import annotations

import argparse
import contextlib
import csv
import io
import logging
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NoReturn

from gan_lightning.analysis.scales import Probe, interval, judge
from gan_lightning.cli.arguments import holds_run, option
from gan_lightning.cli.front import sentence
from gan_lightning.cli.training import run
from gan_lightning.errors import TrainingDiverged, UserError
from gan_lightning.files import told, whole, writable
from gan_lightning.normalization import ssn
from gan_lightning.run_folder import METRICS

NAME = "find-scale"
COLUMN = "gradient_norm/total"
TABLE, PLOT = "scales.csv", "scales.png"

ABOUT = """\
usage: gan find-scale --config FILE [--scales S [S ...]] [--steps N] [--out DIR]
                      [--OPTION VALUE ...]

{sentence}.

Trains a short probe at each scale of the discriminator's norm, as learning-rate finders do for the
rate, and looks at the norm of the gradient of the discriminator's loss. Writes a table
({table}), a plot ({plot}) and the probes, each a run of its own, to --out; prints the
widest interval of scales in which gradients neither vanish nor explode.

What it says is where training is not lost at the start, not where the images are best: see
docs/gallery.md for how the interval compares with a study of scores.

  --scales S [S ...]   scales to try (default: {scales})
  --steps N            generator updates of a probe (default: {steps})
  --every N            updates between two looks (default: {every})
  --vanishing X        a median norm in the second half of a probe below this vanishes
                       (default: {vanishing})
  --exploding X        a median above this explodes (default: {exploding})
  --out DIR            folder of the table, the plot and the probes (default: {out})
  --OPTION VALUE       any option of gan fit, for all probes; the norm must have a scale (ssn, bssn,
                       sn_conv)"""

DEFAULTS: dict[str, Any] = {
    "scales": [0.25, 0.35, 0.5, 0.7, 1.0, 1.4, 2.0, 2.8, 4.0],
    "steps": 100,
    "every": 5,
    "vanishing": 0.1,
    "exploding": 100.0,
    "out": "runs/find-scale",
}


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one sentence."""

    def error(self, message: str) -> NoReturn:
        raise UserError(f"{message}; every option: gan {NAME} --help")


def find_scale(arguments: Sequence[str]) -> tuple[float, float] | None:
    """Runs ``gan find-scale ARGUMENTS``.

    Args:
        arguments: The options of this command, and those of ``gan fit`` for the probes.

    Returns:
        The interval in which gradients neither vanish nor explode; None if there is none.

    Raises:
        UserError: An option makes no sense, or a probe could not be made.
    """
    if {"-h", "--help"} & set(arguments):
        shown = DEFAULTS | {"scales": " ".join(f"{s:g}" for s in DEFAULTS["scales"])}
        print(ABOUT.format(sentence=sentence(NAME), table=TABLE, plot=PLOT, **shown))
        raise SystemExit(0)
    asked, others = _parsed(arguments)
    out = Path(asked.out)
    probes = []
    for scale in sorted(set(asked.scales)):
        norms, finished = _probe(scale, asked, others)
        probes.append(judge(scale, norms, asked.vanishing, asked.exploding, finished))
        print(_line(probes[-1]), flush=True)
    found = interval(probes)
    _write_table(out / TABLE, probes)
    _plot(out / PLOT, probes, found, asked.vanishing, asked.exploding)
    if found is None:
        print("In no probe did the gradients neither vanish nor explode; try other --scales.")
    else:
        print(f"Gradients neither vanish nor explode from scale {found[0]:g} to {found[1]:g}.")
    print(f"Table and plot: {out / TABLE}, {out / PLOT}")
    return found


def _parsed(arguments: Sequence[str]) -> tuple[argparse.Namespace, list[str]]:
    parser = _Parser(prog=f"gan {NAME}", add_help=False, allow_abbrev=False)
    parser.add_argument("--scales", type=float, nargs="+", default=DEFAULTS["scales"])
    for name in ("steps", "every"):
        parser.add_argument(f"--{name}", type=int, default=DEFAULTS[name])
    for name in ("vanishing", "exploding"):
        parser.add_argument(f"--{name}", type=float, default=DEFAULTS[name])
    parser.add_argument("--out", default=DEFAULTS["out"])
    asked, others = parser.parse_known_args(list(arguments))
    if asked.every < 1 or asked.steps < 2 * asked.every:
        raise UserError(
            f"--steps {asked.steps} with --every {asked.every}: a probe needs two looks at least "
            "after the first; give at least twice as many steps as --every"
        )
    for scale in asked.scales:  # all of them, before the first is probed
        try:
            ssn(scale)
        except UserError as error:
            raise UserError(f"--scales {error.args[0]}") from error
    if not 0 < asked.vanishing < asked.exploding:
        raise UserError(
            f"--vanishing {asked.vanishing:g} must be > 0 and below --exploding {asked.exploding:g}"
        )
    if not writable(Path(asked.out, TABLE)):
        raise UserError(f"--out {asked.out} cannot be written: choose a folder that can")
    for name in (*_own(asked, 1.0), "--ckpt_path", "--model.norm.init_args.scale"):
        if option(others, name) is not None:
            raise UserError(f"{name} is not an option of gan {NAME}, which sets it for each probe")
    return asked, others


def _probe(
    scale: float, asked: argparse.Namespace, others: Sequence[str]
) -> tuple[list[float], bool]:
    """The gradient norms of a short run, and whether it came to its end."""
    own = _own(asked, scale)
    folder = Path(own["--run"])
    if holds_run(folder):
        raise UserError(f"--out {asked.out} holds probes already; choose another folder")
    finished = True
    with _quiet():
        try:
            run(["fit", *others, *(word for pair in own.items() for word in pair)])
        except TrainingDiverged:
            finished = False
        except UserError as error:
            if "--model.norm.scale is not an option" not in str(error):
                raise
            raise UserError(
                f"gan {NAME} varies the scale of the discriminator's norm, but this norm has none; "
                "choose one that has, such as --model.norm bssn or --model.norm ssn"
            ) from error
    return _norms(folder / METRICS), finished


def _own(asked: argparse.Namespace, scale: float) -> dict[str, str]:
    """The options of a probe that are not the user's to choose."""
    return {
        "--run": str(Path(asked.out, f"scale={scale:g}")),
        "--model.norm.scale": f"{scale!r}",
        "--trainer.max_steps": str(asked.steps),
        "--trainer.limit_val_batches": "0",
        "--trainer.val_check_interval": str(asked.steps),
        "--trainer.enable_progress_bar": "false",
        "--checkpoints.every_n_steps": "0",
        "--samples.every_n_steps": "0",
        "--advisor.every_n_steps": "0",
        "--diagnostics.of": "[gradient_norm]",
        "--diagnostics.every_n_steps": str(asked.every),
    }


def _norms(path: Path) -> list[float]:
    if not path.exists():
        return []
    with path.open(newline="") as file:
        return [float(row[COLUMN]) for row in csv.DictReader(file) if row.get(COLUMN)]


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """What each run says of itself is not said for each probe."""
    loggers = [logging.getLogger(name) for name in ("lightning.pytorch", "lightning.fabric")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.WARNING)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def _line(probe: Probe) -> str:
    return (
        f"scale {probe.scale:<6g} gradient norm {probe.median:<9.3g} highest "
        f"{probe.highest:<9.3g} {probe.verdict}"
    )


def _write_table(path: Path, probes: Sequence[Probe]) -> None:
    with told(path), whole(path, "w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("scale", "gradient_norm", "highest_gradient_norm", "verdict"))
        writer.writerows(probes)


def _plot(
    path: Path,
    probes: Sequence[Probe],
    found: tuple[float, float] | None,
    vanishing: float,
    exploding: float,
) -> None:
    """Median and highest norm against the scale, both logarithmic, with thresholds and interval."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 3.6), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    scales = [probe.scale for probe in probes]
    # A logarithm has no place for zero: gaps, where gradients are dead.
    medians = [probe.median or math.nan for probe in probes]
    axes.plot(scales, medians, "o-", color="#0072b2", label="median of the second half")
    highest = [probe.highest or math.nan for probe in probes]
    axes.plot(scales, highest, "^--", color="#d55e00", label="highest")
    axes.set(xscale="log", yscale="log", xlabel="scale of the norm", ylabel="gradient norm of D")
    axes.set_xticks(scales, [f"{scale:g}" for scale in scales], minor=False)
    axes.minorticks_off()
    for level in (vanishing, exploding):
        axes.axhline(level, color="0.5", linewidth=0.8, linestyle=":")
    if found is not None:
        axes.axvspan(*found, color="#009e73", alpha=0.15, label="neither vanishes nor explodes")
    axes.legend(fontsize="small")
    with told(path), whole(path) as file:
        figure.savefig(file, format="png", dpi=110)
