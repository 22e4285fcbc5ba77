"""Two processes, of which the first alone finds its disk full: ``python -m tests.full_disk``.

Arguments: the run's folder, and which file cannot be written.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gan_lightning import cli, files
from tests.conftest import TINY


def fill(name: str) -> None:
    """From now on there is no room for files of this name."""
    whole = files.whole

    @contextmanager
    def full(path: str | Path, *args: Any, **options: Any) -> Iterator[Any]:
        if Path(path).match(name):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        with whole(path, *args, **options) as file:
            yield file

    for module in [module for key, module in sys.modules.items() if "gan_lightning" in key]:
        if vars(module).get("whole") is whole:
            vars(module)["whole"] = full


def main(folder: Path, name: str) -> None:
    """Trains until the first process cannot go on."""
    folder.mkdir(exist_ok=True)
    (folder / "tiny.yaml").write_text(TINY)
    if os.environ.get("LOCAL_RANK", "0") == "0":
        fill(name)
    run = ["--config", str(folder / "tiny.yaml"), "--run", str(folder / "run")]
    processes = ["--trainer.devices=2", "--trainer.strategy=ddp", "--samples.every_n_steps=2"]
    cli.main(["fit", *run, *processes])


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
