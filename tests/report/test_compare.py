"""What `gan compare` says, against numbers worked out by hand; what it may average, as laws."""

from __future__ import annotations

import csv
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gan_lightning.cli.main import main
from gan_lightning.errors import UserError
from gan_lightning.report.comparison import Comparison
from gan_lightning.report.evaluations import At
from gan_lightning.report.finding import find_runs
from gan_lightning.report.published import all_published
from gan_lightning.report.score_tables import tables_of
from gan_lightning.report.statistics import FEWEST, RESAMPLES, summaries, summary, written
from tests.report.made import made


def comparison(
    folder: Path, by: str | None = None, at: str = "end", against: str | None = None
) -> Comparison:
    return Comparison.of(find_runs([str(folder)]), by, At.parse(at), against)


def means(folder: Path, score: str = "digits_fid", **options: str) -> dict[tuple[str, ...], float]:
    """The means of the first section, by the values of the options."""
    found = comparison(folder, **options)
    lines = found.lines[found.sections[0].measure]
    return {
        tuple(map(str, line.group.key)): line.found[score].mean
        for line in lines
        if score in line.found
    }


# ------------------------------------------------------------------------------------- statistics


def test_mean_and_standard_error_by_hand() -> None:
    found = summary([2.0, 4.0, 9.0])  # deviations -3, -1, 4: variance 26 / 2 = 13
    assert (found.n, found.mean) == (3, 5.0)
    assert found.error == pytest.approx(math.sqrt(13 / 3), abs=1e-15)


def test_one_value_has_no_error_and_two_have_no_interval() -> None:
    assert summary([3.0]) == (1, 3.0, None, None, None)
    assert summary([3.0, 5.0]) == (2, 4.0, 1.0, None, None)


def literal_bca(values: np.ndarray) -> tuple[float, float]:
    """Efron and Tibshirani (1993), section 14.3, word by word."""
    from scipy.stats import norm

    n = len(values)
    index = np.random.default_rng(0).integers(0, n, (RESAMPLES, n))
    resampled = np.sort(values[index].mean(axis=1))
    below = (np.sum(resampled < values.mean()) + np.sum(resampled <= values.mean())) / 2
    bias = norm.ppf(below / RESAMPLES)
    jackknife = np.array([np.delete(values, k).mean() for k in range(n)])
    deviation = jackknife.mean() - jackknife
    acceleration = (deviation**3).sum() / (6 * (deviation**2).sum() ** 1.5)
    ends = []
    for z in norm.ppf([0.025, 0.975]):
        shifted = bias + (bias + z) / (1 - acceleration * (bias + z))
        ends.append(float(np.percentile(resampled, 100 * norm.cdf(shifted))))
    return ends[0], ends[1]


@pytest.mark.parametrize("values", [[2.0, 4.0, 9.0], [1.0, 1.5, 1.2, 7.0, 1.1]])
def test_intervals_are_the_bootstrap_of_the_textbook(values: list[float]) -> None:
    found = summary(values)
    assert (found.low, found.high) == pytest.approx(literal_bca(np.array(values)), abs=1e-9)


def test_an_interval_does_not_depend_on_the_other_groups() -> None:
    samples = [[2.0, 4.0, 9.0], [1.0, 2.0, 2.5], [5.0], [4.0, 4.0, 4.0], [1.0, 2.0, 3.0, 5.0]]
    assert summaries(samples) == [summary(sample) for sample in samples]
    assert summary([4.0] * FEWEST)[2:] == (0.0, 4.0, 4.0)


@given(st.lists(st.floats(-1e3, 1e3).map(lambda x: round(x, 3)), min_size=1, max_size=6))
def test_what_is_written_is_the_mean_to_its_error(values: list[float]) -> None:
    found = summary(values)
    digits = written(found).split(" ± ")
    allowed = max(5e-4, 0.05 * (found.error or 0), 5e-5 * abs(found.mean))
    assert abs(float(digits[0]) - found.mean) <= allowed


# ------------------------------------------------------------------------------------------ means


