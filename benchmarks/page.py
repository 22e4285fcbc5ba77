"""Makes docs/performance.md from the recorded results: ``python -m benchmarks.page``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from benchmarks.step import PASSES
from benchmarks.timing import RESULTS

PAGE = RESULTS.parents[1] / "docs" / "performance.md"

TITLES = {
    "norm_tax_batch_8": "Cost of a normalization in the same step, batch 8",
    "stock_batch_8": "Against a plain loop with torch's `spectral_norm`, batch 8",
    "stock_batch_64": "Against a plain loop with torch's `spectral_norm`, batch 64",
    "all_batch_8": "All variants, relative to the plain loop without normalization, batch 8",
    "all_batch_64": "All variants, relative to the plain loop without normalization, batch 64",
    "n_dis_5_batch_8": "n_dis 5, relative to the plain loop without normalization, batch 8",
    "no_op": "A step without mathematics inside Lightning's Trainer, batch 64",
    "gpu": "On a GPU, BSSN, relative to eager, batch 64",
    "batch": "Batch size",
    "width": "Width of the networks",
    "size": "Image size",
    "n_dis": "n_dis",
}

GOALS = [
    ("norm tax sn, batch 8", ("norm_tax_batch_8", "this step, sn"), 1.03),
    ("norm tax bssn, batch 8", ("norm_tax_batch_8", "this step, bssn"), 1.04),
    ("norm tax sn_conv, batch 8", ("norm_tax_batch_8", "this step, sn_conv"), 1.12),
    ("bssn / torch's spectral_norm, batch 64", ("stock_batch_64", "this step, bssn"), 0.83),
    ("bssn / torch's spectral_norm, batch 8", ("stock_batch_8", "this step, bssn"), 0.76),
    ("the same in bf16, batch 64", ("stock_batch_64", "this step, bssn, bf16"), 0.48),
]


def table(rows: dict[str, Any]) -> list[str]:
    """A table of ratios with quartiles."""
    lines = ["| variant | milliseconds | ratio | quartiles |", "|---|---|---|---|"]
    for name, row in rows.items():
        if "ratio" in row:
            low, high = row["quartiles"]
            cells = f"{row['seconds'] * 1e3:.1f} | {row['ratio']:.3f} | {low:.3f} to {high:.3f}"
            lines.append(f"| {name} | {cells} |")
    return lines


def goals(step: dict[str, Any]) -> list[str]:
    """What was aimed at and what was measured."""
    lines = ["| goal | at most | measured | |", "|---|---|---|---|"]
    for name, (section, variant), bound in GOALS:
        ratio = step[section][variant]["ratio"]
        lines.append(f"| {name} | {bound} | {ratio:.3f} | {_verdict(ratio, bound)} |")
    counts = step["counts"]
    ours, naive = (counts[k]["operations"] for k in ("this step, bssn", "plain loop, naive BSSN"))
    share = ours / naive
    name = "operations of bssn / naive BSSN"
    lines.append(f"| {name} | 0.25 | {share:.3f} ({ours} / {naive}) | {_verdict(share, 0.25)} |")
    whole = step["end_to_end"]["fit_over_bare_batch_64"]
    lines.append(
        f"| `gan fit` / bare loop, batch 64 | 1.05 | {whole:.3f} | {_verdict(whole, 1.05)} |"
    )
    for name, row in step["end_to_end"]["no_op"].items():
        if name.startswith("no-op"):
            ratio, least = row["ratio"], "Lightning's least module"
            lines.append(f"| {name} / {least} | 1.10 | {ratio:.3f} | {_verdict(ratio, 1.10)} |")
    return lines


def reasons(step: dict[str, Any]) -> list[str]:
    """Where the time goes that is above a goal, on the machine that it was measured on."""
    tax, no_op = step["norm_tax_batch_8"], step["end_to_end"]["no_op"]
    passes, drawn = tax[PASSES]["ratio"], no_op["no-op step, its latents drawn before"]["ratio"]
    return [
        "",
        "What is behind those that were missed:",
        "",
        "- Norm tax: SN cannot do without eight passes over D's weights (two matrix-vector",
        "  products; reading W and writing the normalized weight; reading that and its gradient",
        "  for their inner product; reading and writing the gradient), which alone cost",
        f"  {passes:.3f} of a step here. This step makes ten, bssn's fourteen. Fewer need kernels",
        "  that take the sums inside the convolutions.",
        "- bf16: the bound supposes matrix units for it (`amx_bf16`); see the machine above.",
        "- No-op step: the rest is drawing 8,192 normal numbers with a counter-based generator;",
        f"  without that it is {drawn:.3f}.",
    ]


def _verdict(value: float, bound: float) -> str:
    return "met" if value <= bound else "missed"


def resnets(results: dict[str, Any]) -> list[str]:
    """What the folds of ResNets save, in FLOPs and in time."""
    lines = ["", "## ResNets, folded and not", ""]
    lines += ["FLOPs of one iteration, relative to the plain loop over unfolded networks:", ""]
    names = list(results["flops"]["32"])
    lines += ["| size | " + " | ".join(names) + " |", "|---|" + "---|" * len(names)]
    for size, row in results["flops"].items():
        lines.append(f"| {size} | " + " | ".join(f"{row[name]:.3f}" for name in names) + " |")
    for name, rows in results.items():
        if name.startswith("resnet"):
            title = name.replace("resnet_32_batch_", "ResNet-32, batch ").replace(
                "_n_dis_", ", n_dis "
            )
            lines += ["", f"{title} ({results['clock']}):", "", *table(rows)]
    return lines


def main() -> None:
    """Writes the page."""
    step = json.loads((RESULTS / "step.json").read_text())
    scaling = json.loads((RESULTS / "scaling.json").read_text())
    lines = [
        "# Performance",
        "",
        "Made by `python -m benchmarks.page` from `benchmarks/results/`. Ratios are medians over",
        "rounds in which all variants take turns; machine and versions:",
        "",
        "```",
        *(f"{key}: {value}" for key, value in step["machine"].items()),
        "```",
        "",
        "## Goals",
        "",
        *goals(step),
        *reasons(step),
        "",
        "## Counts of one iteration, batch 4",
        "",
        "| variant | FLOPs | operations |",
        "|---|---|---|",
        *(f"| {k} | {v['flops']:,} | {v['operations']} |" for k, v in step["counts"].items()),
        "",
        "GFLOP/s at batch 64: " + ", ".join(f"{k} {v}" for k, v in step["gflops"].items()) + ".",
    ]
    sections = {**step, "no_op": step["end_to_end"]["no_op"], **scaling}
    for name, rows in sections.items():
        if name in TITLES:
            lines += ["", f"## {TITLES[name]}", "", *table(rows)]
    lines += resnets(json.loads((RESULTS / "resnet.json").read_text()))
    seconds = scaling["processes_seconds"]
    lines += ["", "## Processes", "", "Seconds of one iteration of the digits demo by number of"]
    lines += ["processes, one thread and the same number of images each:", ""]
    lines += [f"- {count}: {value}" for count, value in seconds.items()]
    Path(PAGE).write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
