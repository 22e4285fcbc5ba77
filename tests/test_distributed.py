"""What one process decides all do, and what fails on one fails on all."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import distributed

from gan_lightning.distributed import (
    average_,
    first_then_others,
    in_group,
    joined_by_torchrun,
    on_all,
    on_first,
    rank_and_world,
)
from gan_lightning.errors import UserError

WORLD = 3
CPU = torch.device("cpu")
WAYS = (on_first, on_all, first_then_others)


def begin(store: Path, rank: int, world: int) -> None:
    distributed.init_process_group(
        "gloo",
        init_method=f"file://{store}",
        rank=rank,
        world_size=world,
        timeout=timedelta(seconds=60),
    )


@pytest.fixture
def group_of_one(tmp_path: Path) -> Iterator[None]:
    begin(tmp_path / "store", 0, 1)
    yield
    distributed.destroy_process_group()


def forked(folder: Path, world: int, action: Callable[[int], Any]) -> list[Any]:
    """What each of several processes gets from an action, as JSON has it."""
    pids = []
    for rank in range(world):
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                (folder / f"{rank}.json").write_text(json.dumps(action(rank)))
                code = 0
            finally:
                os._exit(code)
        pids.append(pid)
    assert [os.waitpid(pid, 0)[1] for pid in pids] == [0] * world
    return [json.loads((folder / f"{rank}.json").read_text()) for rank in range(world)]


def on_three(folder: Path, action: Callable[[int], Any]) -> list[Any]:
    """The same, of processes that are a group."""

    def grouped(rank: int) -> Any:  # noqa: ANN401  (whatever the action returns)
        begin(folder / "store", rank, WORLD)
        result = action(rank)
        distributed.destroy_process_group()
        return result

    return forked(folder, WORLD, grouped)


def test_a_single_process_is_the_first_of_one() -> None:
    assert not in_group()
    assert rank_and_world() == (0, 1)


@pytest.mark.usefixtures("group_of_one")
def test_so_is_a_group_of_one() -> None:
    assert in_group()
    assert rank_and_world() == (0, 1)
    tensor = torch.tensor([1.0, 3.0])
    average_([tensor])
    assert tensor.tolist() == [1.0, 3.0]
    assert [way(lambda: 5) for way in WAYS] == [5] * 3


@pytest.mark.parametrize("way", WAYS)
def test_alone_an_action_is_a_plain_call(way: Callable[[Callable[[], object]], object]) -> None:
    made: list[object] = []
    assert way(lambda: made.append(1) or "done") == "done"  # type: ignore[func-returns-value]  # so "or"
    assert made == [1]
    with pytest.raises(ZeroDivisionError):  # of its own kind, whatever it is
        way(lambda: 1 / 0)


def test_alone_a_mean_is_the_tensor_itself() -> None:
    tensor = torch.tensor([2.0])
    average_([tensor])
    average_([])
    assert tensor.item() == 2.0


@pytest.mark.parametrize("world", [None, "1"])
def test_who_was_started_alone_joins_no_group(
    monkeypatch: pytest.MonkeyPatch, world: str | None
) -> None:
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    if world is not None:
        monkeypatch.setenv("WORLD_SIZE", world)
    with joined_by_torchrun(CPU):
        assert not in_group()


@pytest.mark.usefixtures("group_of_one")
def test_a_group_that_there_is_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    with joined_by_torchrun(CPU):
        assert in_group()
    assert in_group()


def test_who_was_started_beside_others_joins_them_for_as_long(tmp_path: Path) -> None:
    """As torchrun says by variables; also where an exception ends it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free.getsockname()[1])}

    def join(rank: int) -> list[Any]:
        os.environ.update(address, RANK=str(rank), WORLD_SIZE="2")
        seen: list[Any] = [in_group()]
        try:
            with joined_by_torchrun(CPU):
                seen += [in_group(), rank_and_world(), on_first(lambda: rank)]
                raise ZeroDivisionError
        except ZeroDivisionError:
            return [*seen, in_group()]

    assert forked(tmp_path, 2, join) == [[False, True, [rank, 2], 0, False] for rank in (0, 1)]


