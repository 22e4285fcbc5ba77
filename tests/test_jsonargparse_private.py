"""What is used of jsonargparse beyond its public interface does what it is used for."""

from __future__ import annotations

import sys
import traceback
from collections import Counter, OrderedDict
from collections.abc import Callable
from typing import Any

import jsonargparse
import pytest

from gan_lightning.jsonargparse_private import (
    HelpFormatter,
    actions,
    importing_only,
    named,
    option_at_work,
    reasons_of_union,
    type_of,
)


class Shape:
    """What an option takes."""

    def __init__(self, size: int = 1) -> None:
        if size < 0:
            raise ValueError("a size is no debt")
        self.size = size


class Square(Shape):
    def __init__(self, size: int = 2, turned: bool = False) -> None:
        super().__init__(size)
        self.turned = turned


class Disc(Shape):
    def __init__(self, size: int = 3) -> None:
        super().__init__(size)


def parser() -> jsonargparse.ArgumentParser:
    made = jsonargparse.ArgumentParser(exit_on_error=False)
    made.add_argument("--shape", type=Shape | None, default=None)
    made.add_argument("--count", type=int | bool, default=1)
    return made


def built(*words: str) -> Any:  # noqa: ANN401  (whatever the options say)
    made = parser()
    return made.instantiate(made.parse_args(list(words))).shape


def frames_of(action: Callable[[], object], kind: type[Exception]) -> list[Any]:
    """The frames of what an action raises, and of what was behind it."""
    with pytest.raises(kind) as caught:
        action()
    error: BaseException | None = caught.value
    frames = []
    while error is not None:
        frames += [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
        error = error.__cause__ or error.__context__
    return frames


def test_only_what_is_allowed_is_imported() -> None:
    with importing_only(["collections"]):
        assert named("collections.OrderedDict") is OrderedDict
        with pytest.raises(Exception, match=r"Importing 'antigravity.fly' is not allowed"):
            named("antigravity.fly")
    assert "antigravity" not in sys.modules
    assert named("collections.Counter") is Counter


@pytest.mark.parametrize("error", [None, ZeroDivisionError])
def test_afterwards_the_rules_are_those_of_before(error: type[Exception] | None) -> None:
    """Also within others, and after an exception."""
    with importing_only(["math", "cmath"]):
        try:
            with importing_only(["collections"]):
                if error:
                    raise error
        except ZeroDivisionError:
            pass
        assert named("math.sqrt")(4.0) == 2.0
        with pytest.raises(Exception, match="not allowed"):
            named("collections.Counter")
    assert named("collections.Counter") is Counter


def test_what_may_be_anything_is_never_built() -> None:
    def of_any(*words: str) -> Any:  # noqa: ANN401  (whatever was built)
        made = jsonargparse.ArgumentParser(exit_on_error=False)
        made.add_argument("--x", type=Any)
        return made.instantiate(made.parse_args(list(words))).x

    spec = "--x={class_path: collections.Counter}"
    with importing_only(["collections"]):
        assert not isinstance(of_any(spec), Counter)


def test_another_class_starts_from_its_own_defaults() -> None:
    """Whatever the names have in common; and the same one keeps what was said."""
    own = f"{__name__}."
    square = f"--shape={own}Square", "--shape.size=7"
    assert built(*square).size == 7
    assert built(*square, f"--shape={own}Disc").size == 3
    assert built(*square, f"--shape={own}Disc", "--shape.size=5").size == 5
    again = built(*square, "--shape.turned=true", f"--shape={own}Square")
    assert (again.size, again.turned) == (7, True)


def test_the_option_that_is_built_is_found_in_the_frames() -> None:
    words = f"--shape={__name__}.Disc", "--shape.size=-1"
    frames = frames_of(lambda: built(*words), ValueError)
    options = {option_at_work(frame) for frame in frames}
    assert options == {None, "shape"}


def test_where_jsonargparse_is_not_at_work_there_is_no_option() -> None:
    def own(component: object) -> None:
        raise ZeroDivisionError

    action = next(action for action in actions(parser()) if action.dest == "shape")
    frames = frames_of(lambda: own(action), ZeroDivisionError)
    assert not any(option_at_work(frame) for frame in frames)
    assert not any(reasons_of_union(frame) for frame in frames)


def test_each_type_of_a_union_has_its_reason() -> None:
    frames = frames_of(lambda: parser().parse_args(["--count=x"]), jsonargparse.ArgumentError)
    found = [reasons for frame in frames if (reasons := reasons_of_union(frame))]
    assert found
    assert all(len(reasons) == 2 for reasons in found)
    assert all(isinstance(reason, Exception) for reasons in found for reason in reasons)


def test_options_and_their_types_are_those_of_the_parser() -> None:
    types = {action.dest: type_of(action) for action in actions(parser())}
    assert types["shape"] == Shape | None
    assert types["count"] == int | bool
    assert types["help"] is None
    assert type_of(object()) is None


class Counts(HelpFormatter):
    def help_of(self, action: Any, text: str) -> str:  # noqa: ANN401  (argparse's, of many kinds)
        return text.replace("number", "count") if action.dest == "x" else text


@pytest.mark.parametrize(("kind", "noun"), [(Counts, "count"), (HelpFormatter, "number")])
def test_what_help_says_of_an_option_can_be_changed(kind: type[HelpFormatter], noun: str) -> None:
    made = jsonargparse.ArgumentParser(formatter_class=kind)
    made.add_argument("--x", type=int, default=1, help="A number")
    made.add_argument("--y", type=int, default=1, help="A number")
    page = " ".join(made.format_help().split())
    assert f"--x X A {noun} (type: int, default: 1)" in page
    assert "--y Y A number (type: int, default: 1)" in page
