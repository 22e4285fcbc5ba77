"""Which command runs what, and what is not said meanwhile."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator

import pytest

from gan_lightning.cli import find_scale, running
from gan_lightning.cli.arguments import SUBCOMMANDS
from gan_lightning.cli.commands import COMMANDS

Calls = list[tuple[object, ...]]


@pytest.fixture(autouse=True)
def _filters() -> Iterator[None]:
    """Given back."""
    logger = logging.getLogger("lightning.pytorch.utilities.rank_zero")
    before = list(logger.filters)
    with warnings.catch_warnings():
        yield
    logger.filters[:] = before


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Calls:
    """What was run, and with which words."""
    made: Calls = []
    monkeypatch.setattr(running, "run", lambda words: made.append(("run", words)))
    monkeypatch.setattr(running, "run_command", lambda *words: made.append(words))
    monkeypatch.setattr(find_scale, "find_scale", lambda words: made.append(("scale", words)))
    return made


def test_each_command_runs_its_own(calls: Calls) -> None:
    for name in (*COMMANDS, find_scale.NAME, *SUBCOMMANDS):
        running.execute([name, "--x=1"], in_process=True)
    of_functions = [(name, ["--x=1"]) for name in COMMANDS]
    of_runs = [("run", [name, "--x=1"]) for name in SUBCOMMANDS]
    assert calls == [*of_functions, ("scale", ["--x=1"]), *of_runs]


def test_a_run_takes_the_words_of_its_process(calls: Calls) -> None:
    """So that processes that it starts are started with them."""
    running.execute(["fit", "--x=1"])
    assert calls == [("run", None)]


@pytest.mark.usefixtures("calls")
def test_advice_that_does_not_apply_is_not_given(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    running.execute(["fit"])
    warnings.warn("The 'train_dataloader' does not have many workers, so", stacklevel=1)
    with pytest.raises(UserWarning, match="something else"):
        warnings.warn("something else", stacklevel=1)
    logger = logging.getLogger("lightning.pytorch.utilities.rank_zero")
    logger.info("try litlogger")
    logger.info("said")
    assert caplog.messages == ["said"]
