"""Sweep files are understood as W&B understands them, or refused in one sentence."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from gan_lightning.errors import UserError
from gan_lightning.studies.sweep_file import read_sweep, understood

COMMAND = ["gan", "fit", "--config", "configs/digits.yaml", "${args}"]


def content(**changes: Any) -> dict[str, Any]:
    """What a sweep file holds."""
    whole = {"command": COMMAND, "method": "grid", "parameters": {"a": {"values": [1, 2]}}}
    return {**whole, **changes}


def test_a_parameter_that_stands_twice_is_refused_with_the_file_named(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(
        "command: [gan, fit]\nmethod: grid\n"
        "parameters:\n  a: {values: [1]}\n  b: {values: [2]}\n  a: {values: [3]}\n"
    )
    with pytest.raises(UserError, match=r"mine.yaml: a stands twice .* line 6"):
        read_sweep(path)


lists = st.lists(st.integers() | st.text(max_size=3), min_size=1, max_size=4, unique_by=repr)


@settings(max_examples=30, deadline=None)
@given(st.dictionaries(st.text("abc", min_size=1, max_size=3), lists, min_size=1, max_size=4))
def test_a_grid_is_the_cartesian_product(values: dict[str, list[Any]]) -> None:
    parameters = {name: {"values": several} for name, several in values.items()}
    sweep = understood(content(parameters=parameters), "x")
    expected = [dict(zip(values, c, strict=True)) for c in itertools.product(*values.values())]
    assert list(sweep.grid()) == expected
    assert sweep.size == len(expected)


def test_constants_and_whole_ranges_belong_to_a_grid() -> None:
    spec = {"a": {"value": None}, "b": {"min": 1, "max": 3}}
    sweep = understood(content(parameters=spec), "x")
    assert list(sweep.grid()) == [{"a": None, "b": b} for b in (1, 2, 3)]
    assert sweep.varied == ("b",)
    assert understood(content(parameters=spec, run_cap=2), "x").size == 2


MISTAKES: dict[str, tuple[dict[str, Any], str]] = {
    "method": ({"method": "gird"}, "method gird is not known; it is one of grid, random, bayes"),
    "key": ({"paramaters": {}}, "paramaters is not known; did you mean parameters?"),
    "no parameters": ({"parameters": {}}, "parameters are needed"),
    "continuous": (
        {"parameters": {"a": {"min": 0.1, "max": 1.0}}},
        "parameters.a is a continuous range, of which there is no grid: list its values",
    ),
    "no metric": ({"method": "bayes"}, "metric is needed for method bayes"),
    "goal": ({"metric": {"name": "fid", "goal": "least"}}, "metric.goal least is not known"),
    "metric's name": ({"metric": {"goal": "minimize"}}, "it takes a name"),
    "bounds": (
        {"method": "random", "parameters": {"a": {"min": 2.0, "max": 1.0}}},
        "parameters.a: min 2.0 is greater than max 1.0; exchange them",
    ),
    "distribution": (
        {"method": "random", "parameters": {"a": {"distribution": "unifrom", "min": 0, "max": 1}}},
        "parameters.a.distribution unifrom is not known; did you mean uniform?",
    ),
    "W&B's distribution": (
        {"method": "random", "parameters": {"a": {"distribution": "normal", "mu": 0, "sigma": 1}}},
        "W&B's own server alone",
    ),
    "log of 0": (
        {
            "method": "random",
            "parameters": {"a": {"distribution": "log_uniform_values", "min": 0, "max": 1}},
        },
        "parameters.a.min must be > 0",
    ),
    "no max": ({"method": "random", "parameters": {"a": {"min": 0}}}, "parameters.a.max is needed"),
    "words for min": (
        {"method": "random", "parameters": {"a": {"min": "low", "max": 1}}},
        "parameters.a.min is 'low', which is no number",
    ),
    "key of a parameter": (
        {"parameters": {"a": {"vales": [1]}}},
        "parameters.a.vales is not known; did you mean value",
    ),
    "bare value": ({"parameters": {"a": 3}}, "parameters.a is 3: write {value: 3}"),
    "no list": ({"parameters": {"a": {"values": 3}}}, "takes a list"),
    "empty list": ({"parameters": {"a": {"values": []}}}, "takes a list"),
    "twice": ({"parameters": {"a": {"values": [1, 2, 1]}}}, "has 1 twice"),
    "nested": ({"parameters": {"a": {"parameters": {}}}}, "dotted names"),
    "command": ({"command": "gan fit"}, "takes a list of words that begins with gan, fit"),
    "other program": ({"command": ["python", "x.py"]}, "begins with gan, fit"),
    "cap": ({"run_cap": 0}, "run_cap must be an integer >= 1"),
    "step": (
        {"method": "random", "parameters": {"a": {"min": 0.0, "max": 1, "q": 0}}},
        "parameters.a.q must be > 0",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes_take_one_sentence(mistake: str, tmp_path: Path) -> None:
    changes, sentence = MISTAKES[mistake]
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(content(**changes)))
    with pytest.raises(UserError) as caught:
        read_sweep(path)
    assert sentence in str(caught.value)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["[1, 2]", "a: [", "\xff"])
def test_other_files_are_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(UserError, match=r"mine\.yaml"):
        read_sweep(path)
    with pytest.raises(UserError, match="No such file"):
        read_sweep(tmp_path / "absent.yaml")
