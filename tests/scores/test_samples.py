"""What scores of single images look at."""

from __future__ import annotations

import pytest
import torch

from gan_lightning.scores.samples import SampleBank


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
def test_a_bank_keeps_the_first_rows_in_order_of_index(dtype: torch.dtype) -> None:
    bank = SampleBank(5, (2,), dtype)
    bank.update(torch.tensor([[4, 4], [9, 9], [1, 1]]), torch.tensor([4, 9, 1]))
    bank.update(torch.zeros(0, 2), torch.zeros(0, dtype=torch.int64))
    bank.update(torch.tensor([[0, 7], [3, 3], [2, 2]]), torch.tensor([0, 3, 2]))
    rows = bank.table()
    assert rows.dtype == dtype
    assert rows.tolist() == [[0, 7], [1, 1], [2, 2], [3, 3], [4, 4]]


@pytest.mark.parametrize("row", [(1,), (1, 1, 1), ()])
def test_a_row_of_one_number_is_a_row(row: tuple[int, ...]) -> None:
    bank = SampleBank(1, row, torch.float32)
    bank.update(torch.full((1, *row), 7.0), torch.tensor([0]))
    assert bank.table().shape == (1, *row)
    assert bank.table().item() == 7
