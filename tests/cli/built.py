"""What was asked for beside what the built objects hold, option by option."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from jsonargparse import Namespace
from torch import nn

from gan_lightning import cli
from gan_lightning.normalization import spectral_pairs
from gan_lightning.scores.protocol import Counts

Compared = Iterator[tuple[str, Any, Any]]
"""An option, its value in the config, and what the object holds."""

TRAINER = ("max_steps", "val_check_interval", "log_every_n_steps", "check_val_every_n_epoch")
"""What Lightning's Trainer keeps as it was given."""

LINKED = (("model", "seed"), ("data", "seed"))
"""What the run's own seed is given to."""


def compared(command: cli.GANCommand) -> Compared:
    """Every scalar option of a command that built its objects."""
    config = command.config[command.subcommand]
    model: Any = command.model
    trainer: Any = command.trainer
    yield from _one("data", config.data, command.datamodule)
    for option in ("checkpoints", "samples", "ema", "evaluation"):
        kind = type(command.config_init[command.subcommand][option])
        callback = next(c for c in trainer.callbacks if type(c) is kind)
        yield from _arguments(option, _plain(config[option]), callback)
    evaluation = command.config_init[command.subcommand].evaluation
    for option in ("extractor", "protocol"):
        yield from _one(f"evaluation.{option}", config.evaluation[option], evaluation)
    metrics = zip(config.evaluation.metrics, evaluation.judge.metrics, strict=True)
    for said, metric in metrics:
        yield from _one("evaluation.metrics", said, metric)
    yield from _arguments("model", _plain(config.model), model)
    yield "model.seed", config.seed_everything, model.seed
    yield "data.seed", config.seed_everything, command.datamodule.seed
    yield from _one("model.objective", config.model.objective, model.objective)
    for said, penalty in zip(config.model.penalties, model.penalties, strict=True):
        yield from _one("model.penalties", said, penalty)
    yield from _networks(config.model, model)
    yield from _optimizers(config.model, model)
    yield from (
        (f"trainer.{name}", config.trainer[name], getattr(trainer, name)) for name in TRAINER
    )


def _plain(said: Namespace) -> Mapping[str, Any]:
    return vars(said)


def _init_args(said: Any) -> dict[str, Any]:  # noqa: ANN401  (a class with arguments, or its name)
    arguments = None if isinstance(said, str) or said is None else said.get("init_args")
    return vars(arguments) if isinstance(arguments, Namespace) else dict(arguments or {})


def _one(option: str, said: Any, thing: object) -> Compared:  # noqa: ANN401  (a class with arguments)
    """The class of an option, and its arguments."""
    thing = (
        getattr(thing, option.rsplit(".", 1)[-1])
        if option.count(".") and _holds(thing, option)
        else thing
    )
    name = said if isinstance(said, str) else said.class_path
    yield option, name.rsplit(".", 1)[-1], type(thing).__name__
    yield from _arguments(option, _init_args(said), thing)


def _holds(thing: object, option: str) -> bool:
    return option in ("evaluation.extractor", "evaluation.protocol")


def _arguments(option: str, said: Mapping[str, Any], thing: object) -> Compared:
    """The scalars among arguments whose object keeps them under their own names."""
    counts = getattr(thing, "counts", None)
    for name, value in said.items():
        if not isinstance(value, str | int | float | None) or (option, name) in LINKED:
            continue
        if isinstance(counts, Counts) and name in Counts._fields:
            if value is not None:  # else it is the protocol's own
                yield f"{option}.{name}", value, getattr(counts, name)
            continue
        held = [
            vars(holder)[key]
            for holder in (thing, getattr(thing, "judge", None))
            for key in (name, f"_{name}")
            if key in getattr(holder, "__dict__", {})
        ]
        if held:
            yield f"{option}.{name}", value, held[0]


def _networks(said: Namespace, model: Any) -> Compared:  # noqa: ANN401  (a GAN)
    """Shapes of the networks beside those of their classes with these arguments."""
    for option in ("generator", "discriminator"):
        kind = _class(said[option])
        arguments = _init_args(said[option])
        if "num_classes" in inspect.signature(kind).parameters:
            arguments["num_classes"] = model.hparams["num_classes"]
        with torch.device("meta"):
            like = kind(model.image_shape, **_vars(arguments))
        network = getattr(model, option)
        yield f"model.{option}", kind.__name__, type(network).__name__
        yield from _arguments(f"model.{option}", arguments, network)
        norm = said["norm" if option == "discriminator" else "generator_norm"]
        if "gamma" not in str(norm):
            yield f"model.{option}.init_args", _weights(like), _weights(network)
        scale = _init_args(norm).get("scale")
        pairs = spectral_pairs(network)
        if scale is not None and pairs:
            yield f"model.{option} normalized", {scale}, {pair[0].scale for pair in pairs}


def _vars(arguments: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in arguments.items() if name != "image_shape"}


def _weights(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def _class(said: Namespace) -> Any:  # noqa: ANN401  (a class)
    module, name = said.class_path.rsplit(".", 1)
    return getattr(import_module(module), name)


def _optimizers(said: Namespace, model: Any) -> Compared:  # noqa: ANN401  (a GAN)
    optimizers, schedules = model.configure_optimizers()
    asked = [f"{network}_schedule" for network in ("generator", "discriminator")]
    made = iter(schedules)
    for option, optimizer in zip(("generator", "discriminator"), optimizers, strict=True):
        option = f"{option}_optimizer"
        yield (
            f"model.{option}",
            said[option].class_path.rsplit(".", 1)[-1],
            type(optimizer).__name__,
        )
        for name, value in _init_args(said[option]).items():
            for group in optimizer.param_groups:
                held = group.get("initial_lr", group["lr"]) if name == "lr" else group.get(name)
                yield f"model.{option}.{name}", value, held
    for option in asked:
        if said.get(option) is not None:
            schedule = next(made)["scheduler"]
            yield f"model.{option}", _class(said[option]).__name__, type(schedule).__name__
            arguments = _init_args(said[option])
            yield from _arguments(f"model.{option}", arguments, schedule)


def same(said: Any, held: Any) -> bool:  # noqa: ANN401  (of any kind)
    """Whether an object holds what was said; no path said is one of its own."""
    if isinstance(held, Path):
        return said is None or Path(said) == held
    if isinstance(held, partial):
        return bool(held.func is said)
    if isinstance(said, list | tuple) and isinstance(held, list | tuple):
        return list(said) == list(held)
    return bool(said == held) or (said != said and held != held)
