"""Which numbers of an evaluation are scores, and which evaluation stands for a run."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from gan_lightning.errors import UserError
from gan_lightning.report.evaluations import (
    At,
    Measure,
    ScoredStep,
    better,
    choose,
    fid_of,
    is_score,
    is_spread,
    joined_lines,
    of_facts,
    of_file,
)
from tests.report.made import made
from tests.report.views import means


@pytest.mark.parametrize(
    ("at", "expected"), [("end", 9.0), ("best", 4.0), ("last", 9.0), ("20", 6.0)]
)
def test_which_evaluation_stands_for_a_run(tmp_path: Path, at: str, expected: float) -> None:
    made(tmp_path / "a", fids={20: 6.0, 40: 4.0, 100: 9.0})
    assert means(tmp_path, at=at) == {(): expected}


def test_versions_and_the_runs_own_fingerprints_are_no_measure(tmp_path: Path) -> None:
    for seed in range(2):
        facts = {"torch": f"2.{seed}", "device": str(seed), "images_fingerprint": str(seed)}
        made(tmp_path / str(seed), seed, fids=[1.0 + 2 * seed], measure=facts)
    assert means(tmp_path) == {(): 2.0}


MONITOR, PAPER = (("protocol", "monitor"),), (("protocol", "paper"),)


def evaluation(step: int, fid: float, measure: Measure = MONITOR) -> ScoredStep:
    return ScoredStep(step, {"fid": fid}, measure)


# ------------------------------------------------------------------------------------- what is read


def test_scores_are_the_real_numbers_before_the_protocol() -> None:
    """Counts are whole, and settings of the protocol come behind it."""
    facts = {"step": 5, "fid": 2.5, "fid_real": 100, "protocol": "paper", "sigma": 0.5, "device": 1}
    found = of_facts(facts)
    assert found is not None
    assert found.scores == {"fid": 2.5}
    assert found.measure == (("fid_real", "100"), ("protocol", "paper"), ("sigma", "0.5"))


def test_a_measure_is_the_same_in_whatever_order_its_facts_come() -> None:
    one = of_facts({"step": 1, "fid": 1.0, "real": "a", "protocol": "b"})
    two = of_facts({"fid": 1.0, "seed": 3, "protocol": "b", "real": "a", "torch": "2", "step": 1})
    assert one == two
    assert of_facts({"protocol": "b", "fid": 1.0, "step": 1}) is None  # no score but behind it


@pytest.mark.parametrize(
    "facts", [{}, {"fid": 1.0}, {"step": "5", "fid": 1.0}, {"step": True, "fid": 1.0}, {"step": 5}]
)
def test_what_has_no_iteration_or_no_score_is_no_evaluation(facts: dict[str, object]) -> None:
    assert of_facts(facts) is None


def test_a_file_gives_a_line_after_the_other_and_says_which_are_damaged(tmp_path: Path) -> None:
    path = tmp_path / "scores.jsonl"
    path.write_bytes(b'{"step": 1, "fid": 2.0}\n\n[3]\n\xff\n{"step": 2, "fid": 1.0}\n{"step": 3')
    found = list(of_file(path))
    assert [e and (e.step, e.scores["fid"]) for e in found] == [
        (1, 2.0),
        None,
        None,
        (2, 1.0),
        None,
    ]
    assert list(of_file(tmp_path / "absent")) == []
    assert list(of_file(tmp_path)) == [None]  # there is something, but no file


def test_lines_of_other_iterations_are_passed_over_where_one_is_asked_for(tmp_path: Path) -> None:
    """Not those that begin in another way: their iteration is not known without reading them."""
    path = tmp_path / "scores.jsonl"
    path.write_text(
        '{"step": 1, "fid": 2.0}\n{"step": 12, "fid": 3.0}\n{"fid": 4.0, "step": 2}\n{"step": 1, "x'
    )
    assert [e and e.step for e in of_file(path, only=1)] == [1, 2, None]
    assert [e and e.step for e in of_file(path, only=12)] == [12, 2]


# ------------------------------------------------------------------------------- which one is meant


@pytest.mark.parametrize("text", ["never", "", "-5", "5.0", "END"])
def test_what_names_no_evaluation_is_refused_with_all_that_do(text: str) -> None:
    with pytest.raises(UserError) as caught:
        At.parse(text)
    assert str(caught.value) == (
        f"at {text} is not allowed: give end (the evaluation after a run's last iteration), last "
        "(the newest there is), best (that of the lowest FID) or an iteration"
    )


@pytest.mark.parametrize(
    ("text", "iteration", "words"),
    [
        ("end", 100, "after the last iteration"),
        ("last", None, "at the newest evaluation"),
        ("best", None, "at the evaluation of the lowest FID"),
        ("30", 30, "after iteration 30"),
        ("0", 0, "after iteration 0"),
    ],
)
def test_one_iteration_is_asked_for_by_its_number_or_as_the_end(
    text: str, iteration: int | None, words: str
) -> None:
    at = At.parse(text)
    assert (at.iteration(100), str(at)) == (iteration, words)


def chosen_at(text: str, *evaluations: ScoredStep | None, end: int = 100) -> dict[str, ScoredStep]:
    """By protocol."""
    return {m[0][1]: e for m, e in choose(evaluations, At.parse(text), end).items()}


def test_one_evaluation_of_each_measure_stands_for_a_run() -> None:
    made = [evaluation(10, 5.0), evaluation(10, 9.0, PAPER), evaluation(100, 7.0)]
    assert chosen_at("last", *made) == {"monitor": made[2], "paper": made[1]}
    assert chosen_at("best", *made) == {"monitor": made[0], "paper": made[1]}
    assert chosen_at("end", *made) == {"monitor": made[2]}
    assert (
        chosen_at("50", *made)
        == chosen_at("0", *made)
        == chosen_at("end")
        == chosen_at("last", None)
        == {}
    )


def test_the_newest_is_that_of_the_latest_iteration_in_whatever_order() -> None:
    made = [evaluation(30, 5.0), evaluation(20, 9.0)]
    assert chosen_at("last", *made) == {"monitor": made[0]}


def test_of_equally_good_ones_the_earliest_is_the_best_and_infinity_is_never() -> None:
    made = [evaluation(10, math.nan), evaluation(20, 5.0), evaluation(30, 5.0)]
    assert chosen_at("best", *made) == {"monitor": made[1]}


def test_what_is_measured_again_later_counts_anew_and_keeps_the_rest() -> None:
    first = ScoredStep(10, {"fid": 5.0, "is_mean": 2.0}, MONITOR)
    found = chosen_at("last", first, evaluation(5, 1.0), evaluation(10, 4.0))
    assert found["monitor"].scores == {"fid": 4.0, "is_mean": 2.0}


def test_a_generator_and_its_average_are_one_evaluation() -> None:
    lines = [
        ScoredStep(10, {"fid": 5.0}, MONITOR),
        None,
        ScoredStep(10, {"ema_fid": 4.0}, MONITOR),
        ScoredStep(10, {"fid": 6.0}, PAPER),
        ScoredStep(20, {"fid": 3.0}, PAPER),
    ]
    assert list(joined_lines(lines)) == [
        ScoredStep(10, {"fid": 5.0, "ema_fid": 4.0}, MONITOR),
        *lines[3:],
    ]
    assert list(joined_lines([])) == list(joined_lines([None])) == []


# ---------------------------------------------------------------------------------------- of scores


@pytest.mark.parametrize(
    ("scores", "fid"),
    [
        ({"fid": 5.0, "ema_fid": 6.0}, 6.0),
        ({"digits_fid": 5.0, "digits_kid": 1.0}, 5.0),
        ({"digits_fid": 5.0, "fid": 4.0}, 4.0),
        ({"is_mean": 5.0}, math.inf),
        ({"fid": math.nan}, math.inf),
    ],
)
def test_a_run_is_judged_by_the_fid_of_its_average_if_there_is_one(
    scores: dict[str, float], fid: float
) -> None:
    assert fid_of(ScoredStep(1, scores, ())) == fid


def test_every_kind_of_score_has_its_direction() -> None:
    """Alone, by an extractor, and of the moving average; a spread has none."""
    for begin in ("", "digits_", "ema_", "ema_digits_"):
        assert all(better(f"{begin}{name}") == -1 for name in ("fid", "kid", "memorized"))
        assert all(better(f"{begin}{name}") == 1 for name in ("is_mean", "recall", "density"))
        assert all(better(f"{begin}{name}") == 0 for name in ("ms_ssim", "is_std", "kid_std"))
        assert is_spread(f"{begin}kid_std")
        assert not is_spread(f"{begin}kid")
        assert all(is_score(f"{begin}{name}") for name in ("fid", "kid_std", "ms_ssim", "coverage"))
    assert better("afid") == better("fid/total") == better("loss") == 0
    assert not is_score("discriminator_loss")
    assert not is_score("afid")


def test_one_infinite_score_makes_an_evaluation_one_without_a_mean() -> None:
    assert ScoredStep(1, {"fid": 1.0, "is_mean": 2.0}, ()).finite
    assert not ScoredStep(1, {"fid": 1.0, "is_mean": math.inf}, ()).finite
    assert not ScoredStep(1, {"fid": math.nan, "is_mean": 2.0}, ()).finite
