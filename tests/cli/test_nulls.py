"""``null`` for an argument of a class is refused just where it would be for an option."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import jsonargparse
import pytest

from gan_lightning import cli
from gan_lightning.cli.nulls import require_values
from gan_lightning.data import ImageData
from gan_lightning.errors import UserError
from gan_lightning.extractors import FeatureExtractor
from gan_lightning.losses import Objective
from gan_lightning.networks import CNNDiscriminator, Generator
from gan_lightning.normalization import Normalization
from gan_lightning.optim import GANAdam
from gan_lightning.penalties import Penalty
from gan_lightning.scores.protocol import Protocol
from gan_lightning.scores.samples import SampleScore

BASES = (
    *(ImageData, FeatureExtractor, Objective, CNNDiscriminator, Generator, Normalization, GANAdam),
    *(Penalty, SampleScore, Protocol),
)


def concrete(base: type) -> list[type]:
    found = [] if inspect.isabstract(base) or base.__name__.startswith("_") else [base]
    subclasses: list[type] = type.__subclasses__(base)
    children = [kind for child in subclasses for kind in concrete(child)]
    return [kind for kind in (*found, *children) if kind.__module__.startswith("gan_lightning")]


CLASSES = list(dict.fromkeys(kind for base in BASES for kind in concrete(base)))


def takes_null_as_an_option(kind: type, name: str) -> bool:
    """Whether jsonargparse makes None of the word ``null`` where the argument is an option."""
    parser = jsonargparse.ArgumentParser(exit_on_error=False)
    signature = inspect.signature(kind).parameters
    others = {other for other in signature if other != name}
    parser.add_class_arguments(kind, skip=others, fail_untyped=False)
    try:
        return parser.parse_args([f"--{name}=null"]).get(name) is None
    except jsonargparse.ArgumentError:
        return False


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_null_is_refused_where_the_annotation_has_none(kind: type) -> None:
    for name, parameter in inspect.signature(kind).parameters.items():
        if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            continue
        if parameter.default in (parameter.empty, None):
            continue
        path = f"{kind.__module__}.{kind.__qualname__}"
        made = jsonargparse.dict_to_namespace({"class_path": path, "init_args": {name: None}})
        config = {"of": [made]}
        if not takes_null_as_an_option(kind, name):
            with pytest.raises(UserError) as error:
                require_values(config)
            assert error.value.argument == f"of.{name}"
        else:
            require_values(config)


@pytest.mark.parametrize(
    "option",
    [
        *("data.root", "data.sampling", "data.flip", "model.norm.scale", "model.generator.width"),
        "model.generator_optimizer.lr",
    ],
)
def test_null_on_the_command_line(
    option: str, tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = f"--run={tmp_path / 'run'}"
    with pytest.raises(SystemExit) as exit_:
        cli.main(["fit", f"--config={tiny}", run, f"--{option}=null"])
    assert exit_.value.code == 2
    said = capsys.readouterr().err.splitlines()[-1]
    assert re.match(rf"gan: error: --{option} is null: give \w+.*, or leave it out$", said), said


def test_null_where_it_means_something(tiny: Path, tmp_path: Path) -> None:
    more = "--data.prepared_root=null", "--data.limit=null", "--trainer.limit_val_batches=0"
    cli.main(["fit", f"--config={tiny}", f"--run={tmp_path / 'run'}", *more])
