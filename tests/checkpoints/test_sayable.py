"""A module's arguments go into a checkpoint as far as a file can say them."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
import torch
from torch import nn

from gan_lightning.checkpoints.loading import UNSAID, keep_sayable


class Sized:
    """Keeps its arguments as attributes of their names."""

    def __init__(self, size: int = 3, name: str = "x") -> None:
        self.size, self.name = size, name


class Hidden:
    """Keeps its argument under another name."""

    def __init__(self, size: int = 3) -> None:
        self._size = size


class Doubling:
    """Keeps something else under its argument's name."""

    def __init__(self, size: int = 3) -> None:
        self.size = 2 * size


class Changed(Sized):
    """Has grown since it was made."""

    def __init__(self, size: int = 3, name: str = "x") -> None:
        super().__init__(size, name)
        self.grown = size if size != 5 else object()


class Weighted(nn.Module):
    """A module whose weights are in the checkpoint already."""

    def __init__(self, width: int = 2) -> None:
        super().__init__()
        self.width = width
        self.layer = nn.Linear(width, 1)
        self.register_buffer("count", torch.zeros(1))


SIZED = Sized(7)


class Owner:
    """Takes anything."""

    def __init__(self, made: object) -> None:
        self.made = made


def owner(
    plain: object = 1, made: object = SIZED, factory: object = Sized, other: object = None
) -> None:
    """Has defaults that a file cannot say, and one that it can."""


def kept(**arguments: object) -> dict[str, Any]:
    """What a file says of arguments of `owner`."""
    keep_sayable(owner, arguments)  # type: ignore[arg-type]  # a function has a signature too
    return arguments


PATH = f"{Sized.__module__}."
PLAIN = [None, 1, 0.5, "x", True, (1, 2), [1, [2]], {"a": {"b": None}}]
SAID: list[tuple[object, dict[str, Any]]] = [
    (Sized, {"class_path": f"{PATH}Sized"}),
    (partial(Sized), {"class_path": f"{PATH}Sized"}),
    (partial(Sized, size=4), {"class_path": f"{PATH}Sized", "init_args": {"size": 4}}),
    (Sized(4), {"class_path": f"{PATH}Sized", "init_args": {"size": 4, "name": "x"}}),
    (Changed(4), {"class_path": f"{PATH}Changed", "init_args": {"size": 4, "name": "x"}}),
    (Weighted(4), {"class_path": f"{PATH}Weighted", "init_args": {"width": 4}}),
    (nn.ReLU, {"class_path": "torch.nn.modules.activation.ReLU"}),
]
UNSAYABLE = {
    "a function": len,
    "a lambda": lambda: 0,
    "a partial of a function": partial(len),
    "a partial with places": partial(Sized, 4),
    "a partial of no plain values": partial(Owner, made=SIZED),
    "another name": Hidden(),
    "another value": Doubling(),
    "more than its arguments say": Changed(5),
    "a list of objects": [SIZED],
    "an object of objects": Owner(SIZED),
    "of a class that does not say what its arguments are": torch.zeros(1),
}


@pytest.mark.parametrize("value", PLAIN, ids=str)
def test_plain_values_stay_as_they_are(value: object) -> None:
    assert kept(other=value) == {"other": value}


@pytest.mark.parametrize(("value", "said"), SAID, ids=lambda value: str(value)[:40])
def test_what_can_be_made_again_from_its_arguments_becomes_its_class_path(
    value: object, said: dict[str, Any]
) -> None:
    assert kept(other=value) == {"other": said}


@pytest.mark.parametrize("what", UNSAYABLE)
def test_of_what_a_file_cannot_say_the_name_alone_is_kept(what: str) -> None:
    assert kept(plain=5, other=UNSAYABLE[what]) == {"plain": 5, UNSAID: ["other"]}


def test_a_class_that_was_defined_inside_a_function_cannot_be_said() -> None:
    class Local(Sized):
        """Has no import path."""

    for value in (Local, partial(Local), Local()):
        assert kept(other=value) == {UNSAID: ["other"]}


def test_defaults_come_back_by_themselves() -> None:
    """The object itself, not an equal one; a plain one is kept, for the default may change."""
    assert kept(plain=1, made=SIZED, factory=Sized) == {"plain": 1}
    assert "made" in kept(made=Sized(7))


def test_all_that_cannot_be_said_is_named_in_its_order() -> None:
    assert kept(plain=len, made=len, factory=Sized, other=len)[UNSAID] == ["plain", "made", "other"]
