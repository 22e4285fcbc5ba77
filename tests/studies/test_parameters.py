"""What a sweep file says of one parameter, as W&B understands it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import optuna
import pytest

from gan_lightning.errors import UserError
from gan_lightning.studies.parameters import (
    ELSEWHERE,
    RANGES,
    Choice,
    Parameter,
    Range,
    parameter,
    token,
)

DRAWN: dict[str, tuple[dict[str, Any], float, float]] = {
    "uniform": ({"min": 0.5, "max": 2.0}, 0.5, 2.0),
    "int_uniform": ({"min": 2, "max": 4}, 2, 4),
    "q_uniform": ({"min": 0, "max": 1, "q": 0.25}, 0, 1),
    "log_uniform": ({"min": -3, "max": 0}, math.exp(-3), 1),
    "log_uniform_values": ({"min": 1e-4, "max": 1e-2}, 1e-4, 1e-2),
    "q_log_uniform_values": ({"min": 1, "max": 64, "q": 2}, 0, 64),
}


@pytest.mark.parametrize("distribution", DRAWN)
def test_ranges_are_drawn_from(distribution: str) -> None:
    spec, low, high = DRAWN[distribution]
    read = parameter("a", {**spec, "distribution": distribution})
    assert isinstance(read, Range)
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    drawn = [read.suggest(study.ask()) for _ in range(200)]
    assert low <= min(drawn) < max(drawn) <= high
    middle = math.sqrt(low * high) if distribution.startswith("log") else (low + high) / 2
    below = sum(value < middle for value in drawn)
    if distribution in ("uniform", "log_uniform", "log_uniform_values"):
        assert 70 < below < 130  # 100 expected, 7 its standard deviation
    if "q_" in distribution:
        assert all((value / spec["q"]).is_integer() for value in drawn)
    if distribution == "int_uniform":
        assert set(drawn) == {2, 3, 4}


def test_bounds_say_the_distribution_as_on_wandb() -> None:
    assert parameter("a", {"min": 1, "max": 2}) == Range("a", "int_uniform", 1, 2)
    assert parameter("a", {"min": 1.0, "max": 2}) == Range("a", "uniform", 1.0, 2)
    assert parameter("a", {"value": [1]}) == Choice("a", ([1],))


def test_every_distribution_is_drawn_from_above() -> None:
    assert DRAWN.keys() == RANGES.keys()
    assert not set(RANGES) & set(ELSEWHERE)


@pytest.mark.parametrize("distribution", DRAWN)
def test_no_value_lies_beyond_the_ends(distribution: str) -> None:
    spec, low, high = DRAWN[distribution]
    read = parameter("a", {**spec, "distribution": distribution})
    assert isinstance(read, Range)
    ends = (spec["min"], high) if distribution == "q_log_uniform_values" else (low, high)
    assert read.ends() == pytest.approx(ends)


def test_whole_numbers_have_both_ends_and_are_listed() -> None:
    whole = Range("a", "int_uniform", 2, 4)
    assert whole.listed() == Choice("a", (2, 3, 4))
    assert Range("a", "int_uniform", 3, 3).listed() == Choice("a", (3,))
    assert Range("a", "uniform", 2, 4).listed() is None


class Fixed:
    """A trial that always draws the same, and keeps what it was asked for."""

    def __init__(self, value: object) -> None:
        self.value = value
        self.asked: list[tuple[object, ...]] = []

    def suggest_categorical(self, name: str, values: Sequence[object]) -> object:
        self.asked.append((name, values))
        return self.value

    def suggest_float(self, name: str, low: float, high: float, log: bool) -> object:
        self.asked.append((name, low, high, log))
        return self.value


def suggested(read: Parameter, value: object) -> tuple[object, list[tuple[object, ...]]]:
    """What a parameter makes of a drawn value, and what it asked for."""
    trial: Any = Fixed(value)
    return read.suggest(trial), trial.asked


def test_a_value_comes_back_as_the_file_has_it() -> None:
    """Lists and mappings are text in the database only."""
    values = ([0.5, 0.9], {"a": 1}, None, "sn", 2)
    choice = Choice("a", values)
    for value in values:
        assert suggested(choice, token(value)) == (value, [("a", choice.tokens)])


def test_a_constant_is_not_drawn() -> None:
    assert suggested(Choice("a", ([1, 2],)), "never") == ([1, 2], [])


@pytest.mark.parametrize(
    ("distribution", "drawn", "value", "log"),
    [
        ("uniform", 2.3, 2.3, False),
        ("q_uniform", 2.3, 2.5, False),
        ("log_uniform_values", 2.3, 2.3, True),
        ("q_log_uniform_values", 2.2, 2.0, True),
    ],
)
def test_a_step_rounds_to_its_multiples_and_a_logarithm_is_optunas(
    distribution: str, drawn: float, value: float, log: bool
) -> None:
    found = suggested(Range("lr", distribution, 1.0, 4.0, 0.5), drawn)
    assert found == (value, [("lr", 1.0, 4.0, log)])


@pytest.mark.parametrize("value", [None, True, 3, 0.5, "text"])
def test_what_a_database_takes_is_kept_as_it_is(value: object) -> None:
    assert token(value) is value


def test_what_it_does_not_take_is_text_that_tells_values_apart() -> None:
    assert token({"a": [1, None]}) == '{"a": [1, null]}'
    assert token([1]) != token([1.0])


REFUSED: dict[str, tuple[object, str]] = {
    "bare": ([1, 2], "parameters.a is [1, 2]: write {value: [1, 2]} or {values: [...]}"),
    "typo": ({"vaules": [1]}, "parameters.a.vaules is not known; did you mean values?"),
    "unknown": (
        {"xyz": 1},
        "parameters.a.xyz is not known; known: value, values, min, max, q, distribution",
    ),
    "mean": ({"mu": 0}, "parameters.a.mu is for W&B's own server alone; write nested options"),
    "text": ({"values": "abc"}, "parameters.a.values is 'abc'; it takes a list of values"),
    "twice": (
        {"values": [{"a": 1, "b": 2}, {"b": 2, "a": 1}]},
        "parameters.a.values has {'a': 1, 'b': 2} twice; each run is made once",
    ),
    "none twice": ({"values": [None, None]}, "parameters.a.values has None twice"),
    "distribution": (
        {"min": 0, "max": 1, "distribution": 3},
        "parameters.a.distribution 3 is not known; known: uniform, int_uniform, q_uniform",
    ),
    "truth": (
        {"min": True, "max": 2},
        "parameters.a.min is True, which is no number: give min and max, or the values to try",
    ),
    "no ends": ({"distribution": "uniform"}, "parameters.a.min is needed: give min and max"),
    "step": ({"min": 0.0, "max": 1, "q": True}, "parameters.a.q must be > 0, got True"),
    "log": (
        {"min": -1, "max": 1, "q": 1, "distribution": "q_log_uniform_values"},
        "parameters.a.min must be > 0 for q_log_uniform_values, got -1",
    ),
}


@pytest.mark.parametrize("mistake", REFUSED)
def test_mistakes_name_the_parameter_its_value_and_what_is_allowed(mistake: str) -> None:
    spec, said = REFUSED[mistake]
    with pytest.raises(UserError) as caught:
        parameter("a", spec)
    assert str(caught.value).startswith(said)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("distribution", ELSEWHERE)
def test_distributions_of_wandbs_server_are_told_from_those_unknown(distribution: str) -> None:
    with pytest.raises(UserError) as caught:
        parameter("a", {"distribution": distribution, "min": 0, "max": 1})
    assert str(caught.value) == (
        f"parameters.a.distribution {distribution} is drawn by W&B's own server alone; "
        f"here: {', '.join(RANGES)}"
    )


def test_what_is_nearly_a_mistake_is_none() -> None:
    assert parameter("a", {"values": [1, True, "1", None]}) == Choice("a", (1, True, "1", None))
    assert parameter("a", {"value": "text", "distribution": "constant"}) == Choice("a", ("text",))
    equal = parameter("a", {"min": 2.0, "max": 2.0})
    assert equal == Range("a", "uniform", 2.0, 2.0)
    low = parameter("a", {"min": -3, "max": 0, "distribution": "log_uniform"})
    assert low == Range("a", "log_uniform", -3, 0, 1)
