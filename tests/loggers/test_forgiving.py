"""A logger's errors are told, survived, and after a few in a row no longer provoked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from lightning.pytorch.loggers import CSVLogger
from lightning.pytorch.loggers.logger import DummyLogger

from gan_lightning.errors import UserError
from gan_lightning.loggers.forgiving import PATIENCE, forgiving
from tests.conftest import Gan, last, same


class Broken(DummyLogger):
    """A server that answers with errors."""

    def __init__(self, error: type[Exception] = OSError) -> None:
        super().__init__()
        self.error, self.asked = error, 0

    def log_metrics(self, *args: Any, **kwargs: Any) -> None:
        self.asked += 1
        raise self.error("503 Service Unavailable")


def test_what_fails_is_told_and_asked_a_few_times(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    broken = forgiving(Broken())
    for _ in range(10):
        broken.log_metrics({"x": 1.0}, step=1)
    assert broken.asked == PATIENCE
    assert caplog.text.count("503 Service Unavailable") == PATIENCE
    assert "not asked again" in caplog.text
    with pytest.raises(UserError):
        forgiving(Broken(UserError)).log_metrics({})


class Faulty(DummyLogger):
    """Answers as it is told to, from a list of what happens next; then all is well."""

    def __init__(self, *happens: bool) -> None:
        super().__init__()
        self.happens, self.asked = list(happens), 0

    def log_metrics(self, *args: Any, **kwargs: Any) -> str:  # type: ignore[override]  # an answer
        self.asked += 1
        if self.happens and not self.happens.pop(0):
            raise OSError("out of\nquota")
        return f"{args} {kwargs}"

    def finalize(self, status: str) -> None:
        raise RuntimeError(status)


def test_what_works_is_as_it_was() -> None:
    """The same object, its arguments and its answers."""
    logger = Faulty()
    kind = forgiving(logger)
    assert kind is logger
    assert kind.log_metrics({"x": 1.0}, step=3) == "({'x': 1.0},) {'step': 3}"
    assert kind.asked == 1


def test_only_failures_in_a_row_are_counted() -> None:
    """Of whichever method: each may have waited for the same server."""
    almost = [False] * (PATIENCE - 1)
    logger = forgiving(Faulty(*almost, True, *almost, True))
    for _ in range(2 * PATIENCE):
        logger.log_metrics({})
    assert logger.asked == 2 * PATIENCE
    for _ in range(PATIENCE):
        logger.finalize("success")
    logger.log_metrics({})
    assert logger.asked == 2 * PATIENCE


ASKED = (
    *("log_metrics", "log_hyperparams", "log_graph", "log_image"),
    *("after_save_checkpoint", "save", "finalize"),
)


@pytest.mark.parametrize("name", ASKED)
def test_whatever_training_asks_of_a_logger_is_survived(name: str) -> None:
    def fails(*args: object) -> None:
        raise ConnectionError

    logger = Faulty()
    setattr(logger, name, fails)
    assert getattr(forgiving(logger), name)("x") is None


def test_a_failure_is_one_line_that_says_whose_it_is_and_what_goes_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    logger = forgiving(Faulty(*[False] * PATIENCE))
    for _ in range(PATIENCE + 1):
        logger.log_metrics({})
    start, end = "Faulty failed (out of quota). ", "; training and metrics.csv go on"
    expected = [f"{start}It goes on{end}"] * (PATIENCE - 1)
    expected.append(f"{start}It is not asked again in this session{end}")
    assert [record.getMessage() for record in caplog.records] == expected


def test_two_loggers_fail_by_themselves() -> None:
    one, two = forgiving(Faulty(*[False] * 9)), forgiving(Faulty())
    for _ in range(9):
        one.log_metrics({})
        two.log_metrics({})
    assert (one.asked, two.asked) == (PATIENCE, 9)


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_an_interruption_is_no_failure(error: type[BaseException]) -> None:
    class Interrupted(DummyLogger):
        def save(self) -> None:
            raise error

    with pytest.raises(error):
        forgiving(Interrupted()).save()


def test_a_broken_logger_changes_nothing(
    gan: Gan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*args: object, **kwargs: object) -> None:
        raise ConnectionError("quota")

    options = ["--trainer.limit_val_batches=0"]
    gan(*options, folder="whole")
    monkeypatch.setattr(CSVLogger, "log_metrics", fails)
    monkeypatch.setattr(CSVLogger, "save", fails)
    theirs = ["--trainer.logger", "CSVLogger", "--trainer.logger.save_dir", "."]
    gan(*options, *theirs, folder="broken")
    assert same(last(tmp_path / "whole")["state_dict"], last(tmp_path / "broken")["state_dict"])
