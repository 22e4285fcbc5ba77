"""The page of results says what the records say."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from benchmarks import reproduction
from benchmarks.reproduction import STUDIES, page, record, verdict
from gan_lightning.report.statistics import written
from tests.report.made import made

DIGITS = STUDIES[0]
BETTER_THAN_SN = DIGITS.claims[2]  # bsn
SN = [100.0, 110.0, 120.0, 105.0, 115.0]


@pytest.fixture
def records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where records are, for this test."""
    monkeypatch.setattr(reproduction, "RECORDS", tmp_path / "records")
    return tmp_path / "records"


def study(folder: Path, bsn: list[float]) -> None:
    """Three seeds of sn, and of bsn with the given scores."""
    for norm, fids in (("sn", SN), ("bsn", bsn)):
        for seed, fid in enumerate(fids):
            made(folder / DIGITS.name / f"{norm}-{seed}", seed, norm, (fid,))


def test_the_page_is_computed_from_the_records() -> None:
    assert reproduction.PAGE.read_text() == page()


def test_the_readme_says_what_the_page_says() -> None:
    text = (reproduction.ROOT / "README.md").read_text()
    comparison = DIGITS.comparison(None)
    (section,) = comparison.sections
    for line in comparison.lines[section.measure]:
        mean = written(line.found["digits_fid"]).partition(" [")[0]
        assert f"| {mean} |" in text, line.group.key


@pytest.mark.parametrize(
    ("bsn", "says"),
    [
        ([90.0, 99.0, 110.0, 96.0, 105.0], "supported"),
        ([110.0, 121.0, 130.0, 114.0, 125.0], "contradicted"),
        ([99.0, 112.0, 121.0, 104.0, 116.0], "not decided: the interval holds 0"),
        ([90.0, 99.0, 110.0], "speaks for the claim, with 3 of 5 seeds"),
        ([110.0, 121.0, 130.0], "speaks against the claim, with 3 of 5 seeds"),
        ([110.0, 121.0], "not decided: 2 of 5 seeds"),
    ],
)
def test_a_claim_is_judged_by_its_interval(records: Path, bsn: list[float], says: str) -> None:
    study(records, bsn)
    found = verdict(DIGITS, BETTER_THAN_SN)
    assert says in found
    assert found in page()
    mean = sum(b - s for b, s in zip(bsn, SN, strict=False)) / len(bsn)
    assert float(found.split(" ±")[0]) == pytest.approx(mean, abs=0.5)


def test_what_was_not_run_is_not_judged(records: Path) -> None:
    assert "No run is recorded yet." in page()
    study(records, [1.0, 2.0, 3.0])
    assert verdict(DIGITS, DIGITS.claims[0]) == "not measured"


def test_finished_runs_alone_are_recorded_without_weights_and_paths(
    records: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = tmp_path / "runs"
    made(runs / "whole", 0, "sn", (100.0,))
    made(runs / "half", 1, "sn", {50: 100.0}, step=50)
    (runs / "whole" / "checkpoints").mkdir()
    config = runs / "whole" / "config.yaml"
    config.write_text(f"{config.read_text()}root: {tmp_path}/images\n")
    monkeypatch.chdir(tmp_path)
    record("digits", [str(runs)], records)
    assert {path.name for path in (records / "digits").iterdir()} == {"whole"}
    kept = records / "digits" / "whole"
    assert {path.name for path in kept.iterdir()} == set(reproduction.KEPT)
    assert "root: images" in (kept / "config.yaml").read_text()
    shutil.rmtree(runs)
    assert "100" in page()
