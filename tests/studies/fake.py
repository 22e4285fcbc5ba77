"""A worker whose runs take no time: ``python -m tests.studies.fake``, with a `Job` as its input."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from gan_lightning.studies import trial, worker


def started(words: Sequence[str], run: str | Path) -> list[str]:
    """In place of `gan_lightning.studies.commands.started`."""
    options = dict(word.removeprefix("--").split("=", 1) for word in words if "=" in word)
    return [sys.executable, "-m", "tests.studies.fake_run", options.get("how", "well"), str(run)]


def job(folder: Path, how: list[str], seeds: int, lock: str, parent: int) -> worker.Job:
    """A study of such runs."""
    content = {
        "command": ["gan", "fit", "${args}"],
        "method": "grid",
        "parameters": {"how": {"values": how}, "seed": {"values": list(range(seeds))}},
    }
    storage = f"sqlite:///{folder / 'study.db'}"
    return worker.Job(
        name="x",
        content=content,
        extra=[],
        folder=str(folder),
        storage=storage,
        prune=False,
        parent=parent,
        lock=str(folder / lock),
    )


if __name__ == "__main__":
    trial.__dict__["started"] = started
    trial.LOOK_EVERY = 0.1
    worker.main()
