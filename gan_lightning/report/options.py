"""The options of a run by the names that a user types, and which of them can matter to a score."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatchcase

Options = dict[str, str]
"""Option, as on the command line without its dashes, to its value as text."""

SEED = "seed_everything"

HARMLESS = (
    *(SEED, "config", "run", "ckpt_path", "weights_only", "model.image_shape"),
    *("model.seed", "data.seed"),  # linked to seed_everything
    *("checkpoints.*", "samples.*", "evaluation.*", "diagnostics*", "advisor*"),
    *(f"trainer.{key}" for key in ("max_time", "default_root_dir", "logger*", "callbacks*")),
    *(f"trainer.{key}" for key in ("profiler*", "enable_*", "limit_val*", "log_every_n_steps")),
    *(f"trainer.{key}" for key in ("val_check_interval", "detect_anomaly", "limit_test*")),
    *(f"trainer.{key}" for key in ("num_sanity_val_steps", "limit_predict*", "plugins*")),
    *("trainer.max_epochs", "trainer.model_registry"),
    *(f"data.{key}" for key in ("root", "prepared_root", "download", "num_workers")),
    *(f"data.{key}" for key in ("device_cache*", "num_predict", "predict_classes")),
    *("_*", "wandb*"),
)
"""What makes no two runs different: their results do not depend on it, or depend by chance (the
seed), or their scores say it better themselves (``evaluation``)."""


def options_of(config: Mapping[str, object]) -> Options:
    """The options of a ``config.yaml``, flat, under the names of the command line.

    >>> options_of({"model": {"norm": {"class_path": "gan_lightning.normalization.bssn",
    ...                                "init_args": {"scale": 2.0}}, "penalties": []}})
    {'model.norm': 'bssn', 'model.norm.scale': '2', 'model.penalties': '[]'}
    """
    return dict(_flat(config, ""))


def distinguishing_options(options: Options) -> Options:
    """Without those that make no two runs different.

    >>> that_matter({"seed_everything": "3", "model.norm": "sn", "samples.rows": "8"})
    {'model.norm': 'sn'}
    """
    return {key: value for key, value in options.items() if not is_harmless(key)}


def is_harmless(option: str) -> bool:
    """Whether an option makes no two runs different."""
    known = _KNOWN.get(option)
    if known is None:
        known = any(fnmatchcase(option, pattern) for pattern in HARMLESS)
        if len(_KNOWN) < 10_000:
            _KNOWN[option] = known
    return known


_KNOWN: dict[str, bool] = {}


def in_text(value: object) -> str:
    """A value as it reads in a table.

    >>> in_text(2.0), in_text(None), in_text(True), in_text([0.5, 0.999])
    ('2', 'null', 'true', '[0.5, 0.999]')
    >>> in_text({"class_path": "gan_lightning.penalties.r1", "init_args": {"weight": 10}})
    'r1(weight=10)'
    >>> in_text("gan_lightning.data.digits"), in_text("mine.norm")
    ('digits', 'mine.norm')
    """
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, float):
        return f"{value:.0f}" if value.is_integer() and abs(value) < 1e15 else repr(value)
    if isinstance(value, list | tuple):
        return f"[{', '.join(in_text(item) for item in value)}]"
    if isinstance(value, Mapping):
        return _object(value)
    text = " ".join(str(value).split())
    return text.rpartition(".")[2] if text.startswith("gan_lightning.") else text


def ordered(values: Iterable[str | None]) -> list[str | None]:
    """Values in the order that a reader expects: numbers by size, then words; absent ones first.

    >>> ordered(["10", "sn", None, "9"])
    [None, '9', '10', 'sn']
    """
    return sorted(values, key=order)


def order(value: str | None) -> tuple[int, float, str]:
    """What to sort a value by."""
    if value is None:
        return (0, 0.0, "")
    try:
        return (1, float(value), "")
    except ValueError:
        return (2, 0.0, value)


def _flat(value: Mapping[str, object], prefix: str) -> Iterator[tuple[str, str]]:
    for key, nested in value.items():
        name = _joined(prefix, str(key))
        if isinstance(nested, Mapping):
            yield from _flat(nested, name)
        else:
            yield name, in_text(nested)


def _joined(prefix: str, key: str) -> str:
    """The name of an option; a class goes by the name of what it is chosen for."""
    if prefix and key in ("class_path", "init_args"):
        return prefix
    return f"{prefix}.{key}" if prefix else key


def _object(value: Mapping[str, object]) -> str:
    """An object in a list, as Python writes its call."""
    if "class_path" not in value:
        return "{" + ", ".join(f"{k}: {in_text(v)}" for k, v in value.items()) + "}"
    arguments = value.get("init_args")
    named = arguments if isinstance(arguments, Mapping) else {}
    inside = ", ".join(f"{k}={in_text(v)}" for k, v in named.items())
    return in_text(value["class_path"]) + (f"({inside})" if inside else "")
