"""Objects speak of their own arguments; the command line knows which option they came from."""

from __future__ import annotations

import pytest

from gan_lightning.callbacks import Evaluation
from gan_lightning.cli.blame import OF_THE_COMMAND, as_option
from gan_lightning.data import digits as digits_data
from gan_lightning.errors import UserError, from_argument
from gan_lightning.extractors.digits import digits
from gan_lightning.gan import GAN
from gan_lightning.networks import CNNGenerator
from gan_lightning.normalization import bssn
from tests.conftest import Gan


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("model.norm", "--model.norm.scale is 3; lower it, --model.norm.of.size or --model.norm.n"),
        ("", "--scale is 3; lower it, --of.size or --n"),
    ],
)
def test_on_the_command_line_arguments_are_options_of_their_object(option: str, said: str) -> None:
    assert as_option(UserError("is 3; lower it, `of.size` or `n`", "scale"), option) == said
    assert as_option(UserError("nothing is there"), option) == "nothing is there"


@pytest.mark.parametrize("name", OF_THE_COMMAND)
def test_arguments_of_the_whole_command_belong_to_no_object(name: str) -> None:
    assert as_option(UserError("is wrong", name), "model") == f"--{name} is wrong"
    assert as_option(UserError("is wrong", f"{name}.x"), "model") == f"--{name}.x is wrong"
    assert as_option(UserError("is wrong", f"my_{name}"), "model") == f"--model.my_{name} is wrong"


@pytest.mark.parametrize(
    ("mistake", "said"),
    [
        (UserError("is 3; see `n`, `run`", "x"), "--model.a.b.x is 3; see --model.a.b.n, --run"),
        (UserError("is no folder; see `x`", "run"), "--run is no folder; see --model.a.b.x"),
        (UserError("has no layers"), "--model.a.b has no layers"),
    ],
)
def test_makers_within_makers_are_options_within_options(mistake: UserError, said: str) -> None:
    with pytest.raises(UserError) as error, from_argument("a"), from_argument("b"):
        raise mistake
    assert as_option(error.value, "model") == said
    assert as_option(error.value, "") == said.replace("--model.", "--")


PLACES = {
    "data": (digits_data, "setup"),
    "evaluation": (Evaluation, "setup"),
    "evaluation.extractor": (digits, "prepare"),
    "model": (GAN, "on_train_start"),
    "model.generator": (CNNGenerator, "forward"),
}


@pytest.mark.parametrize("option", PLACES)
def test_a_mistake_found_late_names_the_option_of_its_finder(
    option: str, gan: Gan, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner, method = PLACES[option]

    def find(self: object, *args: object, **kwargs: object) -> None:
        raise UserError("is wrong; see `other`", "this")

    if option == "model.generator":
        # A forward pass while the GAN is built would find it there.
        monkeypatch.setattr(GAN, "on_train_start", lambda self: find(self.generator))
    else:
        monkeypatch.setattr(owner, method, find)
    with pytest.raises(UserError) as error:
        gan()
    assert str(error.value) == f"--{option}.this is wrong; see --{option}.other"


@pytest.mark.parametrize("option", ["norm", "generator_norm"])
def test_the_norm_of_one_network_is_not_blamed_on_the_other(option: str, parsed: Gan) -> None:
    with pytest.raises(UserError, match=rf"^--model\.{option}\.scale must be .*, got -1"):
        parsed(f"--model.{option}", "ssn", f"--model.{option}.scale=-1")
    with pytest.raises(UserError, match=r"^scale must be .*, got -1"):
        bssn(-1)


ASIDE = {  # a mistake found while a command runs, and how its message names other options
    "data.root": (
        ["--data=folder", "--data.root=nowhere", "--trainer.limit_val_batches=0"],
        "nowhere does not",
    ),
    "data.download": (["--data=folder", "--data.download=true"], r"true: .*let --data\.root hold"),
    "evaluation.extractor.weights": (
        ["--evaluation.extractor=inception", "--evaluation.extractor.weights=no.pth"],
        r"no\.pth is no file.*no scores: --trainer\.limit_val_batches 0",
    ),
    "evaluation.metrics": (["--evaluation.metrics=[kid, kid]"], "has kid twice"),
    "evaluation.reference": (
        ["--evaluation.metrics=[memorization]", "--evaluation.reference=test"],
        "is test, but memorization",
    ),
    "": (["--evaluation.metrics=[kid]"], r"kid draws .* Lower its --evaluation\.metrics\.subset"),
    "trainer.max_steps": (["--trainer.max_steps=-1"], "-1"),
}


@pytest.mark.parametrize("option", ASIDE)
def test_what_the_user_reads_names_options(option: str, gan: Gan) -> None:
    arguments, said = ASIDE[option]
    with pytest.raises(UserError, match=f"^{f'--{option} ' if option else ''}{said}"):
        gan(*arguments)


def test_what_is_no_mistake_passes(gan: Gan, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(GAN, "on_train_start", broken)
    with pytest.raises(ZeroDivisionError):
        gan()
