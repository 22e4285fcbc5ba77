"""Figures of the discriminator's layers against numbers worked out by hand."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from gan_lightning.report.logged import last_spectra
from gan_lightning.report.missing import Missing
from gan_lightning.report.picture import Curve
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


def diagnosed(folder: Path, diagnostic: str, parts: Mapping[str, float], seed: int = 0) -> Path:
    """A run with a diagnostic at its begin and its end."""
    columns = {f"{diagnostic}/{part}": {0: y, 100: 2 * y} for part, y in parts.items()}
    return logged(made(folder, seed), columns)


@pytest.mark.parametrize(
    ("name", "diagnostic"),
    [
        ("gradients", "gradient_norm"),
        ("variances", "variance"),
        ("norm-ratios", "norm_ratio"),
        ("spectral-norms", "spectral_norm_out"),
        ("outputs", "output"),
        ("input-gradients", "input_gradient_norm"),
    ],
)
def test_a_figure_needs_its_own_diagnostic(tmp_path: Path, name: str, diagnostic: str) -> None:
    diagnosed(tmp_path / "a", "another", {"a": 1.0})
    with pytest.raises(Missing) as caught:
        panels(name, study(tmp_path))
    assert str(caught.value) == (
        f"no run holds {diagnostic}/... in metrics.csv: set diagnostics.of to [{diagnostic}]"
    )
    diagnosed(tmp_path / "b", diagnostic, {"a": 1.0}, seed=1)
    assert panels(name, study(tmp_path))


@pytest.mark.parametrize("name", ["spectra", "rescaling"])
def test_a_figure_of_a_file_needs_that_file(tmp_path: Path, name: str) -> None:
    made(tmp_path / "a")
    with pytest.raises(Missing, match=r"no run holds (spectra|rescaling\.csv): (set|run) "):
        panels(name, study(tmp_path))


def test_totals_are_no_layers(tmp_path: Path) -> None:
    parts = {"a": 1.0, "total": 2.0, "product": 3.0, "ratio": 4.0, "b": 5.0}
    diagnosed(tmp_path / "a", "variance", parts)
    assert [panel.title for panel in panels("variances", study(tmp_path))] == ["a", "b"]
    diagnosed(tmp_path / "b", "gradient_norm", parts, seed=1)
    together, layers = panels("gradients", study(tmp_path))
    assert (together.title, together.curves[0].y) == ("all weights", [2.0, 4.0])
    assert [c.label for c in layers.curves] == ["a", "b"]


def test_every_group_has_a_panel_with_its_layers(tmp_path: Path) -> None:
    for norm, value in (("sn", 1.0), ("bsn", 3.0)):
        logged(made(tmp_path / norm, 0, norm), {"gradient_norm/a": {0: value, 100: value}})
    _, *layers = panels("gradients", study(tmp_path))
    assert [(p.title, curve(p, "a").y) for p in layers] == [("bsn", [3.0, 3.0]), ("sn", [1.0, 1.0])]


def test_a_group_without_a_finished_run_shows_an_unfinished_one_and_says_so(
    tmp_path: Path,
) -> None:
    folder = made(tmp_path / "a", step=50, fids={})
    logged(folder, {"gradient_norm/a": {0: 7.0, 50: 5.0}, "gradient_norm/b": {0: 1.0, 50: 2.0}})
    _, layers = panels("gradients", study(tmp_path))
    assert layers.title == "all runs (unfinished)"
    assert [(c.label, c.y, c.color) for c in layers.curves] == [
        ("a", [7.0, 5.0], 0),
        ("b", [1.0, 2.0], 1),
    ]
    diagnosed(tmp_path / "b", "gradient_norm", {"a": 3.0}, seed=1)
    _, layers = panels("gradients", study(tmp_path))
    assert (layers.title, [c.y for c in layers.curves]) == ("all runs", [[3.0, 6.0]])


def test_only_outputs_have_a_plain_axis(tmp_path: Path) -> None:
    """They may be negative; norms are compared by their size."""
    diagnosed(tmp_path / "a", "output", {"real": -1.0, "fake": 1.0})
    diagnosed(tmp_path / "b", "spectral_norm_out", {"a": 1.0}, seed=1)
    found = study(tmp_path)
    assert [panel.log_y for panel in panels("outputs", found)] == [False]
    assert [panel.log_y for panel in panels("spectral-norms", found)] == [True]


def test_spectral_norms_are_of_the_reshapings_that_were_looked_at(tmp_path: Path) -> None:
    diagnosed(tmp_path / "a", "spectral_norm_conv", {"a": 1.0})
    diagnosed(tmp_path / "b", "spectral_norm_out", {"a": 2.0}, seed=1)
    found = panels("spectral-norms", study(tmp_path))
    assert [(panel.y, panel.curves[0].y[0]) for panel in found] == [
        ("s(W_out)", 2.0),
        ("s(conv)", 1.0),
    ]


def test_gradients_by_the_input_have_a_panel_for_each_kind_of_images(tmp_path: Path) -> None:
    diagnosed(tmp_path / "a", "input_gradient_norm", {"real": 1.0, "fake": 2.0})
    found = panels("input-gradients", study(tmp_path))
    assert [(p.title, p.y, p.curves[0].y) for p in found] == [
        ("real", "|dD/dx|", [1.0, 2.0]),
        ("fake", "|dD/dx|", [2.0, 4.0]),
    ]


def test_a_bound_that_two_groups_share_stands_once(tmp_path: Path) -> None:
    for k, norm in enumerate(("sn", "ssn")):
        folder = made(tmp_path / norm, 0, norm)
        logged(folder, {"variance/a": {20 * k: 0.01, 100 - 20 * k: 0.02}})
        (folder / "layers.json").write_text(json.dumps({"a": {"theorem_2": 0.1, "theorem_3": 0.2}}))
    (panel,) = panels("variances", study(tmp_path))
    (bound,) = [c for c in panel.curves if c.style == "bound"]
    assert bound == Curve("Theorem 2 (sn)", [0.0, 100.0], [0.1, 0.1], color=0, style="bound")


def test_bounds_reach_from_the_first_look_at_any_run_to_the_last(tmp_path: Path) -> None:
    for norm, ends in {"bsn": (20, 80), "sn": (0, 100)}.items():
        folder = made(tmp_path / norm, 0, norm)
        logged(folder, {"norm_ratio/a": dict.fromkeys(ends, 1.5)})
    (panel,) = panels("norm-ratios", study(tmp_path))
    assert curve(panel, "at least 1").x == [0.0, 100.0]


def test_a_layer_of_which_nothing_is_known_has_no_upper_bound(tmp_path: Path) -> None:
    diagnosed(tmp_path / "a", "norm_ratio", {"a": 1.5})
    diagnosed(tmp_path / "b", "variance", {"a": 1.5}, seed=1)
    (ratios,), (variances,) = (panels(n, study(tmp_path)) for n in ("norm-ratios", "variances"))
    assert [(c.label, c.x) for c in ratios.curves if c.style == "bound"] == [
        ("at least 1", [0.0, 100.0]),
    ]
    assert [c.style for c in variances.curves] == ["solid"]


def test_spectra_of_a_layer_are_compared_between_groups_from_the_first_value_on(
    tmp_path: Path,
) -> None:
    for norm, values in {"sn": [4.0, 2.0, 1.0], "bsn": [10.0, 5.0], "none": [0.0, 0.0]}.items():
        line = {"step": 1, "layer": "a", "squared_singular_values": values}
        (made(tmp_path / norm, 0, norm) / "spectra.jsonl").write_text(json.dumps(line) + "\n")
    (panel,) = panels("spectra", study(tmp_path))
    assert {c.label: (c.x, c.y) for c in panel.curves} == {
        "bsn": ([1.0, 2.0], [1.0, 0.5]),
        "sn": ([1.0, 2.0, 3.0], [1.0, 0.5, 0.25]),
    }
