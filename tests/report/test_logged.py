"""The logs of a run, read line by line: what is torn or no log is passed over."""

from __future__ import annotations

import json
import math
from pathlib import Path

from gan_lightning.report.logged import seconds_per_100
from tests.report.made import logged, made
from tests.report.views import panels, study


def test_time_is_that_of_all_starts(tmp_path: Path) -> None:
    folder = made(tmp_path / "a")
    ends = [{"iterations": 60, "seconds": 3.0}, {"iterations": 40, "seconds": 5.0}]
    with (folder / "history.jsonl").open("a") as file:
        file.writelines(json.dumps({"ended": "x", **end}) + "\n" for end in ends)
    assert seconds_per_100(folder / "history.jsonl") == 8.0
    (panel,) = panels("sngan-10", study(tmp_path))
    assert (panel.ticks, panel.curves[0].y) == (["all runs"], [8.0])


def test_long_logs_are_thinned_and_infinities_left_out(tmp_path: Path) -> None:
    points = {step: (math.inf if step == 0 else float(step)) for step in range(10_000)}
    logged(made(tmp_path / "a", max_steps=10_000), {"discriminator_loss": points})
    (panel,) = panels("losses", study(tmp_path))
    assert len(panel.curves[0].x) == 199
    assert panel.curves[0].x == panel.curves[0].y == [float(k) for k in range(50, 10_000, 50)]
