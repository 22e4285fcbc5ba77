"""What a sweep file says of one parameter: a value, a list of values, or a range to draw from.

The names and meanings are W&B's, https://docs.wandb.ai/guides/sweeps/sweep-config-keys.
"""

from __future__ import annotations

import difflib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gan_lightning.errors import UserError

if TYPE_CHECKING:
    from optuna import Trial

RANGES = {
    "uniform": ("min", "max"),
    "int_uniform": ("min", "max"),
    "q_uniform": ("min", "max", "q"),
    "log_uniform": ("min", "max"),
    "log_uniform_values": ("min", "max"),
    "q_log_uniform_values": ("min", "max", "q"),
}
"""Distributions over ranges, and what each needs; ``q`` is 1 where it is not said."""

ELSEWHERE = (
    *("normal", "q_normal", "log_normal", "q_log_normal", "beta", "q_beta", "q_log_uniform"),
    *("inv_log_uniform", "inv_log_uniform_values"),
)
"""Those that W&B's own server draws from."""

KEYS = ("value", "values", "min", "max", "q", "distribution")


@dataclass(frozen=True)
class Choice:
    """One of several values; of a single one, a constant.

    Args:
        name: The option's name, without dashes.
        values: What it may be.
    """

    name: str
    values: tuple[Any, ...]

    @property
    def tokens(self) -> tuple[Any, ...]:
        """The values as Optuna keeps them: lists and mappings as text."""
        return tuple(token(value) for value in self.values)

    def suggest(self, trial: Trial) -> Any:  # noqa: ANN401  (whatever the file says)
        """The value of a trial."""
        if len(self.values) == 1:
            return self.values[0]
        return self.values[self.tokens.index(trial.suggest_categorical(self.name, self.tokens))]


@dataclass(frozen=True)
class Range:
    """A number between two others.

    Args:
        name: The option's name, without dashes.
        distribution: One of `RANGES`.
        low: The least value; of "log_uniform", its logarithm.
        high: The greatest, in the same way.
        step: Values are multiples of it, for the distributions that begin with q.
    """

    name: str
    distribution: str
    low: float
    high: float
    step: float = 1

    def suggest(self, trial: Trial) -> float:
        """The value of a trial."""
        if self.distribution == "int_uniform":
            return trial.suggest_int(self.name, int(self.low), int(self.high))
        low, high = self.ends()
        value = trial.suggest_float(self.name, low, high, log="log" in self.distribution)
        return round(value / self.step) * self.step if self._in_steps else value

    def ends(self) -> tuple[float, float]:
        """Its least and greatest value."""
        if self.distribution == "int_uniform":
            return int(self.low), int(self.high)
        log = self.distribution == "log_uniform"
        return (math.exp(self.low), math.exp(self.high)) if log else (self.low, self.high)

    @property
    def _in_steps(self) -> bool:
        return self.distribution.startswith("q_")

    def listed(self) -> Choice | None:
        """All its values, where it has finitely many."""
        if self.distribution == "int_uniform":
            return Choice(self.name, tuple(range(int(self.low), int(self.high) + 1)))
        return None


Parameter = Choice | Range


def token(value: object) -> Any:  # noqa: ANN401  (None, bool, int, float or str)
    """A value as it stands in a database: what is neither number nor text as JSON.

    >>> token(0.5), token([0.5, 0.9])
    (0.5, '[0.5, 0.9]')
    """
    plain = value is None or isinstance(value, bool | int | float | str)
    return value if plain else json.dumps(value)


def parameter(name: str, spec: object) -> Parameter:
    """Reads what a sweep file says of one parameter.

    Raises:
        UserError: It makes no sense, or is W&B's alone.
    """
    if not isinstance(spec, Mapping):
        raise UserError(
            f"parameters.{name} is {spec!r}: write {{value: {spec}}} or {{values: [...]}}"
        )
    for key in spec:
        _require_key(name, str(key))
    if "values" in spec:
        return _choice(name, spec["values"])
    if "value" in spec:
        return Choice(name, (spec["value"],))
    return _range(name, spec)


def _require_key(name: str, key: str) -> None:
    if key in KEYS:
        return
    if key in ("parameters", "probabilities", "mu", "sigma", "a", "b"):
        raise UserError(
            f"parameters.{name}.{key} is for W&B's own server alone; write nested options by their "
            "dotted names, and ranges by min, max and distribution"
        )
    near = difflib.get_close_matches(key, KEYS, n=1)
    hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(KEYS)}"
    raise UserError(f"parameters.{name}.{key} is not known; {hint}")


def _choice(name: str, values: object) -> Choice:
    if not isinstance(values, Sequence) or isinstance(values, str) or not values:
        raise UserError(f"parameters.{name}.values is {values!r}; it takes a list of values")
    texts = [json.dumps(value, sort_keys=True) for value in values]
    twice = next(
        (value for value, text in zip(values, texts, strict=True) if texts.count(text) > 1), None
    )
    if len(set(texts)) < len(texts):
        raise UserError(f"parameters.{name}.values has {twice!r} twice; each run is made once")
    return Choice(name, tuple(values))


def _range(name: str, spec: Mapping[str, Any]) -> Range:
    low, high = spec.get("min"), spec.get("max")
    whole = isinstance(low, int) and isinstance(high, int)
    distribution = spec.get("distribution", "int_uniform" if whole else "uniform")
    if distribution in ELSEWHERE:
        raise UserError(
            f"parameters.{name}.distribution {distribution} is drawn by W&B's own server alone; "
            f"here: {', '.join(RANGES)}"
        )
    if distribution not in RANGES:
        near = difflib.get_close_matches(str(distribution), RANGES, n=1)
        hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(RANGES)}"
        raise UserError(f"parameters.{name}.distribution {distribution} is not known; {hint}")
    for key, bound in (("min", low), ("max", high)):
        if isinstance(bound, bool) or not isinstance(bound, int | float):
            needs = "is needed" if bound is None else f"is {bound!r}, which is no number"
            raise UserError(
                f"parameters.{name}.{key} {needs}: give min and max, or the values to try"
            )
    assert low is not None
    assert high is not None
    if low > high:
        raise UserError(f"parameters.{name}: min {low} is greater than max {high}; exchange them")
    if distribution.endswith("log_uniform_values") and low <= 0:
        raise UserError(f"parameters.{name}.min must be > 0 for {distribution}, got {low}")
    step = spec.get("q", 1)
    if isinstance(step, bool) or not isinstance(step, int | float) or step <= 0:
        raise UserError(f"parameters.{name}.q must be > 0, got {step}")
    return Range(name, distribution, low, high, step)
