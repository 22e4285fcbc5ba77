"""Run folders as `gan fit` leaves them, made by hand."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from PIL import Image

MEASURE = {
    "fid_real": 1000,
    "fid_generated": 5000,
    "protocol": "monitor",
    "extractor": "digits",
    "extractor_fingerprint": "177a",
    "real": "digits train",
}


def config(seed: int, max_steps: int, norm: Mapping[str, Any], **model: Any) -> dict[str, Any]:
    norm = {"class_path": f"gan_lightning.normalization.{norm['name']}"} | (
        {"init_args": {k: v for k, v in norm.items() if k != "name"}} if len(norm) > 1 else {}
    )
    return {
        "seed_everything": seed,
        "trainer": {"max_steps": max_steps, "logger": None, "precision": None},
        "model": {
            "discriminator": {"class_path": "gan_lightning.networks.CNNDiscriminator"},
            "norm": norm,
            "n_dis": 1,
            "objective": {"class_path": "gan_lightning.losses.hinge"},
            "penalties": [],
        }
        | model,
        "data": {"class_path": "gan_lightning.data.digits", "init_args": {"batch_size": 64}},
        "run": f"somewhere/{seed}",
        "samples": {"every_n_steps": 100 + seed},
    }


def made(
    folder: Path,
    seed: int = 0,
    norm: str | Mapping[str, Any] = "sn",
    fids: Mapping[int, float] | Sequence[float] = (10.0,),
    max_steps: int = 100,
    measure: Mapping[str, Any] | None = None,
    step: int | None = None,
    **model: Any,
) -> Path:
    """A run with an evaluation at each given iteration; ``fids`` alone are at its end.

    Args:
        folder: It is made.
        seed: The run's.
        norm: Name of a normalization, or name and arguments.
        fids: FID by iteration.
        max_steps: How many iterations were asked for.
        measure: What differs from `MEASURE`.
        step: The last iteration; by default all were made.
        **model: Further options below ``model``.
    """
    folder.mkdir(parents=True)
    norm = {"name": norm} if isinstance(norm, str) else norm
    options = config(seed, max_steps, norm, **model)
    (folder / "config.yaml").write_text(yaml.safe_dump(options, sort_keys=False))
    made = max_steps if step is None else step
    at = fids if isinstance(fids, Mapping) else dict.fromkeys((made,), *fids) if fids else {}
    facts = MEASURE | dict(measure or {})
    name = "fid" if facts["extractor"] == "inception" else f"{facts['extractor']}_fid"
    lines = [{"step": k, name: fid} | facts | {"torch": "2", "seed": seed} for k, fid in at.items()]
    text = "".join(json.dumps(line) + "\n" for line in lines)
    (folder / "scores.jsonl").write_text(text)
    rows = "".join(f"{k},{1 + k / 100}\n" for k in range(10, made + 1, 10))
    (folder / "metrics.csv").write_text("step,discriminator_loss\n" + rows)
    start = {"time": "now", "iteration": 0, "max_steps": max_steps, "changed": {}}
    (folder / "history.jsonl").write_text(json.dumps(start) + "\n")
    return folder


def logged(folder: Path, columns: Mapping[str, Mapping[int, float]]) -> Path:
    """Replaces a run's metrics."""
    steps = sorted({step for points in columns.values() for step in points})
    text = io.StringIO()
    file = csv.DictWriter(text, ["step", *columns], restval="", lineterminator="\n")
    file.writeheader()
    for step in steps:
        row = {name: points[step] for name, points in columns.items() if step in points}
        file.writerow({"step": step, **row})
    (folder / "metrics.csv").write_text(text.getvalue())
    return folder


def png(path: Path, color: int) -> Path:
    path.parent.mkdir(exist_ok=True)
    Image.new("RGB", (64, 32), (color, 0, 255 - color)).save(path)
    return path


def inception(protocol: str) -> dict[str, str]:
    return {"protocol": protocol, "extractor": "inception"}


def of_cifar10(folder: Path) -> None:
    text = (folder / "config.yaml").read_text()
    (folder / "config.yaml").write_text(text.replace("data.digits", "data.cifar10"))
