"""Which checkpoints a model may load: of this format, of its own architecture, of plain values."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

import pytest
import torch
from torch import Tensor

from gan_lightning.checkpoints.compatible import (
    FORMAT,
    STAMP,
    is_plain,
    require_format,
    require_same_architecture,
    stamp,
)
from gan_lightning.errors import UserError

OWN = version("gan-lightning")


def test_what_is_stamped_is_accepted() -> None:
    checkpoint: dict[str, Any] = {"state_dict": {}}
    stamp(checkpoint)
    assert checkpoint[STAMP] == {"format": FORMAT, "version": OWN}
    require_format(checkpoint)


def test_a_stamp_leaves_what_else_was_noted() -> None:
    checkpoint: dict[str, Any] = {STAMP: {"options": {"a": 1}, "version": "0.0.1"}, "step": 3}
    stamp(checkpoint)
    noted = {"options": {"a": 1}, "format": FORMAT, "version": OWN}
    assert checkpoint == {STAMP: noted, "step": 3}


@pytest.mark.parametrize("other", [FORMAT - 1, FORMAT + 1, str(FORMAT), None])
def test_another_format_is_refused_and_both_versions_are_named(other: object) -> None:
    with pytest.raises(UserError) as caught:
        require_format({"state_dict": {}, STAMP: {"format": other, "version": "9.9"}}, "x.ckpt")
    assert str(caught.value) == (
        f"x.ckpt is in format {other} of gan_lightning 9.9, but this version ({OWN}) reads format "
        f"{FORMAT}; use the version that saved it, or train anew"
    )


@pytest.mark.parametrize("found", [{}, {STAMP: None}, {STAMP: {}}, {STAMP: {"version": "1"}}])
def test_what_another_program_saved_is_refused(found: dict[str, Any]) -> None:
    said = r"^the checkpoint was saved by gan_lightning 0.1.0 or by another program, .* train anew$"
    with pytest.raises(UserError, match=said):
        require_format({"state_dict": {}, **found})


@pytest.mark.parametrize("content", [None, 5, [], "state_dict", {}, {STAMP: {"format": FORMAT}}])
def test_what_holds_no_weights_is_no_checkpoint(content: object) -> None:
    with pytest.raises(UserError) as caught:
        require_format(content, "x.ckpt")
    said = "x.ckpt is no checkpoint of gan_lightning; use one that gan fit saved"
    assert str(caught.value) == said


STATE = {"a": torch.zeros(2, 3), "b": torch.zeros(())}


def test_shapes_and_names_make_an_architecture() -> None:
    """Neither values nor types, nor the order."""
    require_same_architecture(STATE, {"b": torch.ones((), dtype=torch.int64), "a": STATE["a"] + 1})
    require_same_architecture({}, {})


@pytest.mark.parametrize(
    ("saved", "said"),
    [
        ({**STATE, "a": torch.zeros(3, 2)}, r"a is \(3, 2\) there and \(2, 3\) here \(1 tensors"),
        ({**STATE, "b": torch.zeros(1)}, r"b is \(1,\) there and \(\) here \(1 tensors"),
        ({"b": STATE["b"]}, r"a is absent there and \(2, 3\) here \(1 tensors"),
        ({**STATE, "c": torch.zeros(4)}, r"c is \(4,\) there and absent here \(1 tensors"),
        ({"c": torch.zeros(4)}, r"a is absent there and \(2, 3\) here \(3 tensors"),
    ],
)
def test_the_first_tensor_that_differs_is_named(saved: dict[str, Tensor], said: str) -> None:
    remedy = r"Use the config of the run that saved it: name that by `run`"
    sentence = rf"^ckpt_path holds another architecture: {said} differ\). {remedy}$"
    with pytest.raises(UserError, match=sentence):
        require_same_architecture(STATE, saved)


PLAIN = [None, True, 0, 0.5, "x", [], (), {}, [1, ("a", None)], {"a": {1: [0.5]}}]
OTHERS = [object(), b"x", {1}, torch.zeros(1), int, [1, [object()]], {"a": {"b": {1}}}, {b"x": 1}]


@pytest.mark.parametrize("value", PLAIN, ids=str)
def test_what_any_loader_reads_is_plain(value: object) -> None:
    assert is_plain(value)


@pytest.mark.parametrize("value", OTHERS, ids=lambda value: type(value).__name__)
def test_nothing_else_is_plain_however_deep_it_lies(value: object) -> None:
    assert not is_plain(value)