def test_means_are_those_of_all_processes_in_place(tmp_path: Path) -> None:
    def mean(rank: int) -> list[Any]:
        tensors = [torch.tensor([[1.0, 2.0], [3.0, 4.0]]) * rank, torch.tensor(10.0 + rank)]
        transposed = torch.arange(6.0).reshape(2, 3).t() * (rank + 1)
        before = [tensor.data_ptr() for tensor in tensors]
        average_([*tensors, transposed])
        assert [tensor.data_ptr() for tensor in tensors] == before
        return [tensor.tolist() for tensor in (*tensors, transposed)]

    expected = [
        [[1.0, 2.0], [3.0, 4.0]],
        11.0,
        (torch.arange(6.0).reshape(2, 3).t() * 2).tolist(),
    ]
    assert on_three(tmp_path, mean) == [expected] * WORLD


def test_who_acts_and_what_everyone_gets(tmp_path: Path) -> None:
    def attempts(rank: int) -> list[Any]:
        made: list[str] = []

        def act(name: str) -> str:
            made.append(name)
            return f"{name} of {rank}"

        got = [on_first(lambda: act("a")), on_all(lambda: act("b"))]
        return [*got, first_then_others(lambda: act("c")), made, rank_and_world()]

    for rank, got in enumerate(on_three(tmp_path, attempts)):
        expected = ["a of 0", f"b of {rank}", f"c of {rank}"]
        assert got[:3] == expected
        assert got[3] == (["a", "b", "c"] if rank == 0 else ["b", "c"])
        assert got[4] == [rank, WORLD]


def test_the_first_goes_ahead_of_the_others(tmp_path: Path) -> None:
    """So that what it leaves behind is there for them."""

    def look(rank: int) -> bool:
        def action() -> bool:
            there = (tmp_path / "made").exists()
            (tmp_path / "made").touch()
            return there

        return first_then_others(action)

    assert on_three(tmp_path, look) == [False, True, True]


def attempt(action: Callable[[], str]) -> str:
    try:
        return action()
    except (UserError, RuntimeError, KeyError) as error:
        return f"{type(error).__name__} {error}"


def test_processes_agree_on_failures(tmp_path: Path) -> None:
    """What every process learns when the action of one fails."""

    def agreement(rank: int) -> list[str]:
        def fail_on(failing: int, error: Exception) -> str:
            if rank == failing:
                raise error
            return "done"

        attempts: list[Callable[[], str]] = [
            lambda: on_first(lambda: fail_on(0, UserError("first"))),
            lambda: on_first(lambda: fail_on(0, KeyError("bug"))),
            lambda: on_all(lambda: fail_on(1, UserError("second"))),
            lambda: on_all(lambda: fail_on(1, KeyError("bug"))),
            lambda: first_then_others(lambda: fail_on(1, UserError("second"))),
            lambda: first_then_others(lambda: fail_on(5, UserError("nobody"))),
        ]
        return [attempt(each) for each in attempts]

    bug = "RuntimeError another process failed with KeyError: 'bug'"
    here = "KeyError 'bug'"
    users = ["UserError first", "UserError second", "UserError second"]
    expected = [
        [
            users[0],
            here if rank == 0 else bug,
            users[1],
            here if rank == 1 else bug,
            users[2],
            "done",
        ]
        for rank in range(3)
    ]
    assert on_three(tmp_path, agreement) == expected


@pytest.mark.parametrize("finder", [0, 2])
def test_only_the_finder_of_a_mistake_has_not_heard_of_it(tmp_path: Path, finder: int) -> None:
    """Who tells it, so that it is told once."""

    def heard(rank: int) -> list[int | None]:
        def find() -> None:
            if rank == finder:
                raise UserError("is wrong", "x")

        learnt: list[int | None] = []
        for way in (on_all, first_then_others):
            try:
                way(find)
            except UserError as error:
                learnt.append(error.heard_by)
        return learnt

    for rank, got in enumerate(on_three(tmp_path, heard)):
        assert got == [None if rank == finder else rank] * 2
