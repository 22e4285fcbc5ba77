"""What can be said of a command line before it is parsed: its order, and whom it trusts."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from gan_lightning.cli.words import (
    PLACES,
    class_first,
    given_values,
    may_be_empty,
    option_name,
    options,
    refuse_empty,
    refuse_other_seeds,
    trusted,
    untrusting,
)
from gan_lightning.errors import UserError


@pytest.mark.parametrize(
    ("words", "groups"),
    [
        ([], []),
        (["a", "b"], [["a", "b"]]),
        (
            ["fit", "--x=1", "--y", "2", "3", "--z"],
            [["fit"], ["--x=1"], ["--y", "2", "3"], ["--z"]],
        ),
        (["-c", "f", "--x", "-1"], [["-c", "f"], ["--x", "-1"]]),
    ],
)
def test_an_option_takes_the_words_that_follow_it(
    words: list[str], groups: list[list[str]]
) -> None:
    assert options(words) == groups


@pytest.mark.parametrize(
    ("option", "name", "values"),
    [
        (["--a.b", "1", "2"], "a.b", ["1", "2"]),
        (["--a.b=1=2"], "a.b", ["1=2"]),
        (["--a="], "a", [""]),
        (["--a"], "a", []),
        (["--a+=x"], "a+", ["x"]),
        (["-c", "f"], "config", ["f"]),
        (["--config=f"], "config", ["f"]),
    ],
)
def test_an_option_has_a_name_and_values(option: list[str], name: str, values: list[str]) -> None:
    assert (option_name(option), given_values(option)) == (name, values)


def test_a_class_comes_before_its_arguments_and_no_others() -> None:
    words = ["--a.b.c=1", "--a.bc=2", "--x=3", "--a.b=d", "--y=4"]
    assert class_first(words) == ["--a.b=d", "--a.b.c=1", "--a.bc=2", "--x=3", "--y=4"]


def test_configs_come_first_in_their_own_order() -> None:
    words = ["--x=1", "-c", "one", "--y=2", "--config=two"]
    assert class_first(words) == ["-c", "one", "--config=two", "--x=1", "--y=2"]


def test_what_is_in_order_stays() -> None:
    words = ["--a=b", "--a.c=1", "--x", "1", "2", "-h"]
    assert class_first(words) == words
    assert class_first([]) == []


@pytest.mark.parametrize(
    ("words", "joined"),
    [
        (["--a.b", "-inf"], ["--a.b=-inf"]),
        (["--a", "-1", "-2"], ["--a=-1", "-2"]),
        (["--a", "1", "-h"], ["--a", "1", "-h"]),
        (["--a", "-h"], ["--a", "-h"]),
        (["--a.b.help"], ["--a.b.help"]),
        (["--print_config"], ["--print_config"]),
    ],
)
def test_a_value_with_a_dash_is_no_option(words: list[str], joined: list[str]) -> None:
    assert class_first(words) == joined


@pytest.mark.parametrize("option", ["--data.root", "--model.penalties+", "--a.b.c"])
def test_an_option_of_a_class_without_a_value_is_refused(option: str) -> None:
    with pytest.raises(UserError) as error:
        class_first(["--x", "1", option, "--y", "2"])
    assert str(error.value) == f"{option} needs a value"


@pytest.mark.parametrize(
    ("value", "packages"),
    [
        ("mine.norm", ("mine",)),
        ("{class_path: a.b, init_args: {over: {class_path: c.d}, text: e.f}}", ("a", "c")),
        ("[a.b, {class_path: c.d}, 1.5]", ("a", "c")),
        ("{class_path: [1", ()),  # no YAML
        ("1.5", ()),
        ("bssn", ()),
        ("/a/b.c", ()),
        ("a.b.", ()),
    ],
)
def test_what_is_typed_is_trusted_where_it_is_an_import_path(
    value: str, packages: tuple[str, ...]
) -> None:
    assert trusted(["--model.norm", value]) == trusted([f"--model.norm={value}"]) == packages


@pytest.mark.parametrize("place", PLACES)
def test_files_and_folders_are_no_import_paths(place: str) -> None:
    assert trusted([f"--{place}", "a.b", f"--data.{place}=c.d"]) == ()
    assert trusted([f"--my_{place}", "a.b"]) == ("a",)


def test_a_package_is_trusted_once_and_by_its_name_alone() -> None:
    words = ["--trust", "b.c", "a", "--x=a.d", "--trust=a"]
    assert trusted(words) == ("b.c", "a")
    assert untrusting(words) == ["--x=a.d"]


@pytest.mark.parametrize("name", ["data.seed", "data.init_args.seed", "model.seed"])
@pytest.mark.parametrize("form", ["--{}=3", "--{} 3"])
def test_the_seed_of_a_part_is_that_of_the_run(name: str, form: str) -> None:
    with pytest.raises(UserError) as error:
        refuse_other_seeds(["--x=1", *form.format(name).split()])
    assert str(error.value) == f"--{name} is not an option of its own: set --seed_everything"


def test_other_seeds_are_fine() -> None:
    refuse_other_seeds(["--seed_everything=3", "--samples.seed=1", "--model.seeds", "2"])


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["--run="], "--run is empty"),
        (["--run", ""], "--run is empty"),
        (["-c", ""], "--config is empty"),
        (["evaluate", ""], "an argument is empty"),
        (["--x=1", ""], "an argument is empty"),
        (["--x=--"], "--x is --, which is no value"),
    ],
)
def test_an_empty_word_is_refused(words: list[str], named: str) -> None:
    with pytest.raises(UserError) as error:
        refuse_empty(["fit", "--y=2", *words] if words[0].startswith("-") else words)
    assert str(error.value).startswith(f"{named}: give ")


def test_what_a_trainer_takes_may_be_empty() -> None:
    refuse_empty(["fit", "--trainer.logger.prefix=", "--trainer.logger.name", "", "--x", "1"])
    assert may_be_empty("trainer.logger.prefix")
    assert not may_be_empty("my.trainer")
    assert not may_be_empty("trainers")


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
def test_the_order_of_words_does_not_matter(tiny: Path, order: tuple[int, ...]) -> None:
    words = (f"--config={tiny}", "--model.norm=ssn", "--model.norm.scale=2", "--data.flip=true")
    shuffled = class_first([words[k] for k in order])
    assert shuffled[0] == words[0]
    assert shuffled.index(words[1]) < shuffled.index(words[2])


def test_lists_keep_the_order_in_which_they_are_made() -> None:
    words = ["--a+=x", "--a.scale=1", "--a+=y", "--a.scale=2"]
    assert class_first(words) == words


@pytest.mark.runs
def test_whose_word_it_is() -> None:
    words = ["--trust", "a", "--model.norm=b.c", "--x", "{class_path: d.e}", "--y", "[f.g, h]"]
    assert trusted(words) == ("a", "b", "d", "f")
    assert untrusting(words) == words[2:]
    assert trusted(["--data.root", "a.b", "--run=c.d", "-c", "e.yaml", "--ckpt_path", "f.g"]) == ()
    assert trusted(["--model.norm.scale", "1.2", "--trainer.precision=bf16-mixed"]) == ()
    with pytest.raises(UserError, match="needs the name"):
        trusted(["--trust"])
