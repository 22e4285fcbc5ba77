"""What `gan compare` prints and saves, and what it refuses."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path

import pytest

from gan_lightning.cli.main import main
from gan_lightning.report.statistics import summary, written
from tests.report.made import made


def test_files_hold_what_the_terminal_shows(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for seed, fid in enumerate([2.0, 4.0, 9.0]):
        made(tmp_path / "study" / str(seed), seed, fids=[fid])
    made(tmp_path / "study" / "x", 0, "none", [8.0])
    for suffix in (".csv", ".md", ".tex"):
        main(["compare", str(tmp_path / "study"), "--out", str(tmp_path / f"table{suffix}")])
    text = written(summary([2.0, 4.0, 9.0]))
    assert f"{text} *" in capsys.readouterr().out
    assert f"| sn | 3 | **{text}** |" in (tmp_path / "table.md").read_text()
    in_tex = text.replace("±", "$\\pm$")
    assert f"& \\textbf{{{in_tex}}} \\\\" in (tmp_path / "table.tex").read_text()
    with (tmp_path / "table.csv").open() as file:
        rows = {row["model.norm"]: row for row in csv.DictReader(file)}
    assert float(rows["sn"]["mean"]) == 5.0
    assert float(rows["sn"]["standard_error"]) == summary([2.0, 4.0, 9.0]).error
    assert (rows["sn"]["best"], rows["none"]["best"]) == ("True", "False")
    assert rows["none"]["standard_error"] == ""


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--by", "model.nrm"], "--by model.nrm is no option of these runs; near ones: model.norm"),
        (["--by", "seed_everything"], "--by seed_everything makes no groups"),
        (["--by", ","], "--by needs names of options"),
        (["--at", "never"], "--at never is not allowed: give end"),
        (["--against", "bn"], "--against bn is no value that groups differ in"),
        (["--out", "table.pdf"], "--out table.pdf is not allowed: give a file that ends in .csv"),
        (["--nothing", "1"], "unrecognized arguments: --nothing 1"),
    ],
)
def test_mistakes_take_one_sentence(
    tmp_path: Path, arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    made(tmp_path / "a")
    with pytest.raises(SystemExit) as ended:
        main(["compare", str(tmp_path), *arguments])
    assert ended.value.code == 2
    assert f"gan: error: {said}" in capsys.readouterr().err


def test_comparing_imports_no_torch(tmp_path: Path) -> None:
    made(tmp_path / "a")
    code = (
        "import sys; from gan_lightning.cli.main import main; main(['compare', sys.argv[1]]); "
        "assert not {'torch', 'lightning', 'matplotlib', 'wandb'} & set(sys.modules)"
    )
    subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], check=True, cwd=Path(__file__).parents[2]
    )
