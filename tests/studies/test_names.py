"""Names of run folders say what differs, tell all runs apart, and may stand anywhere."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gan_lightning.studies.names import LONGEST, run_name, short_names, short_value


@pytest.mark.parametrize(
    ("options", "short"),
    [
        ([], []),
        (["model.norm"], ["norm"]),
        (["seed_everything"], ["seed"]),
        (["a.lr", "b.lr"], ["a.lr", "b.lr"]),
        (["x.a.lr", "y.a.lr", "x.b.lr"], ["x.a.lr", "y.a.lr", "b.lr"]),
        (["lr", "a.lr"], ["lr", "a.lr"]),
        (["model.init_args.scale", "init_args.scale"], ["model.scale", "scale"]),
    ],
)
def test_short_names_are_the_shortest_endings_that_tell_options_apart(
    options: list[str], short: list[str]
) -> None:
    found = short_names(options)
    assert list(found) == options
    assert list(found.values()) == short


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("sn", "sn"),
        (True, "true"),
        (0, "0"),
        (1e-7, "1e-07"),
        (0.30000000000000004, "0.3"),
        (-1.5, "-1.5"),
        ("gan_lightning.normalization.sn", "gan_lightning.normalization.sn"),
        ({"class_path": "a.b.ssn"}, "ssn"),
        ({"class_path": "ssn", "init_args": {"scale": [1, 2]}}, "ssn-scale1_2"),
        ({"class_path": "ssn", "init_args": None}, "ssn"),
        ({"a": 1, "b": {"c": None}}, "a-1-b-c-null"),
        ("[1, 2]", "1_2"),
        ("{a: [}", "a"),
        ("[2001-99-99]", "2001-99-99"),
        ("a/b/c.yaml", "c"),
        ("", "empty"),
        ("../..", "empty"),
        ([], ""),
    ],
)
def test_a_value_is_told_as_short_as_a_name_allows(value: object, text: str) -> None:
    assert short_value(value) == text


@given(st.text(max_size=20))
def test_no_value_leaves_its_folder_or_needs_quotes(text: str) -> None:
    assert re.fullmatch(r"[\w.+-]*", short_value(text))
    assert short_value(text) not in (".", "..")


def test_a_name_holds_what_differs_in_the_order_of_the_file() -> None:
    values = {"model.norm": "sn", "fixed": 3, "seed_everything": 1}
    assert run_name(values, ["model.norm", "seed_everything"]) == "norm=sn,seed=1"
    assert run_name(values, ["seed_everything", "model.norm"]) == "seed=1,norm=sn"
    assert run_name(values, ["model.norm"], slot=7) == "norm=sn,trial=7"
    assert run_name(values, [], slot=0) == "trial=0"
    assert run_name(values, []) == "run"


def test_a_long_name_ends_in_a_mark_that_tells_it_from_others() -> None:
    """Also from those that differ in what does not fit, and only then."""

    def name(end: str, slot: int | None = None, fixed: int = 0) -> str:
        return run_name({"a": "x" * 300 + end, "b": fixed}, ["a"], slot)

    assert len(name("1")) == LONGEST
    assert name("1") == name("1")
    assert len({name("1"), name("2"), name("1", slot=3), name("1", fixed=5)}) == 4
    assert name("1").startswith("a=xxx")
    assert re.search(r"x-[0-9a-f]{8}$", name("1"))


@pytest.mark.parametrize(("length", "kept"), [(LONGEST, True), (LONGEST + 1, False)])
def test_a_name_that_fits_is_kept(length: int, kept: bool) -> None:
    value = "x" * (length - len("a="))
    assert (run_name({"a": value}, ["a"]) == f"a={value}") == kept