def test_means_by_hand_over_seeds(tmp_path: Path) -> None:
    for seed, (sn, bssn) in enumerate([(30.0, 20.0), (34.0, 26.0), (38.0, 23.0)]):
        made(tmp_path / f"sn-{seed}", seed, "sn", [sn])
        made(tmp_path / f"bssn-{seed}", seed, {"name": "bssn", "scale": 1.4}, [bssn])
    assert means(tmp_path) == {("bssn", "1.4"): 23.0, ("sn", "None"): 34.0}
    found = comparison(tmp_path, against="sn")
    (table, difference) = tables_of(found)
    assert [[cell.text for cell in row][:3] for row in table.rows] == [
        ["bssn", "1.4", "3"],
        ["sn", "-", "3"],
    ]
    assert [cell.best for row in table.rows for cell in row] == [False] * 3 + [True] + [False] * 4
    # differences -10, -8, -15: mean -11, deviations 1, 3, -4: variance 13
    assert difference.rows[0][3].text.startswith(f"-11.0 ± {math.sqrt(13 / 3):.1f} [")


def test_differences_are_taken_at_common_seeds_only(tmp_path: Path) -> None:
    for seed, fid in {0: 10.0, 1: 20.0, 5: 1000.0}.items():
        made(tmp_path / f"sn-{seed}", seed, "sn", [fid])
    for seed, fid in {1: 17.0, 0: 8.0, 7: -1000.0}.items():
        made(tmp_path / f"bsn-{seed}", seed, "bsn", [fid])
    (row,) = tables_of(comparison(tmp_path, against="model.norm=sn"))[1].rows
    assert [cell.text for cell in row] == ["bsn", "2", "-2.50 ± 0.50"]


def test_differences_leave_other_options_alike(tmp_path: Path) -> None:
    """A norm is compared with SN of the same n_dis, whatever scale it has of its own."""
    for n_dis, fids in {1: (10.0, 7.0), 5: (100.0, 90.0)}.items():
        made(tmp_path / f"sn-{n_dis}", 0, "sn", fids[:1], n_dis=n_dis)
        made(tmp_path / f"b-{n_dis}", 0, {"name": "bssn", "scale": n_dis}, fids[1:], n_dis=n_dis)
    rows = tables_of(comparison(tmp_path, against="sn"))[1].rows
    assert sorted(float(row[-1].text) for row in rows) == [-10.0, -3.0]


def test_differences_of_pooled_runs_pair_what_is_else_alike(tmp_path: Path) -> None:
    """Seed 0 of n_dis 1 with seed 0 of n_dis 1, although both stand in one line."""
    for n_dis, (sn, bsn) in {1: (10.0, 7.0), 5: (100.0, 95.0)}.items():
        made(tmp_path / f"sn-{n_dis}", 0, "sn", [sn], n_dis=n_dis)
        made(tmp_path / f"bsn-{n_dis}", 0, {"name": "bssn", "scale": n_dis}, [bsn], n_dis=n_dis)
    found = comparison(tmp_path, "model.norm", against="sn")
    assert tables_of(found)[1].rows[0][2].text == "-4.0 ± 1.0"


@pytest.mark.parametrize(
    ("at", "expected"), [("end", 9.0), ("best", 4.0), ("last", 9.0), ("20", 6.0)]
)
def test_which_evaluation_stands_for_a_run(tmp_path: Path, at: str, expected: float) -> None:
    made(tmp_path / "a", fids={20: 6.0, 40: 4.0, 100: 9.0})
    assert means(tmp_path, at=at) == {(): expected}


# ------------------------------------------------------------------------------------------- laws


def test_the_seed_and_what_is_harmless_never_split(tmp_path: Path) -> None:
    for seed in range(3):  # their `run` and `samples.every_n_steps` differ as well
        made(tmp_path / str(seed), seed, fids=[float(seed)])
    assert means(tmp_path) == {(): 1.0}


@pytest.mark.parametrize("option", [{"n_dis": 5}, {"new_option": "x"}, {"penalties": ["r1"]}])
def test_a_differing_option_splits(tmp_path: Path, option: dict[str, Any]) -> None:
    made(tmp_path / "a", 0, fids=[1.0])
    made(tmp_path / "b", 1, fids=[3.0], **option)
    assert sorted(means(tmp_path).values()) == [1.0, 3.0]


def test_by_pools_what_it_leaves_out_and_says_so(tmp_path: Path) -> None:
    made(tmp_path / "a", 0, fids=[1.0])
    made(tmp_path / "b", 0, fids=[3.0], n_dis=5)
    assert means(tmp_path, by="model.norm") == {("sn",): 2.0}
    (table,) = tables_of(comparison(tmp_path, "model.norm"))
    assert "runs of one line differ in model.n_dis, by which they are not grouped" in table.notes


