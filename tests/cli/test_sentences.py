"""What jsonargparse reports over many lines is one sentence with the names that are known."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Literal

import pytest

from gan_lightning.cli.commands import COMMANDS, run_command
from gan_lightning.cli.sentences import plain, what_went_wrong
from gan_lightning.errors import UserError


class Shape(ABC):
    """What an option takes."""

    @abstractmethod
    def area(self) -> float:
        """Says how large it is."""


class Square(Shape):
    def __init__(self, side: float = 1.0) -> None:
        self.side = side

    def area(self) -> float:
        return self.side**2


class Disc(Shape):
    def __init__(self, openings: list[int] | None = None) -> None:
        self.openings = openings

    def area(self) -> float:
        return 3.0


class _Hidden(Disc):
    """Of no concern to a user."""


def unsaid(x: int):  # type: ignore[no-untyped-def]  # noqa: ANN201  (what is refused)
    """Does not say what it returns."""


def command(
    shape: Shape,
    shapes: list[Shape] | None = None,
    count: int = 1,
    way: Literal["up", "down"] = "up",
    make: Callable[[int], Shape] | None = None,
    counts: list[int] | None = None,
) -> None:
    """Does nothing."""


OWN = f"{__name__}."
GOOD = f"--shape={OWN}Disc"


def said(*words: str) -> str:
    """The sentence about a command line."""
    with pytest.raises(UserError) as error:
        run_command("prepare", words)
    return str(error.value)


MISTAKES: dict[tuple[str, ...], str] = {
    (GOOD, "--wya=up"): "--wya is not an option; did you mean --way?",
    (GOOD, "--nothing_like_that=2"): "--nothing_like_that is not an option; see --help",
    (): "--shape is needed: Disc, Square",
    (GOOD, "--count=x"): "--count x: expected int",
    (GOOD, "--count=1.5"): "--count 1.5: expected int",
    (GOOD, "--way=left"): "--way left: expected one of 'up', 'down'",
    ("--shape=Triangle",): "--shape Triangle is not known. Known: Disc, Square; or give the import "
    "path of your own, as package.module.name",
    ("--shape=no_such_module.Shape",): "--shape no_such_module.Shape: No module named "
    "'no_such_module'",
    (f"--shape={OWN}Square", "--shape.sid=2"): "--shape.sid is not an option; did you mean "
    "--shape.side?",
    (
        GOOD,
        "--shape.opnings=[1]",
    ): "--shape.opnings is not an option; did you mean --shape.openings?",
    (f"--shape={OWN}Square", "--shape.side=x"): "--shape.side x: expected float",
    (
        GOOD,
        "--shapes=Disc",
    ): "--shapes takes a list: write '[Disc]', or --shapes+=Disc to add to it",
    ("--shape=torch.nn.Linear",): "--shape torch.nn.Linear is of another kind: give Shape. Known: "
    "Disc, Square",
    (GOOD, "--counts=[1, x]"): "--counts x: expected int",
    (GOOD, "--make=collections.NoSuch"): "--make collections.NoSuch: has no attribute 'NoSuch'",
    (GOOD, "--make=no?path"): "--make no?path: expected dot import path string: no?path",
    (f"--shape={OWN}Shape",): "--shape is needed: Disc, Square",
    (GOOD, f"--make={OWN}unsaid"): f"--make {OWN}unsaid does not say what it returns, so it is not "
    "called: annotate it, as in def unsaid(...) -> Shape, or give a class",
}


@pytest.mark.parametrize("words", MISTAKES, ids=" ".join)
def test_a_mistake_is_this_sentence(
    words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(COMMANDS, "prepare", command)
    assert said(*words) == MISTAKES[words]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Expected a <class 'int'>", "expected int"),
        ("Expected a <class 'a.b.Thing'>. Got value: 3", "expected Thing"),
        ("Expected a typing.Literal['a', 'b']", "expected one of 'a', 'b'"),
        (
            "of torch.nn.Linear and gan_lightning.losses.hinge",
            "of Linear and gan_lightning.losses.hinge",
        ),
        ("nothing to take off", "nothing to take off"),
    ],
)
def test_types_are_shown_without_their_clothes(text: str, shown: str) -> None:
    assert plain(text) == shown


@pytest.mark.parametrize(
    ("message", "point"),
    [
        ("a\n  b", "a b"),
        ("it failed HINT: look it up", "it failed"),
        ('it failed - Parser key "x": more', "it failed"),
        ("Problem with given class_path 'a.B': rate: -1 - Expected a thing", "rate: -1"),
        ("Problem with given class_path 'a.B': rate: -1Given value: 3", "rate: -1"),
    ],
)
def test_the_point_of_a_message(message: str, point: str) -> None:
    assert what_went_wrong(message) == point
