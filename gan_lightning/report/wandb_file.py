"""A W&B run read back from its ``.wandb`` file, where that is all there is of it.

The file is a LevelDB log: after 7 bytes of header, blocks of 32 KiB hold fragments (checksum,
length, kind), which make up records of W&B's own protocol buffers.
"""

from __future__ import annotations

import json
import re
import struct
import zlib
from collections.abc import Iterator, Sequence
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Any, BinaryIO

from gan_lightning.report.evaluations import ScoredStep, is_score, of_facts
from gan_lightning.report.logged import number
from gan_lightning.report.options import Options, in_text, options_of
from gan_lightning.report.runs import Ending, Run, made

HEADER, BLOCK, FRAGMENT = 7, 32 * 1024, struct.Struct("<IHB")
FULL, FIRST, LAST = 1, 2, 4
STEPS = ("trainer/global_step", "step", "_step")
"""Where a logged row says its iteration: Lightning's logger, W&B itself."""


def records(path: Path) -> Iterator[bytes]:
    """The records of a ``.wandb`` file, up to where it was cut or damaged."""
    with path.open("rb") as file:
        if not file.read(HEADER).startswith(b":W&B"):
            return
        whole = b""
        for kind, data in _fragments(file):
            whole = data if kind in (FULL, FIRST) else whole + data
            if kind in (FULL, LAST):
                yield whole


def _fragments(file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """The fragments of the blocks; the header counts as part of the first block."""
    while True:
        left = BLOCK - file.tell() % BLOCK
        if left < FRAGMENT.size:
            file.seek(left, 1)  # padding
            continue
        head = file.read(FRAGMENT.size)
        if len(head) < FRAGMENT.size:
            return
        checksum, length, kind = FRAGMENT.unpack(head)
        data = file.read(length)
        if len(data) < length or not 1 <= kind <= 4 or checksum != _checksum(kind, data):
            return
        yield kind, data


def _checksum(kind: int, data: bytes) -> int:
    """Of a fragment, as W&B writes it: CRC-32 of kind and data."""
    return zlib.crc32(data, zlib.crc32(bytes([kind])))


class WandbRun(Run):
    """A run of which W&B's folder alone is there.

    Args:
        path: The folder that the ``.wandb`` files are in, of the first start.
        files: Those of one W&B run, in the order of its starts.
    """

    def __init__(self, path: Path, files: Sequence[Path]) -> None:
        super().__init__(path)
        self.files = tuple(files)

    @cached_property
    def _facts(self) -> tuple[Options, int, int | None]:
        """Options, last iteration, exit code of the last start (``None``: it did not end)."""
        config: dict[str, Any] = {}
        step, code = 0, None
        for record in self._records():
            kind = record.WhichOneof("record_type")
            if kind in ("run", "config"):
                updates = record.run.config.update if kind == "run" else record.config.update
                for item in updates:
                    _put(config, list(item.nested_key) or [item.key], _json(item.value_json))
                code = None if kind == "run" else code
            elif kind == "history":
                step = max(step, _step(_items(record.history)))
            elif kind == "exit":
                code = record.exit.exit_code
        return options_of(config), step, code

    @property
    def config(self) -> Options:
        """Every option that the run told W&B."""
        return self._facts[0]

    @property
    def step(self) -> int:
        """The last iteration that was logged."""
        return self._facts[1]

    @property
    def ending(self) -> Ending:
        """How far it is."""
        options, step, code = self._facts
        if "model.norm" not in options:
            return Ending("damaged", "its W&B file holds no options of gan fit")
        so_far = made(step, self.max_steps)
        if self.max_steps is not None and step >= self.max_steps:
            return Ending("finished")
        if code:
            return Ending("crashed", f"{so_far}; exit code {code}")
        return Ending("unfinished", so_far)

    def evaluations(self, only: int | None = None) -> Iterator[ScoredStep | None]:
        """The evaluations, with the measure that the run's options say.

        W&B is told numbers only: no fingerprints of extractor and images, so that these
        evaluations are comparable with one another but not with those of whole folders.
        """
        told = {key: value for key, value in self.config.items() if key.startswith("evaluation.")}
        for row in self._logged():
            scores = {k: v for k, v in row.items() if isinstance(v, float | int)}
            if any(name.endswith("fid") for name in scores):
                yield of_facts({"step": _step(row)} | _measured(scores, told))

    def rows(self) -> Iterator[dict[str, str]]:
        """What was logged."""
        for row in self._logged():
            yield {key: in_text(value) for key, value in row.items()} | {"step": str(_step(row))}

    def _logged(self) -> Iterator[dict[str, Any]]:
        for record in self._records():
            if record.WhichOneof("record_type") == "history":
                yield _items(record.history)

    def _records(self) -> Iterator[Any]:
        DecodeError = import_module("google.protobuf.message").DecodeError
        Record = import_module("wandb.proto.wandb_internal_pb2").Record  # two seconds
        for path in self.files:
            for data in records(path):
                record = Record()
                try:
                    record.ParseFromString(data)
                except DecodeError:
                    break
                yield record


def _measured(scores: dict[str, Any], told: Options) -> dict[str, object]:
    """Scores and counts of a logged row, and what the options say of how they were measured."""
    kept: dict[str, object] = {k: float(v) for k, v in scores.items() if is_score(k)}
    counts = {k: int(v) for k, v in scores.items() if re.match(r"(fid|is)_(real|gen|im|sp)", k)}
    names = {"protocol": "evaluation.protocol", "extractor": "evaluation.extractor"}
    facts = {key: told.get(option, "?") for key, option in names.items()}
    return kept | counts | facts | {"extractor_fingerprint": "not recorded", "real": "not recorded"}


def _items(history: Any) -> dict[str, Any]:  # noqa: ANN401  (a message)
    """A logged row."""
    keys = (".".join(item.nested_key) or item.key for item in history.item)
    return dict(zip(keys, (_json(item.value_json) for item in history.item), strict=True))


def _step(row: dict[str, Any]) -> int:
    value = next((number(row[key]) for key in STEPS if key in row), 0.0)
    return int(value) if value == value else 0


def _put(config: dict[str, Any], keys: list[str], value: object) -> None:
    """Writes an option at its place, which W&B may give flat, with dots or slashes."""
    keys = [part for key in keys for part in re.split(r"[./]", key)]
    for key in keys[:-1]:
        config = config.setdefault(key, {})
        if not isinstance(config, dict):
            return
    config[keys[-1]] = value


def _json(text: str) -> Any:  # noqa: ANN401  (whatever was logged)
    try:
        return json.loads(text)
    except ValueError:
        return text
