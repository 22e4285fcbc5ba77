"""Sweep files: W&B's format, read and checked before anything starts."""

from __future__ import annotations

import difflib
import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

import yaml

from gan_lightning.errors import UserError
from gan_lightning.studies.parameters import Choice, Parameter, Range, parameter
from gan_lightning.yaml_text import read_yaml

METHODS = ("grid", "random", "bayes")
KEYS = ("program", "command", "method", "metric", "parameters", "name", "description", "run_cap")
WANDB_ALONE = (
    "project",
    "entity",
    "early_terminate",
    "controller",
    "job",
    "image_uri",
    "prior_runs",
)
Goal = Literal["minimize", "maximize"]
GOALS: tuple[Goal, ...] = get_args(Goal)

Values = dict[str, Any]
"""What one run is given: option to value."""


@dataclass(frozen=True)
class Sweep:
    """A study: the command of its runs, and what differs between them.

    Args:
        name: The file's name, without its ending.
        command: What starts a run, as the file has it.
        method: "grid", "random" or "bayes".
        parameters: What differs, and what every run is given.
        metric: The column of metrics.csv that counts; None for the run's FID.
        goal: "minimize" or "maximize".
        run_cap: The number of runs, if the file bounds it.
        raw: The file's content.
    """

    name: str
    command: tuple[str, ...]
    method: str
    parameters: tuple[Parameter, ...]
    metric: str | None = None
    goal: Goal = "minimize"
    run_cap: int | None = None
    raw: Mapping[str, Any] = field(default_factory=dict)

    @property
    def varied(self) -> tuple[str, ...]:
        """The names of the parameters that differ between runs."""
        return tuple(p.name for p in self.parameters if isinstance(p, Range) or len(p.values) > 1)

    def grid(self) -> Iterator[Values]:
        """Every combination of values, the last parameter changing fastest, as W&B's grid does."""
        lists = [_listed(p) for p in self.parameters]
        for values in itertools.product(*(choice.values for choice in lists)):
            yield dict(zip((choice.name for choice in lists), values, strict=True))

    @property
    def size(self) -> int | None:
        """The number of runs; None where the file doesn't bound it."""
        if self.method != "grid":
            return self.run_cap
        whole = math.prod(len(_listed(p).values) for p in self.parameters)
        return min(whole, self.run_cap or whole)


def read_sweep(path: str | Path) -> Sweep:
    """Reads a sweep file.

    Raises:
        UserError: It is no sweep file, or asks for what makes no sense; names the file.
    """
    try:
        content = read_yaml(Path(path).read_text(encoding="utf-8"))
        return understood(content, Path(path).stem)
    except OSError as error:
        raise UserError(f"{path}: {error.strerror or error}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is no YAML: {' '.join(str(error).split())}") from error
    except UserError as error:
        raise UserError(f"{path}: {error}") from None


def understood(content: object, name: str) -> Sweep:
    """Makes a sweep of a file's content.

    Raises:
        UserError: Says what is wrong with it.
    """
    if not isinstance(content, Mapping):
        raise UserError("is no sweep file; it takes command, method and parameters")
    for key in content:
        _require_known(str(key))
    method = content.get("method")
    if method not in METHODS:
        raise UserError(f"method {method} is not known; it is one of {', '.join(METHODS)}")
    specs = content.get("parameters")
    if not isinstance(specs, Mapping) or not specs:
        raise UserError("parameters are needed: what differs between the runs")
    metric, goal = _metric(content.get("metric"), method)
    cap = content.get("run_cap")
    if cap is not None and (isinstance(cap, bool) or not isinstance(cap, int) or cap < 1):
        raise UserError(f"run_cap must be an integer >= 1, got {cap}")
    return Sweep(
        name=name,
        command=_command(content.get("command")),
        method=method,
        parameters=tuple(_parameter(str(key), spec, method) for key, spec in specs.items()),
        metric=metric,
        goal=goal,
        run_cap=cap,
        raw=dict(content),
    )


def _require_known(key: str) -> None:
    if key not in (*KEYS, *WANDB_ALONE):
        near = difflib.get_close_matches(key, KEYS, n=1)
        hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(KEYS)}"
        raise UserError(f"{key} is not known; {hint}")


def _parameter(name: str, spec: object, method: str) -> Parameter:
    read_sweep = parameter(name, spec)
    if method == "grid" and isinstance(read_sweep, Range) and read_sweep.listed() is None:
        raise UserError(
            f"parameters.{name} is a continuous range, of which there is no grid: list its values, "
            "or choose method random or bayes"
        )
    return read_sweep


def _metric(spec: object, method: str) -> tuple[str | None, Goal]:
    """The metric's name and goal."""
    if spec is None:
        if method == "bayes":
            raise UserError(
                "metric is needed for method bayes, which looks for its optimum: "
                "metric: {name: fid, goal: minimize}"
            )
        return None, GOALS[0]
    name = spec.get("name") if isinstance(spec, Mapping) else None
    if not isinstance(name, str):
        raise UserError(
            f"metric is {spec!r}; it takes a name: metric: {{name: fid, goal: minimize}}"
        )
    goal = spec.get("goal", GOALS[0]) if isinstance(spec, Mapping) else GOALS[0]
    if goal not in GOALS:
        raise UserError(f"metric.goal {goal} is not known; it is minimize or maximize")
    return name, GOALS[GOALS.index(goal)]


def _command(words: object) -> tuple[str, ...]:
    """The command, a run of ``gan fit``."""
    if not isinstance(words, Sequence) or isinstance(words, str) or [*words[:2]] != ["gan", "fit"]:
        raise UserError(
            f"command is {words!r}; it takes a list of words that begins with gan, fit, such as "
            '["gan", "fit", ..., "${args}"]'
        )
    return tuple(str(word) for word in words)


def _listed(read_sweep: Parameter) -> Choice:
    choice = read_sweep if isinstance(read_sweep, Choice) else read_sweep.listed()
    assert choice is not None
    return choice
