"""The settings of the trials, their uninterrupted runs, and when two runs are equal."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import torch

from tests.conftest import TINY, same
from tests.reliability.process import Process, start

LENGTH = [
    *("--trainer.max_steps", "24", "--trainer.val_check_interval", "8"),
    *("--checkpoints.every_n_steps", "3", "--checkpoints.keep_every_n_steps", "6"),
]

PRECISION = '[{"class_path":"precision_recall","init_args":{"count":20}}]'

SETTINGS = {
    "bssn": "",
    "n_dis 3": "--model.n_dis 3",
    "two workers": "--data.num_workers 2 --data.device_cache never",
    "no norm": "--model.norm none",
    "strict sn": "--model.norm sn_conv",
    "generator norm": "--model.generator_norm sn",
    "4 iterations a step": "--model.iterations_per_batch 4",
    "moving average": "--ema.decay 0.9",
    "precision and recall": f"--evaluation.metrics {PRECISION}",
    "no evaluation": "--trainer.limit_val_batches 0",
    "bf16": "--trainer.precision bf16-mixed",
    "epochs, flips": "--data.sampling epoch --data.flip true",
}


@dataclass(frozen=True)
class Bench:
    """A folder to try things in.

    Args:
        folder: Empty, or used by this class before.
    """

    folder: Path

    def command(self, setting: str, run: Path) -> list[str]:
        """What a requeue script would say each time, whether the run exists or not."""
        config = self.folder / "tiny.yaml"
        if not config.exists():
            config.write_text(TINY)
        options = [*LENGTH, *SETTINGS[setting].split()]
        start_ = ["fit", "--config", str(config), "--run", str(run), *options]
        return [*start_, "--ckpt_path", "last"]

    def start(self, setting: str, run: Path, largest_file: int | None = None) -> Process:
        """Starts or resumes a run."""
        output = run.with_suffix(".txt")
        return start(self.command(setting, run), output, largest_file)

    @cache  # noqa: B019  (a bench lives as long as its process)
    def whole(self, setting: str) -> tuple[Path, float]:
        """A run that nobody disturbed, and its seconds."""
        run = self.folder / f"whole {setting}"
        began = time.monotonic()
        process = self.start(setting, run)
        code = process.wait()
        if code:
            raise RuntimeError(f"an undisturbed run ended with {code}: {process.text()}")
        return run, time.monotonic() - began

    def differences(self, setting: str, run: Path) -> list[str]:
        """In what a finished run differs from the undisturbed one, to the last bit."""
        whole, _ = self.whole(setting)
        found = [
            name
            for name in ("metrics.csv", "scores.jsonl", "checkpoints/best.json")
            if _text(whole / name) != _text(run / name)
        ]
        for path in sorted((whole / "checkpoints").glob("*.ckpt")):
            other = run / "checkpoints" / path.name
            if not other.exists():
                found.append(f"{path.name} is missing")
                continue
            one, two = (torch.load(p, weights_only=True) for p in (path, other))
            keys = ("state_dict", "optimizer_states", "global_step")
            found += [f"{path.name}: {key}" for key in keys if not same(one[key], two[key])]
            if not same(_average(one), _average(two)):
                found.append(f"{path.name}: moving average")
        return found


def _text(path: Path) -> str | None:
    return path.read_text() if path.exists() else None


def _average(checkpoint: dict[str, dict[str, object]]) -> object:
    return checkpoint["callbacks"].get("GeneratorAverage")
