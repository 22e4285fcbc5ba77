"""Figures of the discriminator's layers against numbers worked out by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from gan_lightning.report.logged import last_spectra
from tests.report.made import logged, made
from tests.report.views import curve, panels, study


def test_gradient_norms_together_and_by_layer(tmp_path: Path) -> None:
    for seed, factor in enumerate((1.0, 3.0)):
        columns = {
            "gradient_norm/a": {0: 3.0 * factor, 50: 0.3 * factor},
            "gradient_norm/total": {0: 5.0 * factor, 50: 0.0},
        }
        logged(made(tmp_path / str(seed), seed), columns)
    total, layer = panels("bssn-2", study(tmp_path))
    assert total.log_y
    assert curve(total, "all runs").y == [10.0, 0.0]
    assert layer.title == "all runs"
    assert curve(layer, "a").y == pytest.approx([6.0, 0.6])
    # 10 +- 5
    assert (curve(total, "all runs").low[0], curve(total, "all runs").high[0]) == (5.0, 15.0)


def test_variances_stand_beside_the_theorems_bounds(tmp_path: Path) -> None:
    """That of BSSN at scale 2 is four times Theorem 3's; SN has Theorem 2's; none has none."""
    norms: dict[str, Any] = {"sn": "sn", "bssn": {"name": "bssn", "scale": 2.0}, "none": "none"}
    for name, norm in norms.items():
        folder = made(tmp_path / name, 0, norm)
        logged(folder, {"variance/a": {0: 0.01, 100: 0.02}, "variance/product": {0: 0.01}})
        facts = {"a": {"scale": 2.0 if name == "bssn" else 1.0, "theorem_2": 0.1, "theorem_3": 0.2}}
        (folder / "layers.json").write_text(json.dumps(facts))
    (panel,) = panels("bssn-7", study(tmp_path))
    bounds = {c.label: c.y for c in panel.curves if c.style == "bound"}
    assert bounds == {
        "Theorem 2 (sn)": [0.1, 0.1],
        "Theorem 3 (bssn, scale 2)": pytest.approx([0.8, 0.8]),
    }


def test_norm_ratios_lie_between_one_and_alpha(tmp_path: Path) -> None:
    folder = logged(made(tmp_path / "a"), {"norm_ratio/a": {0: 1.5, 100: 1.6}})
    (folder / "layers.json").write_text(json.dumps({"a": {"alpha": 3.0}}))
    (panel,) = panels("bssn-20", study(tmp_path))
    assert curve(panel, "at least 1").y == [1.0, 1.0]
    assert curve(panel, "alpha 3").x == [0.0, 100.0]


def test_spectra_are_of_the_last_look_and_end_at_one(tmp_path: Path) -> None:
    folder = made(tmp_path / "a")
    lines = [
        {"step": 0, "layer": "a", "squared_singular_values": [9.0, 9.0]},
        {"step": 0, "layer": "gone", "squared_singular_values": [9.0, 9.0]},
        {"step": 50, "layer": "a", "squared_singular_values": [4.0, 1.0]},
        {"step": 50, "layer": "b", "squared_singular_values": [7.0]},
    ]
    text = "\n".join(map(json.dumps, lines)) + '\n{"step": 60, "lay'
    (folder / "spectra.jsonl").write_text(text)
    assert last_spectra(folder / "spectra.jsonl") == {"a": [4.0, 1.0], "b": [7.0]}
    (panel,) = panels("sngan-3", study(tmp_path))  # one value is no spectrum
    assert (panel.title, panel.curves[0].y) == ("a", [1.0, 0.25])


def test_rescaled_layers_are_points(tmp_path: Path) -> None:
    folder = made(tmp_path / "a")
    (folder / "rescaling.csv").write_text(
        "draw,layer,gradient,spectral\n0,a,2.0,2.5\n1,a,0.5,0.4\n1,b,nan,1\n"
    )
    (panel,) = panels("bssn-3", study(tmp_path))
    assert (curve(panel, "a").x, curve(panel, "a").y) == ([2.5, 0.4], [2.0, 0.5])
    assert curve(panel, "equal").x == [0.4, 2.5]