@pytest.mark.parametrize(
    "otherwise",
    [
        {"protocol": "paper"},
        {"extractor_fingerprint": "other"},
        {"real": "digits test"},
        {"fid_real": 500},
        {"fid_generated": 100},
        {"kid_count": 1000},
    ],
)
def test_a_differently_measured_run_never_changes_a_mean(
    tmp_path: Path, otherwise: dict[str, object]
) -> None:
    for seed in range(2):
        made(tmp_path / f"a-{seed}", seed, fids=[1.0 + 2 * seed])
    made(tmp_path / "b", 7, fids=[1000.0], measure=otherwise)
    first, second = tables_of(comparison(tmp_path))
    assert first.rows[0][-1].text == "2.0 ± 1.0"
    (name,) = otherwise
    assert f"Measured otherwise: {name} {otherwise[name]} (not " in second.title
    assert second.rows[0][-1].text == "1000.0"


def test_versions_and_the_runs_own_fingerprints_are_no_measure(tmp_path: Path) -> None:
    for seed in range(2):
        facts = {"torch": f"2.{seed}", "device": str(seed), "images_fingerprint": str(seed)}
        made(tmp_path / str(seed), seed, fids=[1.0 + 2 * seed], measure=facts)
    assert means(tmp_path) == {(): 2.0}


@pytest.mark.parametrize("at", ["end", "best"])
def test_an_unfinished_run_never_changes_a_mean(tmp_path: Path, at: str) -> None:
    made(tmp_path / "a", 0, fids=[1.0])
    made(tmp_path / "b", 1, fids=[1000.0], step=60)
    assert means(tmp_path, at=at) == {(): 1.0}
    (_, rest) = tables_of(comparison(tmp_path, at=at))
    assert [[cell.text for cell in row] for row in rest.rows] == [
        [str(tmp_path / "b"), "unfinished: 60 of 100 iterations"]
    ]


def test_an_unfinished_run_counts_where_that_was_asked_for_and_is_said(tmp_path: Path) -> None:
    made(tmp_path / "a", 0, fids=[1.0])
    made(tmp_path / "b", 1, fids=[3.0], step=60)
    assert means(tmp_path, at="last") == {(): 2.0}
    (table,) = tables_of(comparison(tmp_path, at="last"))
    assert any("1 of the runs are not finished" in note for note in table.notes)


def test_a_repeated_run_counts_once(tmp_path: Path) -> None:
    made(tmp_path / "a", 0, fids=[1.0])
    made(tmp_path / "again", 0, fids=[5.0])
    made(tmp_path / "b", 1, fids=[3.0])
    assert means(tmp_path) == {(): 2.0}
    table, rest = tables_of(comparison(tmp_path))
    assert table.rows[0][0].text == "2 of 3"
    assert rest.rows[0][1].text == f"repeats {tmp_path / 'a'}: same options, same seed"


def test_a_score_that_is_not_finite_is_no_part_of_a_mean(tmp_path: Path) -> None:
    made(tmp_path / "a", 0, fids=[1.0])
    made(tmp_path / "b", 1, fids=[math.nan])
    assert means(tmp_path) == {(): 1.0}
    assert "not finite" in tables_of(comparison(tmp_path))[1].rows[0][1].text


def test_a_finished_run_without_an_evaluation_at_its_end_is_said(tmp_path: Path) -> None:
    made(tmp_path / "a", 0, fids=[1.0])
    made(tmp_path / "b", 1, fids={50: 3.0})
    made(tmp_path / "c", 2, fids={})
    rest = tables_of(comparison(tmp_path))[1]
    assert [row[1].text for row in rest.rows] == [
        "finished; no evaluation after the last iteration",
        "finished; never evaluated",
    ]


# ---------------------------------------------------------------------------------------- papers


def inception(protocol: str) -> dict[str, str]:
    return {"protocol": protocol, "extractor": "inception"}


def of_cifar10(folder: Path) -> None:
    text = (folder / "config.yaml").read_text()
    (folder / "config.yaml").write_text(text.replace("data.digits", "data.cifar10"))


