"""How a module's arguments come into a checkpoint, and the module out of it."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Iterable, Mapping, MutableMapping
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import torch
from lightning.pytorch import LightningModule
from torch import nn

from gan_lightning.checkpoints.compatible import is_plain
from gan_lightning.errors import UserError, one_line
from gan_lightning.trust import arguments_from

M = TypeVar("M", bound=LightningModule)

UNSAID = "made_in_python"
"""Among the saved arguments: the names of those that a file cannot say."""

MARKS = (UNSAID, "_instantiator", "_class_path")


def keep_sayable(made: type, arguments: MutableMapping[str, Any]) -> None:
    """Turns the arguments of an object into what a file can say of them, in place.

    Plain values stay, classes and partials of classes become class paths, and so do objects that
    keep their own arguments as attributes. Defaults go, for they come back by themselves. Of what
    remains, only the names are kept, in `UNSAID`.

    Args:
        made: Whose arguments they are.
        arguments: Names and values.
    """
    defaults = {name: p.default for name, p in inspect.signature(made).parameters.items()}
    unsaid = []
    for name, value in list(arguments.items()):
        if is_plain(value):
            continue
        said = None if value is defaults.get(name) else _said(value)
        if said is not None:
            arguments[name] = said
            continue
        del arguments[name]
        if value is not defaults.get(name):
            unsaid.append(name)
    if unsaid:
        arguments[UNSAID] = unsaid


def _said(value: object) -> dict[str, Any] | None:
    """A class path with arguments from which the same object can be made, or None."""
    if inspect.isclass(value):
        return _spec(value, {})
    if isinstance(value, partial):
        plain = inspect.isclass(value.func) and not value.args and is_plain(value.keywords)
        return _spec(value.func, dict(value.keywords)) if plain else None
    try:
        names = inspect.signature(type(value)).parameters
    except ValueError:  # of a class made in C, which does not say what its arguments are
        return None
    state = _state(value)
    if not names.keys() <= state.keys() or not is_plain(state):
        return None
    arguments = {name: state[name] for name in names}
    try:
        again = type(value)(**arguments)
    except (TypeError, ValueError, UserError):
        return None
    return _spec(type(value), arguments) if _state(again) == state else None


def _state(thing: object) -> dict[str, Any]:
    """The attributes of an object; those of a module without what its weights and buffers are."""
    own = (
        {"training", *(name for name in vars(nn.Module()))} if isinstance(thing, nn.Module) else ()
    )
    return {
        name: value for name, value in getattr(thing, "__dict__", {}).items() if name not in own
    }


def _spec(made: Any, arguments: dict[str, Any]) -> dict[str, Any] | None:  # noqa: ANN401  (a class)
    if "<" in made.__qualname__:  # defined inside a function
        return None
    path = f"{made.__module__}.{made.__qualname__}"
    return {"class_path": path, **({"init_args": arguments} if arguments else {})}


def load_module(
    made: type[M],
    path: str | Path,
    map_location: Any,  # noqa: ANN401  (whatever torch.load takes)
    trust: str | Iterable[str],
    given: Mapping[str, Any],
) -> M:
    """Makes the module that a checkpoint holds.

    Args:
        made: Its class.
        path: The checkpoint.
        map_location: As `torch.load` takes it; without it, what was on a GPU goes to the CPU where
            there is none.
        trust: Packages whose classes the checkpoint may name, beside `gan_lightning.trust.OWN`.
        given: Arguments of the class in place of what the checkpoint says.

    Raises:
        UserError: The file is no such checkpoint, names what it may not, or needs arguments.
    """
    checkpoint = _read(path, map_location)
    saved = dict(checkpoint.get("hyper_parameters", {}))
    missing = [name for name in saved.get(UNSAID, ()) if name not in given]
    if missing:
        raise UserError(
            f"{path}: its {made.__name__} was made in Python from objects that a file cannot hold; "
            f"pass them again: {', '.join(f'{name}=...' for name in missing)}"
        )
    saved = {name: value for name, value in saved.items() if name not in MARKS}
    packages = (trust,) if isinstance(trust, str) else tuple(trust)
    try:
        arguments = arguments_from(saved, made, given, packages)
    except UserError as error:
        raise UserError(f"{path}: {error}") from error
    module = made(**arguments)
    if not given:
        module.hparams.clear()
        module.hparams.update(saved)
    module.on_load_checkpoint(checkpoint)
    module.load_state_dict(checkpoint["state_dict"])
    return module.to(next(iter(checkpoint["state_dict"].values())).device)


# Ignored below: whatever torch.load takes.
def _read(path: str | Path, map_location: Any) -> dict[str, Any]:  # noqa: ANN401
    """Reads tensors and plain values; a pickle that would make anything else is refused."""
    if map_location is None and not torch.cuda.is_available():
        map_location = "cpu"
    if not Path(path).is_file():
        raise UserError(f"there is no checkpoint {path}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of torch, on what is foreign anyway
            checkpoint = torch.load(path, map_location=map_location, weights_only=True)
    except Exception as error:  # a damaged or foreign file fails in dozens of ways
        said = one_line(error)[:200]
        raise UserError(f"{path} cannot be read as a checkpoint of weights: {said}") from error
    if not isinstance(checkpoint, dict) or not checkpoint.get("state_dict"):
        raise UserError(f"{path} is no checkpoint of gan_lightning: it holds no state_dict")
    return checkpoint
