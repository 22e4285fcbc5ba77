"""Parsing: files and typed words, who wins, and mistakes that name their file."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from gan_lightning import cli
from gan_lightning.cli.parser import Parser, add_config
from gan_lightning.errors import UserError


def command(size: int = 1, name: str = "x", flag: bool = False) -> None:
    """Does nothing."""


def parsed(*words: str) -> dict[str, Any]:
    parser = Parser(prog="gan thing")
    add_config(parser)
    parser.add_function_arguments(command)
    found = vars(parser.parse_args(list(words)))
    return {key: found[key] for key in ("size", "name", "flag")}


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("one.yaml").write_text("size: 2\nname: one\n")
    Path("two.yaml").write_text("name: two\n")


@pytest.mark.usefixtures("files")
def test_a_file_wins_over_defaults_a_later_one_over_it_and_what_is_typed_over_all() -> None:
    assert parsed() == {"size": 1, "name": "x", "flag": False}
    assert parsed("-c", "one.yaml") == {"size": 2, "name": "one", "flag": False}
    both = "--config=one.yaml", "--config", "two.yaml"
    assert parsed(*both) == {"size": 2, "name": "two", "flag": False}
    assert parsed(*both, "--name=typed", "--flag=true")["name"] == "typed"


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--siz=3"], r"^siz is not an option; did you mean `size`\?$"),  # no abbreviation
        (["--size=x"], r"^size x: expected int$"),
        (["--nothing_like_it=1"], r"^nothing_like_it is not an option; see --help$"),
    ],
)
def test_a_mistake_is_raised_and_not_printed(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(UserError, match=said):
        parsed(*words)
    assert capsys.readouterr() == ("", "")


FILES = {
    "size: x": "--config file.yaml: --size x: expected int",
    "siz: 3": "--config file.yaml: --siz is not an option; did you mean --size?",
    "size: 1\nsize: 2": "--config file.yaml: size stands twice in one mapping, for the second time "
    "on line 2",
    "name: ''": "--config file.yaml: name is empty: give a value, or leave it out",
    "data: {seed: 1}": "--config file.yaml: data.seed is not an option of its own: set "
    "seed_everything",
}


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize("text", FILES)
def test_a_mistake_in_a_file_names_it_once(text: str) -> None:
    Path("file.yaml").write_text(text)
    with pytest.raises(UserError) as error:
        parsed("--config=file.yaml", "--flag=true")
    assert str(error.value).startswith(FILES[text])


@pytest.mark.usefixtures("files")
def test_a_file_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"^--config no\.yaml: No such file or directory$"):
        parsed("--config=no.yaml")
    with pytest.raises(UserError, match=r"^--config \.: Is a directory$"):
        parsed("--config=.")


CONFIG_MISTAKES = {
    "model: {norm: xyz}": r"--model.norm xyz is not known",
    "trainer: {max_step: 3}": r"--trainer.max_step is not an option; did you mean --trainer.max_st",
    "trainer: {max_steps: 3}\ntrainer: {devices: 1}": r"trainer stands twice .* line 2",
    "trainer: {max_steps: 3, max_steps: 4}": r"max_steps stands twice",
    "data: {class_path: digits, init_args: {seed: 3}}": r"data.seed .* set seed_everything",
    "a: [1,": r"is no YAML",
    "data: {class_path: folder, init_args: {root: ''}}": r"data.init_args.root is empty: give a",
    "evaluation: {metrics: [kid, '']}": r"evaluation.metrics is empty",
    "trust: [os]": r"--trust is not an option",
    "weights_only: false": r"--weights_only is not an option",
}


@pytest.mark.parametrize("text", CONFIG_MISTAKES)
def test_a_mistake_in_a_config_names_the_file(
    text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(SystemExit) as exit_:
        cli.main(["fit", "--config", str(path), "--run", str(tmp_path / "run")])
    message = capsys.readouterr().err.strip().splitlines()[-1]
    assert exit_.value.code == 2
    assert f"--config {path}" in message
    assert re.search(CONFIG_MISTAKES[text], message), message


def test_a_config_that_is_no_utf8(tmp_path: Path) -> None:
    (tmp_path / "latin.yaml").write_bytes("# é".encode("latin-1"))
    with pytest.raises(UserError, match=r"latin.yaml is no text in UTF-8"):
        cli.run(["fit", "--config", str(tmp_path / "latin.yaml")])
