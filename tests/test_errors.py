"""Mistakes of users: one sentence, whose arguments are named as whoever reads it knows them."""

from __future__ import annotations

from collections import OrderedDict
from functools import wraps
from typing import Any

import pytest

from gan_lightning.errors import (
    TrainingDiverged,
    UserError,
    from_argument,
    one_line,
    reading,
    require_in_code,
    require_names,
)
from gan_lightning.gan import GAN
from gan_lightning.networks import CNNGenerator


def test_a_sentence_starts_with_its_argument_if_it_has_one() -> None:
    assert str(UserError("must be > 0, got -1", "scale")) == "scale must be > 0, got -1"
    assert str(UserError("nothing is there")) == "nothing is there"


def shouted(error: UserError) -> str:
    """As a reader hears it who calls every argument by capitals, and the object "IT"."""
    return error.told(lambda name: name.upper() or "IT")


def test_whoever_tells_a_mistake_spells_its_arguments() -> None:
    error = UserError("is 3; lower it, `of.size` or `n`", "scale")
    assert shouted(error) == "SCALE is 3; lower it, OF.SIZE or N"
    assert str(error) == "scale is 3; lower it, `of.size` or `n`"  # as it was
    assert shouted(UserError("nothing is there")) == "nothing is there"


def test_only_names_between_backquotes_are_arguments() -> None:
    error = UserError("is `Size` or 'this', a `b`", "x")
    assert shouted(error) == "X is `Size` or 'this', a B"


def test_what_was_made_from_an_argument_is_at_fault_where_its_maker_is() -> None:
    with pytest.raises(UserError) as error, from_argument("generator"):
        raise UserError("has no layers; see `width`")
    assert shouted(error.value) == "IT has no layers; see WIDTH"
    assert error.value.makers == ("generator",)


def test_python_hears_of_arguments() -> None:
    with pytest.raises(UserError, match=r"^generator\.width must be >= 1, got 0$"):
        GAN((1, 16, 16), lambda shape: CNNGenerator(shape, width=0))
    with pytest.raises(UserError, match=r"^generator takes images whose sides"):
        GAN((1, 17, 16))
    with (
        pytest.raises(UserError, match=r"^outer\.inner is 3; see `outer\.other`$"),
        from_argument("outer"),
    ):
        raise UserError("is 3; see `other`", "inner")


def test_makers_within_makers_name_the_whole_way() -> None:
    with (
        pytest.raises(UserError, match=r"^a\.b\.c is 3$"),
        from_argument("a"),
        from_argument("b"),
    ):
        raise UserError("is 3", "c")


def test_a_mistake_of_no_argument_is_one_of_the_makers() -> None:
    with (
        pytest.raises(TrainingDiverged, match=r"^generator has no layers$"),
        from_argument("generator"),
    ):
        raise TrainingDiverged("has no layers")


def test_only_what_a_callable_refuses_its_arguments_with_is_a_mistake() -> None:
    said = r"^optimizer is refused: no 'rate': -1$"
    with (
        pytest.raises(UserError, match=said) as error,
        from_argument("optimizer", ValueError),
    ):
        raise ValueError("no `rate`:\n  -1")
    assert isinstance(error.value.__cause__, ValueError)
    with pytest.raises(TypeError, match="bug"), from_argument("optimizer", ValueError):
        raise TypeError("bug")
    with pytest.raises(ValueError, match="bug"), from_argument("optimizer"):
        raise ValueError("bug")


@pytest.mark.parametrize("error", [EOFError(), KeyError("x"), RecursionError("deep"), OSError(5)])
def test_whatever_a_damaged_file_raises_is_the_users_to_mend(error: Exception) -> None:
    with (
        pytest.raises(UserError, match=r"^x\.npz cannot be read") as told,
        reading(lambda said: UserError(f"x.npz cannot be read ({said})")),
    ):
        raise error
    assert told.value.__cause__ is error
    assert one_line(error) in str(told.value)


def test_what_is_no_damage_passes_through_reading() -> None:
    own = UserError("is no image")
    with pytest.raises(UserError) as error, reading(lambda said: UserError("other")):
        raise own
    assert error.value is own
    with pytest.raises(KeyboardInterrupt), reading(lambda said: UserError("other")):
        raise KeyboardInterrupt


def test_a_library_that_says_a_page_is_cut_short() -> None:
    with pytest.raises(UserError) as error, reading(UserError):
        raise ValueError("too long " * 1000)
    assert len(str(error.value)) <= 200


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ValueError("a\n  b\tc"), "a b c"),
        (ValueError(" "), "ValueError"),
        (EOFError(), "EOFError"),
        (ValueError("of `x`"), "of 'x'"),  # backquotes would be options
    ],
    ids=repr,
)
def test_errors_of_libraries_take_one_line(error: Exception, said: str) -> None:
    assert one_line(error) == said


def test_exit_codes_tell_a_result_from_a_mistake_and_both_from_a_crash() -> None:
    codes = UserError.exit_code, TrainingDiverged.exit_code
    assert len({*codes, 0, 1}) == 4
    assert issubclass(TrainingDiverged, UserError)


def test_no_argument_parser_swallows_a_mistake() -> None:
    """They take ValueError, TypeError and ArgumentTypeError for values of another type."""
    assert UserError.__bases__ == (Exception,)


def test_a_library_without_a_private_name_is_refused_at_import() -> None:
    require_names("thing", {})
    require_names("thing", {OrderedDict: ("keys", "items"), "text": ("split",)})
    with pytest.raises(ImportError, match=r"uses OrderedDict\._gone of thing, which .* lacks"):
        require_names("thing", {"text": ("split",), OrderedDict: ("keys", "_gone")})
    with pytest.raises(ImportError, match=r"uses str\._gone of thing"):  # of an object, its class
        require_names("thing", {"text": ("_gone",)})


def test_code_that_no_longer_speaks_of_a_name_is_refused_at_import() -> None:
    """Of an attribute or a local variable, behind decorators too."""

    def works(thing: Any) -> None:  # noqa: ANN401  (whatever has a total)
        count = thing.total.items
        print(count)

    @wraps(works)
    def decorated() -> None:
        raise AssertionError

    for function in (works, decorated):
        require_in_code("thing", {function: ("thing", "count", "total", "items", "print")})
        with pytest.raises(ImportError, match=r"relies on _gone in .* of thing, which .* lacks"):
            require_in_code("thing", {works: (), function: ("count", "_gone")})
