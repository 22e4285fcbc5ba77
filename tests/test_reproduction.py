"""The page of results says what the records say."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from benchmarks import evidence, reproduction
from benchmarks.evidence import ROOT, STUDIES, Study, chosen
from benchmarks.papers_tables import SWEEPS, papers_tables
from benchmarks.reproduction import page, record, verdict
from gan_lightning.report.comparison import Comparison
from gan_lightning.report.published import all_published
from gan_lightning.report.statistics import written
from gan_lightning.studies.sweep_file import read_sweep
from tests.report.made import made

DIGITS = STUDIES[0]
BETTER_THAN_SN = DIGITS.claims[2]  # bsn
INCEPTION = {"extractor": "inception"}
SN = [100.0, 110.0, 120.0, 105.0, 115.0]


@pytest.fixture
def records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where records are, for this test."""
    monkeypatch.setattr(evidence, "RECORDS", tmp_path / "records")
    return tmp_path / "records"


def study(folder: Path, bsn: list[float]) -> None:
    """Three seeds of sn, and of bsn with the given scores."""
    for norm, fids in (("sn", SN), ("bsn", bsn)):
        for seed, fid in enumerate(fids):
            made(folder / DIGITS.name / f"{norm}-{seed}", seed, norm, (fid,))


def test_the_page_is_computed_from_the_records() -> None:
    assert reproduction.PAGE.read_text() == page()


@pytest.mark.parametrize(
    ("name", "score", "form"),
    [("digits", "digits_fid", "| {} |"), ("cifar10", "cifar10jpeg_fid", "{}")],
)
def test_the_readme_says_what_the_page_says(name: str, score: str, form: str) -> None:
    text = " ".join((ROOT / "README.md").read_text().split())
    (of_this,) = (study for study in STUDIES if study.name == name)
    (lines,) = of_this.comparison(None).lines.values()
    for line in lines:
        mean = form.format(written(line.found[score]).partition(" [")[0])
        told = name == "digits" or {"none", "sn"} & {*line.group.key}
        assert (mean in text) == bool(told), line.group.key


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
    assert page().count("None of its 25 runs are recorded.") == 1
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


def test_the_scales_are_those_that_the_pilot_chose() -> None:
    sweep = read_sweep(ROOT / "sweeps" / "cifar10_evidence.yaml")
    norms = {str(values["model.norm"]) for values in sweep.grid()}
    ssn = f"{{class_path: ssn, init_args: {{scale: {chosen('ssn')}}}}}"
    assert chosen("bssn") == "1", "bssn is no longer bsn"
    assert norms == {"none", "sn", "bsn", ssn}


def test_a_pilot_chooses_the_scale_of_the_lowest_fid(records: Path) -> None:
    assert chosen("ssn") == evidence.ABSENT
    for scale, fid in (("0.7", 30.0), ("1.4", 9.5), ("10", 21.0)):
        folder = made(records / "cifar10_pilot" / f"norm=ssn,scale={scale}")
        (folder / "metrics.csv").write_text(f"step,cifar10jpeg_fid\n1,8\n2,{fid}\n3,\n")
    assert chosen("ssn") == "1.4"


def test_the_page_says_how_many_runs_are_there(records: Path) -> None:
    study(records, [1.0])
    assert "6 of its 25 runs are recorded." in page()
    assert "--max_trials 16" in STUDIES[1].command
    assert "None of its 16 runs are recorded." in STUDIES[1].progress


def test_claims_stand_beside_the_papers_numbers() -> None:
    numbers = {(c.better, c.worse): c.numbers for c in DIGITS.claims}
    assert numbers["bssn", "ssn"] == "FID 26.94 ± 0.58, 29.31 ± 0.23; IS 7.54 ± 0.04, 7.38 ± 0.06"
    assert numbers["sn", "none"] == evidence.ABSENT


def test_every_table_of_the_papers_has_its_sweeps() -> None:
    assert set(SWEEPS) == {(n.paper, n.table, n.dataset) for n in all_published()}
    for names in SWEEPS.values():
        assert all((ROOT / "sweeps" / f"{name}.yaml").exists() for name in names.split())


def test_what_was_measured_as_the_papers_did_stands_below_their_numbers(tmp_path: Path) -> None:
    def comparison(protocol: str) -> Comparison:
        folder = tmp_path / protocol
        run = made(folder / "a", fids=(31.0,), measure=INCEPTION | {"protocol": protocol})
        config = (run / "config.yaml").read_text()
        (run / "config.yaml").write_text(config.replace("data.digits", "data.cifar10"))
        return Study(str(folder), "", "").comparison(None)

    tables = papers_tables([comparison("paper")])
    assert "| sn, hinge | 7.12 ± 0.07 / 31.43 ± 0.90 | 9.05 ± 0.05 / 44.35 ± 0.54 |" in tables
    assert tables.count("| here | - / 31.0") == 2  # Tables 1 and 6 of BSSN
    assert "None of these" not in tables
    assert papers_tables([comparison("monitor")]) == papers_tables([])
    assert papers_tables([]).endswith("None of these has been run here.")
