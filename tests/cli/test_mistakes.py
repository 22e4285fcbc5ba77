"""What any value of any option once found in each command: one sentence names the option."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from gan_lightning import cli

EXTRACTOR = "extractor --data=digits --out={tmp}/new.safetensors --steps=1|"
EVALUATE = "evaluate --images={tmp}/whole.npz --data=digits --extractor=digits --protocol=monitor|"
FEW = "|".join(f"--protocol.{count}=20" for count in ("is_images", "fid_real", "fid_generated"))
FIT = "fit --config={tiny} --run={tmp}/run|"

MISTAKES = {
    f"{EXTRACTOR}--device=nonsense": r"--device nonsense is no device of this machine: give cpu",
    f"{EXTRACTOR}--device=meta": r"--device meta is no device of this machine",
    f"{EXTRACTOR}--device=cpu:1": r"--device cpu:1 is no device of this machine",
    f"{EXTRACTOR}--seed=-1": r"--seed -1 is not allowed: from 0 to 2\^64 - 1",
    f"{EXTRACTOR}--seed={2**64}": r"--seed 18446744073709551616 is not allowed",
    f"{EXTRACTOR}--shift=16": r"--shift is 16, all of an image: give less than 16 pixels",
    f"{EXTRACTOR}--lr=1e300": r"--lr is 1e\+300; allowed are numbers of float32 above 0",
    f"{EXTRACTOR}--smoothing=--": r"--smoothing is --, which is no value",
    "sample x|--out={tmp}/new|--seed=-1": r"--seed -1 is not allowed",
    "compare {tmp}|--out=--": r"--out is --, which is no value",
    "compare {tmp}|--out=a\nb\x1b[2J": r"--out a\\nb\\x1b\[2J is not allowed: give a file",
    "find-scale --config={tiny}|--exploding=--": r"--exploding is --, which is no value",
    "prepare --data=digits|--data.root": r"--data.root needs a value",
    "prepare --data=digits|--data.sampling|-inf": r"--data.sampling -inf: expected one of",
    f"prepare --data=digits|--data.limit_seed={2**64}": r"--data.limit_seed 18446744073709551616",
    f"{EVALUATE}--real_resize=x": r"--real_resize is x: give clean or tf1 or pytorch",
    f"{EVALUATE}--real_count=1": r"--real_count is 1: give 2 or more",
    f"{EVALUATE}{FEW}|--reference=test": r"--reference is test: digits has only train",
    f"{EVALUATE}{FEW}|--cache={{tiny}}": r"File exists. Choose another folder by --cache",
    f"{EVALUATE}--protocol={{tmp}}/whole.npz": r"--protocol .*is a file, but no YAML of a class",
    f"{FIT}--model.generator_schedule={{tmp}}/two.jsonl": r"two.jsonl is a file, but no YAML of a",
    f"{FIT}--run={{tiny}}/in": r"cannot write .*/in: Not a directory.* another folder by --run",
    f"{FIT}--trainer.max_time=1": r"--trainer.max_time 1: .*is not a valid duration",
    f"{FIT}--trainer.profiler=0.5": r"--trainer.profiler 0.5: When passing string value",
    f"{FIT}--trainer.num_nodes={2**31}": r"--trainer.num_nodes 2147483648 is not allowed",
    f"{FIT}--trainer.devices={2**63}": r"--trainer.devices 9223372036854775808 is not allowed",
    f"{FIT}--samples.seed=-1": r"--samples.seed -1 is not allowed",
}


@pytest.mark.parametrize("line", MISTAKES)
def test_the_option_is_named_and_nothing_is_written(
    line: str, tiny: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    np.savez(tmp_path / "whole.npz", images=np.zeros((20, 16, 16, 1), np.uint8))
    (tmp_path / "two.jsonl").write_text("{}\n{}\n")
    before, *words = line.split("|")
    files = sorted(tmp_path.rglob("*"))
    with pytest.raises(SystemExit) as exit_:
        cli.main([w.format(tmp=tmp_path, tiny=tiny) for w in (*before.split(), *words)])
    said = capfd.readouterr().err[:-1].rpartition("gan: error: ")[2]
    assert exit_.value.code == 2
    assert "\n" not in said
    assert re.search(MISTAKES[line], said), said
    assert sorted(tmp_path.rglob("*")) == files
