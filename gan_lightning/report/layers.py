"""Figures of the discriminator's layers, from what diagnostics have logged."""

from __future__ import annotations

from collections.abc import Sequence

from gan_lightning.report.missing import Missing
from gan_lightning.report.picture import Curve, Panel
from gan_lightning.report.study import Study, curve_of
from gan_lightning.run_folder import RESCALING

WHOLE = ("total", "product", "ratio")
"""Parts of a diagnostic that are no layers."""

BOUNDS = {"sn": "theorem_2", "ssn": "theorem_2", "bsn": "theorem_3", "bssn": "theorem_3"}
NAMES = {"theorem_2": "Theorem 2", "theorem_3": "Theorem 3"}


def gradient_norm_panels(study: Study) -> list[Panel]:
    """BSSN Fig. 2: gradients of the discriminator's weights, together and layer by layer."""
    _require(study, "gradient_norm")
    together = _panel("all weights", "gradient norm", study.curves("gradient_norm/total"))
    return [together, *_by_group(study, "gradient_norm", "gradient norm")]


def spectral_norms(study: Study) -> list[Panel]:
    """SNGAN Fig. 9: spectral norms of the reshaped weights and of the convolutions."""
    names = ("spectral_norm_out", "spectral_norm_in", "spectral_norm_conv")
    found = [name for name in names if study.parts(name)]
    if not found:
        _require(study, names[0])
    panels = []
    for name in found:
        words = name.removeprefix("spectral_norm_")
        kind = {"out": "s(W_out)", "in": "s(W_in)", "conv": "s(conv)"}[words]
        panels += _by_group(study, name, kind)
    return panels


def variance_panels(study: Study) -> list[Panel]:
    """BSSN Fig. 7: variances of the used weights beside the bounds of Theorems 2 and 3."""
    _require(study, "variance")
    panels = []
    for layer in _layers(study, "variance"):
        curves = study.curves(f"variance/{layer}")
        panels.append(_panel(layer, "variance", curves + _bounds(study, layer, curves)))
    return panels


def _bounds(study: Study, layer: str, curves: Sequence[Curve]) -> list[Curve]:
    """The theorems' bounds of the variance of a layer, times the square of the scale."""
    bounds: dict[tuple[str, float], Curve] = {}
    for k, lane in enumerate(study.lanes):
        theorem = BOUNDS.get(lane.options.get("model.norm", ""), "")
        facts = study.layers.get(k, {}).get(layer, {})
        steps = [x for curve in curves if curve.color == k for x in curve.x]
        if facts.get(theorem) and steps:
            bound = facts[theorem] * facts.get("scale", 1.0) ** 2
            ends = [min(steps), max(steps)]
            label = f"{NAMES[theorem]} ({lane.label})"
            curve = Curve(label, ends, [bound, bound], color=k, style="bound")
            bounds.setdefault((theorem, bound), curve)
    return list(bounds.values())


def norm_ratios(study: Study) -> list[Panel]:
    """BSSN Fig. 20: s(conv) / s(W_out) within the bounds of Tsuzuku et al."""
    _require(study, "norm_ratio")
    panels = []
    for layer in _layers(study, "norm_ratio"):
        curves = study.curves(f"norm_ratio/{layer}")
        ends = [min((c.x[0] for c in curves if c.x), default=0.0)]
        ends.append(max((c.x[-1] for c in curves if c.x), default=1.0))
        alphas = (facts.get(layer, {}).get("alpha") for facts in study.layers.values())
        alpha = next((float(a) for a in alphas if a), None)
        bounds = [Curve("at least 1", ends, [1.0, 1.0], color=6, style="bound")]
        if alpha is not None:
            bounds.append(Curve(f"alpha {alpha:.3g}", ends, [alpha] * 2, color=6, style="bound"))
        panels.append(Panel(layer, "iteration", "s(conv) / s(W_out)", curves + bounds))
    return panels