@pytest.mark.parametrize(
    ("protocol", "expected"),
    [
        ("paper", "31.43 ± 0.90 [1]; 31.43 [2]"),
        ("sngan", "25.5 [1]"),
        ("monitor", None),
        ("modified paper", None),
    ],
)
def test_published_numbers_stand_where_the_protocol_is_theirs(
    tmp_path: Path, protocol: str, expected: str | None
) -> None:
    of_cifar10(made(tmp_path / "a", measure=inception(protocol)))
    (table,) = tables_of(comparison(tmp_path))
    assert table.head[-1] == ("fid published" if expected else "fid")
    assert not expected or table.rows[0][-1].text == expected


def test_published_numbers_are_those_of_the_papers() -> None:
    """Samples of the tables as they are printed."""
    found = {
        (n.paper, n.table, n.dataset, n.norm, n.objective, n.score): n for n in all_published()
    }
    assert len(found) < len(all_published()) == 28 + 20 + 30  # ResNet beside CNN
    assert str(found["BSSN", "1", "cifar10", "bssn", "hinge", "fid"]) == "26.94 ± 0.58"
    assert str(found["BSSN", "1", "imagenet", "bsn", "hinge", "is_mean"]) == "1.77 ± 0.13"
    assert str(found["BSSN", "1", "celeba", "ssn", "hinge", "fid"]) == "8.50 ± 0.20"
    assert str(found["SNGAN", "2", "cifar10", "clip", "standard", "fid"]) == "42.6"


# ----------------------------------------------------------------------------------- command line


def test_files_hold_what_the_terminal_shows(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for seed, fid in enumerate([2.0, 4.0, 9.0]):
        made(tmp_path / "study" / str(seed), seed, fids=[fid])
    made(tmp_path / "study" / "x", 0, "none", [8.0])
    for suffix in (".csv", ".md", ".tex"):
        main(["compare", str(tmp_path / "study"), "--out", str(tmp_path / f"table{suffix}")])
    text = written(summary([2.0, 4.0, 9.0]))
    assert f"{text} *" in capsys.readouterr().out
    assert f"| sn | 3 | **{text}** |" in (tmp_path / "table.md").read_text()
    in_tex = text.replace("±", "$\\pm$")
    assert f"& \\textbf{{{in_tex}}} \\\\" in (tmp_path / "table.tex").read_text()
    with (tmp_path / "table.csv").open() as file:
        rows = {row["model.norm"]: row for row in csv.DictReader(file)}
    assert float(rows["sn"]["mean"]) == 5.0
    assert float(rows["sn"]["standard_error"]) == summary([2.0, 4.0, 9.0]).error
    assert (rows["sn"]["best"], rows["none"]["best"]) == ("True", "False")
    assert rows["none"]["standard_error"] == ""


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--by", "model.nrm"], "--by model.nrm is no option of these runs; near ones: model.norm"),
        (["--by", "seed_everything"], "--by seed_everything makes no groups"),
        (["--by", ","], "--by needs names of options"),
        (["--at", "never"], "--at never is not allowed: give end"),
        (["--against", "bn"], "--against bn is no value that groups differ in"),
        (["--out", "table.pdf"], "--out table.pdf is not allowed: give a file that ends in .csv"),
        (["--nothing", "1"], "unrecognized arguments: --nothing 1"),
    ],
)
def test_mistakes_take_one_sentence(
    tmp_path: Path, arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    made(tmp_path / "a")
    with pytest.raises(SystemExit) as ended:
        main(["compare", str(tmp_path), *arguments])
    assert ended.value.code == 2
    assert f"gan: error: {said}" in capsys.readouterr().err


def test_a_value_of_two_options_has_to_be_told_apart(tmp_path: Path) -> None:
    made(tmp_path / "a", 0, {"name": "ssn", "scale": 2}, n_dis=1)
    made(tmp_path / "b", 0, {"name": "ssn", "scale": 1}, n_dis=2)
    with pytest.raises(UserError, match=r"value of model.norm.scale and of model.n_dis: write"):
        comparison(tmp_path, against="2")


def test_comparing_imports_no_torch(tmp_path: Path) -> None:
    made(tmp_path / "a")
    code = (
        "import sys; from gan_lightning.cli.main import main; main(['compare', sys.argv[1]]); "
        "assert not {'torch', 'lightning', 'matplotlib', 'wandb'} & set(sys.modules)"
    )
    subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], check=True, cwd=Path(__file__).parents[2]
    )
