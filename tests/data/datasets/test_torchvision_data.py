"""What torchvision cannot read is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from gan_lightning.data import (
    cifar10,
    prepare,
)
from gan_lightning.errors import UserError
from tests.data import formats


def _flip_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("file", ["data_batch_3", "batches.meta"])
def test_damaged_files_of_torchvision(
    file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    formats.write_cifar10(tmp_path, monkeypatch)
    _flip_bit(tmp_path / "cifar-10-batches-py" / file)
    with pytest.raises(UserError, match=r"^root .* could not be read") as error:
        prepare(cifar10(root=str(tmp_path)))
    assert "`download` true" in str(error.value)
