"""What may be averaged, as laws: same options, same measure, each seed once."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from gan_lightning.errors import UserError
from gan_lightning.report.evaluations import Measure, ScoredStep
from gan_lightning.report.groups import (
    Collection,
    ComparedRun,
    Group,
    Section,
    left_out,
    measured_otherwise,
)
from gan_lightning.report.runs import Ending
from gan_lightning.report.score_tables import tables_of
from tests.report.made import made, of_cifar10
from tests.report.views import comparison, means


@pytest.mark.parametrize("option", [{"n_dis": 5}, {"new_option": "x"}, {"penalties": ["r1"]}])
def test_a_differing_option_splits(tmp_path: Path, option: dict[str, Any]) -> None:
    made(tmp_path / "a", 0, fids=[1.0])
    made(tmp_path / "b", 1, fids=[3.0], **option)
    assert sorted(means(tmp_path).values()) == [1.0, 3.0]


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


def test_a_run_without_a_seed_repeats_none(tmp_path: Path) -> None:
    """Two of them were made by different numbers, whatever their options."""
    for k, fid in enumerate((1.0, 3.0)):
        folder = made(tmp_path / str(k), 0, fids=[fid])
        text = (folder / "config.yaml").read_text()
        (folder / "config.yaml").write_text(text.replace("seed_everything: 0\n", ""))
    assert means(tmp_path) == {(): 2.0}


def test_values_are_those_of_the_runs_and_none_where_one_lacks_an_option(tmp_path: Path) -> None:
    made(tmp_path / "a", 0, {"name": "bssn", "scale": 2.0})
    made(tmp_path / "b", 0, "sn", n_dis=5)
    found = comparison(tmp_path).collection
    values = {o: [found.value(run, o) for run in found.outcomes] for o in found.differing()}
    assert values == {
        "model.norm": ["bssn", "sn"],
        "model.norm.scale": ["2", None],
        "model.n_dis": ["1", "5"],
    }
    assert [found.value(run, "data") for run in found.outcomes] == ["digits", "digits"]


def test_options_stand_in_the_order_in_which_people_speak_of_a_run(tmp_path: Path) -> None:
    norm, objective = (
        {"name": "bssn", "scale": 2.0},
        {"class_path": "gan_lightning.losses.standard"},
    )
    made(tmp_path / "a")
    made(tmp_path / "b", 0, norm, a_new_one=1, n_dis=5, objective=objective, generator="mine.net")
    of_cifar10(made(tmp_path / "c"))
    assert comparison(tmp_path).collection.differing() == [
        *("data", "model.generator", "model.objective", "model.norm", "model.norm.scale"),
        *("model.a_new_one", "model.n_dis"),
    ]


def collection(folder: Path) -> Collection:
    made(folder / "a", 0, {"name": "bssn", "scale": 2.0})
    made(folder / "b", 1, "sn", n_dis=5)
    return comparison(folder).collection


def test_groups_are_made_by_what_is_asked_for_in_its_order(tmp_path: Path) -> None:
    found = collection(tmp_path)
    assert found.options_for(" model.norm, --model.n_dis,") == ["model.norm", "model.n_dis"]
    assert found.options_for("model.n_dis,model.norm") == ["model.n_dis", "model.norm"]
    assert found.options_for("data") == ["data"]  # alike in all runs, and asked for
    assert found.options_for(None) == found.differing()


@pytest.mark.parametrize(
    ("by", "said"),
    [
        (
            "seed_everything",
            "by seed_everything makes no groups: runs that differ in it are repeats",
        ),
        ("model.norm,run", "by run makes no groups: runs that differ in it are repeats"),
        ("model.n_dsi", "by model.n_dsi is no option of these runs; near ones: model.n_dis"),
        ("xyzzy", "by xyzzy is no option of these runs; see their config.yaml"),
        (" , ", "by needs names of options, such as model.norm,model.norm.scale"),
    ],
)
def test_what_makes_no_groups_is_refused(tmp_path: Path, by: str, said: str) -> None:
    with pytest.raises(UserError) as caught:
        collection(tmp_path).options_for(by)
    assert str(caught.value).startswith(said)


def test_runs_are_told_apart_by_their_seed_and_what_makes_no_groups(tmp_path: Path) -> None:
    """Options below one that makes groups belong to it."""
    found = collection(tmp_path)
    assert [found.identities(["model.norm"])(run) for run in found.outcomes] == [
        ("0", "1"),
        ("1", "5"),
    ]
    everything = found.identities(["model.norm", "model.n_dis"])
    assert [everything(run) for run in found.outcomes] == [("0",), ("1",)]


def test_the_measure_of_most_runs_comes_first_and_groups_come_by_size(tmp_path: Path) -> None:
    made(tmp_path / "0", 0, {"name": "ssn", "scale": 1}, [1.0], measure={"protocol": "paper"})
    for scale in (10, 9, 2):
        made(tmp_path / str(scale), 0, {"name": "ssn", "scale": scale}, [1.0])
    usual, other = comparison(tmp_path).sections
    assert [group.key for group in usual.groups] == [("2",), ("9",), ("10",)]
    assert [group.key for group in other.groups] == [("1",)]
    assert dict(other.measure)["protocol"] == "paper"
    assert usual.scores == other.scores == ["digits_fid"]


@pytest.mark.parametrize(
    ("keys", "telling", "repeating"),
    [
        ([("sn", "1", "a"), ("bsn", "2", "a")], [0], [1]),
        ([("sn", "1", "x"), ("bsn", "1", "y"), ("sn", "2", "x")], [0, 1], [2]),
        ([("sn", "1", "x"), ("bsn", "2", "x"), ("none", "1", "y")], [0, 1, 2], []),
        ([("sn", None, "a")], [], []),
    ],
)
def test_an_option_that_repeats_another_tells_nothing_more(
    keys: list[tuple[str | None, ...]], telling: list[int], repeating: list[int]
) -> None:
    assert Section((), [Group(key) for key in keys]).telling() == (telling, repeating)


def outcome(seed: str | None, fid: float) -> ComparedRun:
    found: dict[Measure, ScoredStep] = {(): ScoredStep(1, {"fid": fid}, ())}
    return ComparedRun(f"run-{seed}", seed, Ending("finished"), {}, found, True)


def test_what_is_averaged_is_finite_and_what_is_paired_is_alone_of_its_kind() -> None:
    members = [outcome("0", 3.0), outcome("1", math.inf), outcome(None, 4.0), outcome("2", 5.0)]
    group = Group((), [*members, outcome("2", 6.0)])
    assert group.values((), "fid") == [3.0, 4.0, 5.0, 6.0]
    assert group.values((), "kid") == []
    assert group.by_identity((), "fid", lambda run: run.seed) == {"0": 3.0, "1": math.inf}
    assert group.by_identity((), "kid", lambda run: run.seed) == {}


def test_what_is_in_no_section_is_said_with_the_reason(tmp_path: Path) -> None:
    made(tmp_path / "a", fids={50: 1.0})
    made(tmp_path / "b", 1, fids={})
    made(tmp_path / "c", 2, fids={50: 1.0}, step=70)
    reasons = {
        "end": [
            "finished; no evaluation after the last iteration",
            "finished; never evaluated",
            "unfinished: 70 of 100 iterations",
        ],
        "60": [
            "finished; no evaluation after iteration 60",
            "finished; never evaluated",
            "unfinished: 70 of 100 iterations; no evaluation after iteration 60",
        ],
        "50": ["finished; never evaluated"],
        "last": ["finished; never evaluated"],
    }
    for at, said in reasons.items():
        found = left_out(comparison(tmp_path, at=at).collection)
        assert [why for _, why in found] == said, at


def test_what_two_measures_differ_in_is_said_from_both_sides() -> None:
    measure = (("kid_count", "100"), ("protocol", "paper"))
    usual = {"protocol": "monitor", "real": "digits"}
    assert measured_otherwise(measure, usual) == (
        "kid_count 100 (not none), protocol paper (not monitor), real none (not digits)"
    )
    assert measured_otherwise(measure, dict(measure)) == ""
