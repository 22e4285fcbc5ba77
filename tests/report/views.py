"""What the commands' parts make of run folders."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

from gan_lightning.report.comparison import Comparison
from gan_lightning.report.evaluations import At
from gan_lightning.report.figures import asked
from gan_lightning.report.finding import find_runs
from gan_lightning.report.picture import Curve, Panel
from gan_lightning.report.study import Study


def comparison(
    folder: Path, by: str | None = None, at: str = "end", against: str | None = None
) -> Comparison:
    return Comparison.of(find_runs([str(folder)]), by, At.parse(at), against)


def means(folder: Path, score: str = "digits_fid", **options: str) -> dict[tuple[str, ...], float]:
    """The means of the first section, by the values of the options."""
    found = comparison(folder, **options)
    lines = found.lines[found.sections[0].measure]
    return {
        tuple(map(str, line.group.key)): line.found[score].mean
        for line in lines
        if score in line.found
    }


def study(folder: Path, by: str | None = None, at: str = "end") -> Study:
    comparison = Comparison.of(find_runs([str(folder)]), by, At.parse(at))
    return Study.of(comparison, find_runs([str(folder)]))


def panels(name: str, found: Study) -> list[Panel]:
    (drawing,) = asked([name])
    return drawing.picture(found).panels


def curve(panel: Panel, label: str) -> Curve:
    (found,) = [curve for curve in panel.curves if curve.label == label]
    return found


class Seen(HTMLParser):
    """What a page loads and links to, and what pictures say."""

    def __init__(self) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.alts: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.tables = self.captions = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {key: value or "" for key, value in attrs}
        self.ids += [found["id"]] if "id" in found else []
        self.links += [found["href"]] if tag == "a" else []
        self.loaded += [found[k] for k in ("src", "srcset", "data") if k in found]
        self.loaded += [found["href"]] if tag == "link" else []
        self.alts += [found.get("alt", "")] if tag == "img" else []
        self.tables += tag == "table"
        self.captions += tag == "caption"
        assert tag not in ("script", "iframe", "object", "embed")
