"""Who has the signals when, and what becomes of them."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable

import pytest

from gan_lightning.runs.signals import Signals

STOPPING = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1)


def exit_code(action: Callable[[], None]) -> int:
    """How a process ends that does this."""
    pid = os.fork()
    if pid == 0:
        code = 0
        try:
            action()
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 1
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def send(number: int) -> None:
    os.kill(os.getpid(), number)


@pytest.mark.parametrize("number", STOPPING)
def test_outside_of_training_a_signal_ends_the_process(number: int) -> None:
    def untrained() -> None:
        with Signals():
            send(number)

    def trained() -> None:
        with Signals() as signals:
            signals.hold()
            signals.release()
            send(number)

    assert exit_code(untrained) == exit_code(trained) == 128 + number


def test_one_that_was_left_while_training_begins_outside_of_it() -> None:
    """As where training ended in an exception, and nobody released it."""

    def again() -> None:
        signals = Signals()
        with signals:
            signals.hold()
        with signals:
            send(signal.SIGTERM)

    assert exit_code(again) == 128 + signal.SIGTERM


@pytest.mark.parametrize("number", STOPPING)
def test_during_training_the_first_is_noted_and_the_second_ends_at_once(number: int) -> None:
    with Signals() as signals:
        signals.hold()
        send(number)
        assert signals.received == number

    def twice() -> None:
        with Signals() as signals:
            signals.hold()
            send(signal.SIGTERM)
            send(number)

    assert exit_code(twice) == -number


def test_the_signals_are_given_back() -> None:
    before = [signal.getsignal(number) for number in STOPPING]
    with Signals() as signals:
        assert [signal.getsignal(number) for number in STOPPING] == [signals._take] * len(STOPPING)
    assert [signal.getsignal(number) for number in STOPPING] == before
    with pytest.raises(ZeroDivisionError), Signals():
        _ = 1 / 0
    assert [signal.getsignal(number) for number in STOPPING] == before


def test_taken_twice_they_are_given_back_to_whoever_had_them_first() -> None:
    before = [signal.getsignal(number) for number in STOPPING]
    signals = Signals()
    with signals:
        signals.__enter__()
    assert [signal.getsignal(number) for number in STOPPING] == before


def test_another_thread_leaves_them_alone() -> None:
    before = signal.getsignal(signal.SIGTERM)
    seen = []

    def inside() -> None:
        with Signals() as signals:
            seen.append((signals.taken, signal.getsignal(signal.SIGTERM)))

    thread = threading.Thread(target=inside)
    thread.start()
    thread.join()
    assert seen == [(False, before)]
