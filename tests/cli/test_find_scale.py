"""``gan find-scale``: probes are runs, the table has their norms, the interval is theirs."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from PIL import Image

from gan_lightning import cli
from gan_lightning.cli.find_scale import find_scale
from gan_lightning.errors import UserError
from tests.conftest import rows

SHORT = ["--steps", "4", "--every", "2", "--trainer.log_every_n_steps", "4"]


def test_scales_that_vanish_explode_and_do_neither(
    tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "found"
    limits = ["--vanishing", "0.5", "--exploding", "20", "--scales", "4", "0.1", "1.4"]
    cli.main(["find-scale", "--config", str(tiny), *SHORT, *limits, "--out", str(out)])
    said = capsys.readouterr().out
    assert "Gradients neither vanish nor explode from scale 1.4 to 1.4." in said
    assert "Done: 4 generator updates" not in said  # what each run says of itself
    with (out / "scales.csv").open(newline="") as file:
        table = list(csv.DictReader(file))
    assert [row["scale"] for row in table] == ["0.1", "1.4", "4.0"]
    assert [row["verdict"] for row in table] == ["vanishes", "fine", "explodes"]
    for row in table:
        probe = rows(out / f"scale={float(row['scale']):g}")
        norms = [float(r["gradient_norm/total"]) for r in probe if r["gradient_norm/total"]]
        assert len(norms) == 3  # before any update, after two, after four
        assert float(row["highest_gradient_norm"]) == max(norms)
        assert float(row["gradient_norm"]) == pytest.approx((norms[1] + norms[2]) / 2)
    with Image.open(out / "scales.png") as picture:
        assert picture.size[0] > 400


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--model.norm", "sn"], "varies the scale of the discriminator's norm, but this norm has"),
        (["--steps", "3"], "--steps 3 with --every 5: a probe needs two looks"),
        (["--scales", "x"], "argument --scales: invalid float value: 'x'"),
        (["--scales", "0"], "--scales must be a number > 0"),
        (["--scales", "1", "2", "nan"], "--scales must be a number > 0, .* got nan"),
        (["--out", "{tmp}/tiny.yaml"], "--out .*tiny.yaml cannot be written: choose a folder"),
        (["--model.norm.scale", "2"], "--model.norm.scale is not an option of gan find-scale"),
        (["--trainer.max_steps", "7"], "--trainer.max_steps is not an option of gan find-scale"),
        (["--vanishing", "9", "--exploding", "1"], "--vanishing 9 must be > 0 and below"),
        (["--model.nonsense", "2"], "--model.nonsense is not an option"),
    ],
)
def test_mistakes_are_told(tiny: Path, tmp_path: Path, options: list[str], message: str) -> None:
    said = [word.format(tmp=tmp_path) for word in options]
    with pytest.raises(UserError, match=message):
        find_scale(["--config", str(tiny), "--out", str(tmp_path / "out"), *said])
    assert not list((tmp_path / "out").glob("*/*"))  # no probe was made


def test_old_probes_are_not_overwritten(tiny: Path, tmp_path: Path) -> None:
    probe = tmp_path / "scale=1"
    probe.mkdir()
    (probe / "config.yaml").write_text("model: {}\n")
    with pytest.raises(UserError, match="holds probes already; choose another folder"):
        find_scale(["--config", str(tiny), "--out", str(tmp_path), "--scales", "1"])


def test_help_promises_what_was_found(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        find_scale(["--help"])
    said = capsys.readouterr().out
    assert "not where the images are best" in said
    assert "default: 0.25 0.35 0.5 0.7 1 1.4 2 2.8 4" in said
