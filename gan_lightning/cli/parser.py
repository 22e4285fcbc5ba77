"""The argument parser: another class starts from its own defaults; errors take one sentence."""

from __future__ import annotations

import re
from typing import Any, NoReturn

import yaml
from jsonargparse import (  # type: ignore[attr-defined]  # public, but exported by a star
    ActionConfigFile,
    Namespace,
)
from lightning.pytorch.cli import LightningArgumentParser

from gan_lightning.cli.blame import as_option, mistake_behind, option_behind
from gan_lightning.cli.sentences import in_one_sentence
from gan_lightning.cli.words import may_be_empty
from gan_lightning.errors import UserError
from gan_lightning.jsonargparse_private import HelpFormatter
from gan_lightning.yaml_text import read_yaml

HELP_OF_CONFIG = "YAML file of options; those typed beside it win, and a later file over an earlier"


class Help(HelpFormatter):
    """Names what an option takes by the short names that it knows."""

    def help_of(self, action: Any, text: str) -> str:  # noqa: ANN401  (argparse's, of many kinds)
        """Leaves out modules, and classes that are no choice."""
        trainer = action.dest.startswith("trainer.")
        return re.sub(
            r", known subclasses: ([^)]*)", lambda found: _short(found.group(1), trainer), text
        )


def _short(paths: str, trainer: bool) -> str:
    """Names of classes; where torch has hundreds, only those of this package.

    >>> _short("torch.nn.Linear, gan_lightning.networks.Mine", trainer=False)
    ', known: Mine'
    """
    own = [path for path in paths.split(", ") if path.startswith("gan_lightning.") != trainer]
    if "torch.nn." in paths:
        rooms = ("gan_lightning.normalization.", "gan_lightning.networks.")
        of_rooms = ([path for path in own if path.startswith(room)] for room in rooms)
        of_rooms = ([path for path in room if not path.endswith(_NO_CHOICE)] for room in of_rooms)
        own = next(filter(None, of_rooms), own)
    return ", known: " + ", ".join(dict.fromkeys(path.rsplit(".", 1)[-1] for path in own))


_NO_CHOICE = ("Generator", "SpectralNorm", "Unit", "Followed", "LayerNorm", "Gain", "Clamp")
"""Modules that serve neither as a discriminator nor as a norm."""


class ConfigFile(ActionConfigFile):
    """A config whose mistakes name the file, and which says nothing twice."""

    # Ignored below: as argparse's.
    def __call__(self, parser: Any, cfg: Any, values: Any, *args: Any) -> None:  # noqa: ANN401
        """Reads it."""
        _require_plain_yaml(str(values))
        try:
            # Ignored below: jsonargparse does not type it.
            super().__call__(parser, cfg, values, *args)  # type: ignore[no-untyped-call]
            _require_known(parser, cfg)
        except Exception as error:
            mistake = mistake_behind(error)
            if mistake is None:
                raise
            said = as_option(mistake, option_behind(error))
            raise UserError(f"--config {values}: {said}") from None


def _require_known(parser: Parser, config: Namespace) -> None:
    """Raises `UserError` for what is no option, while it is known which file said it."""
    try:
        parser.validate(config, skip_required=True)
    except (KeyError, TypeError) as error:
        raise in_one_sentence(parser, str(error.args[0])) from error


def _require_plain_yaml(path: str) -> None:
    """Raises `UserError` unless a file is text, YAML, and says nothing twice."""
    try:
        with open(path, encoding="utf-8") as file:  # noqa: PTH123  (may be no path at all)
            config = read_yaml(file)
        _refuse_seed_of_data(config)
        _refuse_empty(config)
    except OSError as error:
        raise UserError(f"--config {path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise UserError(f"--config {path} is no text in UTF-8: {error.reason}") from error
    except yaml.YAMLError as error:
        raise UserError(f"--config {path} is no YAML: {' '.join(str(error).split())}") from error
    except UserError as error:
        raise UserError(f"--config {path}: {error}") from None


def _refuse_seed_of_data(config: object) -> None:
    """Raises `UserError` for a seed that the seed of the run would replace without a word."""
    data = config.get("data") if isinstance(config, dict) else None
    arguments = data.get("init_args", data) if isinstance(data, dict) else None
    if isinstance(arguments, dict) and "seed" in arguments:
        raise UserError("data.seed is not an option of its own: set seed_everything")


def _refuse_empty(config: object, *option: str) -> None:
    """Raises `UserError` for an empty text where no other package's object takes it."""
    if isinstance(config, dict):
        for key, value in config.items():
            _refuse_empty(value, *option, str(key))
    elif isinstance(config, list):
        for value in config:
            _refuse_empty(value, *option)
    elif config == "" and not may_be_empty(option[0] if option else ""):
        raise UserError(f"{'.'.join(option)} is empty: give a value, or leave it out")


def add_config(parser: LightningArgumentParser) -> None:
    """Gives a parser its ``--config``."""
    parser.add_argument("-c", "--config", action=ConfigFile, help=HELP_OF_CONFIG)


class Parser(LightningArgumentParser):
    """Says what is wrong in one message instead of a page of usage; takes no abbreviations."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, allow_abbrev=False, formatter_class=Help, **kwargs)

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        """Raises what `main` prints, to exit with code 2."""
        mistake = mistake_behind(ex)
        if mistake is None or ex is None:
            raise in_one_sentence(self, message) from ex
        raise ex  # what was found first says more, and where it was found