def spectra_panels(study: Study) -> list[Panel]:
    """SNGAN Fig. 3: squared singular values of each layer at the last look, the largest being 1."""
    if not study.spectra:
        raise Missing("spectra", "set diagnostics.of to [spectra]")
    layers = dict.fromkeys(layer for found in study.spectra.values() for layer in found)
    panels = []
    for layer in layers:
        curves = []
        for k, found in study.spectra.items():
            values = found.get(layer, [])
            if len(values) > 1 and values[0] > 0:
                scaled = [value / values[0] for value in values]
                index = [float(n) for n in range(1, len(values) + 1)]
                curves.append(Curve(study.lanes[k].label, index, scaled, color=k))
        if curves:
            panels.append(Panel(layer, "index", "squared singular value / largest", curves))
    return panels


def rescaled(study: Study) -> list[Panel]:
    """BSSN Fig. 3: gradients follow the inverse spectral norms when layers are rescaled."""
    if not study.rescaled:
        raise Missing(RESCALING, "run python -m benchmarks.rescaling RUN")
    panels = []
    for k, layers in study.rescaled.items():
        curves = [
            Curve(layer, [x for x, _ in points], [y for _, y in points], color=n, style="points")
            for n, (layer, points) in enumerate(layers.items())
        ]
        values = [x for points in layers.values() for point in points for x in point if x > 0]
        ends = [min(values, default=1.0), max(values, default=1.0)]
        curves.append(Curve("equal", ends, ends, color=6, style="bound"))
        x, y = "inverse ratio of spectral norms", "ratio of gradient norms"
        panels.append(Panel(study.lanes[k].label, x, y, curves, log_x=True, log_y=True))
    return panels


def input_gradient_panels(study: Study) -> list[Panel]:
    """Norms of the gradient of D by its input, at real, generated and interpolated images."""
    _require(study, "input_gradient_norm")
    kinds = study.parts("input_gradient_norm")
    return [_panel(kind, "|dD/dx|", study.curves(f"input_gradient_norm/{kind}")) for kind in kinds]


def outputs(study: Study) -> list[Panel]:
    """SNGAN Fig. 17: the discriminator's output on real, generated and held-out images."""
    _require(study, "output")
    return _by_group(study, "output", "D(x)", log=False)


def _by_group(study: Study, diagnostic: str, y: str, log: bool = True) -> list[Panel]:
    """A panel per group, a curve per layer."""
    parts = [part for part in study.parts(diagnostic) if part not in WHOLE]
    panels = []
    for k, lane in enumerate(study.lanes):
        curves = [
            curve_of(part, study.bands[f"{diagnostic}/{part}"][k], color)
            for color, part in enumerate(parts)
            if k in study.bands.get(f"{diagnostic}/{part}", {})
        ]
        if not curves:
            curves = _single(study, diagnostic, parts, k)
        if curves:
            state = next(iter(lane.others.values()), "") if not lane.paths else ""
            title = f"{lane.label} ({state})" if state else lane.label
            panels.append(Panel(title, "iteration", y, curves, log_y=log))
    return panels


def _single(study: Study, diagnostic: str, parts: Sequence[str], lane: int) -> list[Curve]:
    """The layers of a group's first unfinished run, where none is finished."""
    curves = []
    for color, part in enumerate(parts):
        found = [s for s in study.singles.get(f"{diagnostic}/{part}", []) if s.lane == lane][:1]
        curves += [Curve(part, s.x, s.y, color=color) for s in found]
    return curves


def _layers(study: Study, diagnostic: str) -> list[str]:
    return [part for part in study.parts(diagnostic) if part not in WHOLE]


def _panel(title: str, y: str, curves: list[Curve]) -> Panel:
    return Panel(title, "iteration", y, curves, log_y=True)


def _require(study: Study, diagnostic: str) -> None:
    if not study.parts(diagnostic):
        raise Missing(f"{diagnostic}/... in metrics.csv", f"set diagnostics.of to [{diagnostic}]")
