"""What a file may build: objects of the expected kinds from here, torch and Lightning; no more.

A config or a checkpoint may come from a stranger, and it names classes and functions that are
imported and called. Three laws keep it from running anything else:

1. A name is imported only from the packages of `OWN`, or those the user says to trust. All others
   are refused before anything of them is imported.
2. A class has to be of the kind that its option takes, which jsonargparse sees to.
3. A function is called only if it says by its annotation that it returns such an object, and comes
   from here, from ``torch.nn.utils`` or from a trusted package: torch and Lightning have functions
   that run code, some of them annotated ``-> nn.Module`` (``torch.fx`` makes modules of source).

A package is trusted by ``--trust my_package`` on the command line, or by
``GAN.load_from_checkpoint(path, trust="my_package")``; and what a user types as the value of an
option (``--model.norm my_package.norm``) is the user's own word as well.
"""

from __future__ import annotations

import functools
import inspect
import re
import sys
import typing
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import jsonargparse

from gan_lightning.errors import UserError, one_line
from gan_lightning.jsonargparse_private import importing_only, named

OWN = (
    "gan_lightning",
    "torch.nn",
    "torch.optim",
    "lightning.fabric.plugins",
    "lightning.pytorch.accelerators",
    "lightning.pytorch.callbacks",
    "lightning.pytorch.loggers",
    "lightning.pytorch.plugins",
    "lightning.pytorch.profilers",
    "lightning.pytorch.strategies",
)
"""Packages whose classes a file may name."""

OWN_FUNCTIONS = ("gan_lightning", "torch.nn.utils")
"""Those of which it may also name functions, if they are annotated."""


_TRUSTED: ContextVar[tuple[str, ...]] = ContextVar("trusted", default=())
"""What the blocks of `trusting` that the program is in trust, all together: files that a command
reads may name what the command line trusts."""


@contextmanager
def trusting(packages: Iterable[str]) -> Iterator[None]:
    """Holds what is parsed and built in the block to the first law.

    Args:
        packages: Import paths of what is trusted beside `OWN`. One that is not installed but lies
            in the working folder is found there.

    Raises:
        UserError: One of them is no import path.
    """
    packages = tuple(packages)
    for package in packages:
        if not all(part.isidentifier() for part in package.split(".")):
            raise UserError(
                f"{package!r} is no import path; name a package or module, such as my_package, "
                "not a file",
                "trust",
            )
        _find_beside(package.split(".")[0])
    before = _TRUSTED.set((*_TRUSTED.get(), *packages))
    try:
        with importing_only((*OWN, *_TRUSTED.get())):
            yield
    finally:
        _TRUSTED.reset(before)


def _find_beside(module: str) -> None:
    """Makes a trusted module of the working folder importable, behind everything installed."""
    here = Path.cwd()
    if module in sys.modules or find_spec(module) is not None:
        return
    if (here / f"{module}.py").is_file() or (here / module).is_dir():
        sys.path.append(str(here))


def require_kinds(config: object, packages: Iterable[str] = ()) -> None:
    """Holds a parsed config, before anything of it is built, to the third law.

    Args:
        config: Nested namespaces, mappings and sequences.
        packages: Trusted beside `OWN_FUNCTIONS`.

    Raises:
        UserError: It would call a function that does not say what it returns, or may not be named.
    """
    packages = tuple(packages)
    for thing, path in _named(config):
        if inspect.isclass(thing):
            continue
        home = _home(thing) or path
        if not _within(home, (*OWN_FUNCTIONS, *packages)):
            package = home.split(".")[0]
            raise UserError(
                f"{path} is a function of {package}, which a file may not call. If you know what "
                f"it does, say so by `trust` {package}"
            )
        if not _returns_a_kind(thing):
            raise UserError(
                f"{path} does not say what it returns, so it is not called: annotate it, as in "
                f"def {path.rsplit('.', 1)[-1]}(layer: nn.Module) -> nn.Module, or give a class"
            )


def _named(value: object) -> Iterator[tuple[Any, str]]:
    """Every class path in a config with what it names, and every function that stands in it."""
    if isinstance(value, jsonargparse.Namespace):
        value = vars(value)
    if isinstance(value, Mapping):
        path = value.get("class_path")
        if isinstance(path, str) and "." in path:
            yield named(path), path
        for nested in value.values():
            yield from _named(nested)
    elif isinstance(value, list | tuple | set | frozenset):
        for nested in value:
            yield from _named(nested)
    elif inspect.isroutine(value) or isinstance(value, functools.partial):
        yield value, _home(value) or repr(value)


def _home(thing: object) -> str | None:
    """Where a function is defined."""
    if isinstance(thing, functools.partial):
        return _home(thing.func)
    module, name = (getattr(thing, key, None) for key in ("__module__", "__qualname__"))
    return f"{module}.{name}" if module and name else None


def _within(path: str, packages: Iterable[str]) -> bool:
    return any(path == package or path.startswith(f"{package}.") for package in packages)


def _returns_a_kind(function: object) -> bool:
    """Whether a function is annotated to return what `OWN` defines, or a subclass of it."""
    try:
        returned = typing.get_type_hints(function).get("return")
    except (TypeError, NameError, AttributeError):
        return False
    return inspect.isclass(returned) and any(
        _within(base.__module__, OWN) for base in returned.__mro__
    )


def arguments_from(
    saved: Mapping[str, Any], made: type, given: Mapping[str, Any], packages: Iterable[str]
) -> dict[str, Any]:
    """Builds from what a file says the arguments that make an object.

    Args:
        saved: Arguments of the class as ``config.yaml`` has them: plain values, and class paths
            with their arguments.
        made: The class.
        given: Arguments that are there already; what the file says of them is not looked at.
        packages: Trusted beside `OWN`.

    Returns:
        All arguments of the class that either has.

    Raises:
        UserError: The file names what it may not, or lacks what has no default.
    """
    packages = tuple(packages)
    parser = jsonargparse.ArgumentParser(exit_on_error=False)
    parser.add_class_arguments(made, "made", skip=set(given), fail_untyped=False, instantiate=False)
    wanted = {key: value for key, value in saved.items() if key not in given}
    with trusting(packages):
        try:
            config = parser.parse_object({"made": wanted})
        except jsonargparse.ArgumentError as error:
            raise UserError(explain_refusal(error) or one_line(error)) from error
        require_kinds(config, _TRUSTED.get())
        built = parser.instantiate(config)
    said = vars(built.made) if "made" in built else {}  # not where all arguments are given
    return {**said, **given}


def explain_refusal(error: BaseException) -> str | None:
    """What the first law says about a name that jsonargparse refused to import, if it did."""
    match = _REFUSED.search(str(error))
    if match is None:
        return None
    path, package = match.group(1), match.group(1).split(".")[0]
    if package in sys.stdlib_module_names:
        return f"a file may not name {path}: that is no part of a GAN"
    return (
        f"a file may not name {path}: only classes of gan_lightning, torch.nn, torch.optim and "
        f"Lightning are built unasked. If you trust {package} to run on your machine, say so by "
        f"`trust` {package}"
    )


_REFUSED = re.compile(r"Importing '([\w.]+)' is not allowed")
