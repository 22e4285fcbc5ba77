"""What `gan report` leaves: one page that holds all it shows, and a file of each figure."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest

from gan_lightning.cli.main import main
from tests.report.made import made, png
from tests.report.views import Seen


def test_the_page_holds_all_it_shows(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for seed in range(2):
        for norm in ("sn", "<none> & $x_1$"):
            folder = made(
                tmp_path / "runs" / f"{len(norm)}-{seed}", seed, norm, {50: 9.0, 100: 7.0}
            )
            png(folder / "samples" / "step=00000050.png", 10)
            png(folder / "samples" / "step=00000100.png", 200)
    made(tmp_path / "runs" / "unfinished", 5, "sn", {}, step=30)
    out = tmp_path / "out"
    main(["report", str(tmp_path / "runs"), "--out", str(out), "--figure", "bssn-9,samples,bssn-7"])
    text = (out / "index.html").read_text()
    page = Seen()
    page.feed(text)
    assert page.loaded
    assert all(source.startswith("data:") for source in page.loaded)
    assert not re.search(r"url\(|@import|https?://", text)
    assert all(len(alt) > 20 for alt in page.alts)
    assert page.tables == page.captions == 2
    inside = [link[1:] for link in page.links if link.startswith("#")]
    assert set(inside) <= set(page.ids)
    assert all((out / link).is_file() for link in page.links if not link.startswith("#"))
    assert "unfinished: 30 of 100 iterations" in text
    assert "prefers-reduced-motion" in text
    assert "diagnostics.of to [variance]" in text
    assert "&lt;none&gt; &amp; $x_1$" in text
    assert "Not drawn: bssn-7" in capsys.readouterr().out
    names = {path.name for path in out.iterdir()}
    assert {"bssn-9.png", "bssn-9.svg", "bssn-9.csv", "table.csv", "samples-0.gif"} <= names
    with (out / "bssn-9.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["y"] for row in rows if row["curve"] == "sn"] == ["9.0", "7.0"]
    assert (out / "bssn-9.svg").read_text().count("<svg") == 2  # the sheet and its one panel


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--figure", "bssn-1000"], "--figure bssn-1000 is no figure; some that are:"),
        (["--figure", ","], "--figure needs names of figures"),
        (["--iterations", "x"], "--iterations x is not allowed"),
        (["--at", "x"], "--at x is not allowed"),
    ],
)
def test_mistakes_take_one_sentence(
    tmp_path: Path, arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    made(tmp_path / "a")
    with pytest.raises(SystemExit) as ended:
        main(["report", str(tmp_path / "a"), "--out", str(tmp_path / "out"), *arguments])
    assert ended.value.code == 2
    assert f"gan: error: {said}" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
