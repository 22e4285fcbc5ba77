"""One HTML page that holds all it shows, and the files behind its figures."""

from __future__ import annotations

import base64
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from importlib.resources import files
from typing import Any, NamedTuple

from gan_lightning.report.picture import Picture
from gan_lightning.report.tables import Table


class Image(NamedTuple):
    """A picture of the page.

    Attributes:
        source: A data URI.
        alt: It in words.
        title: What stands over it.
    """

    source: str
    alt: str
    title: str = ""


@dataclass
class Shown:
    """A figure of the page.

    Attributes:
        picture: Its numbers.
        images: Its panels.
    """

    picture: Picture
    images: list[Image]


@dataclass
class SampleGrids:
    """Samples of one run of a group.

    Attributes:
        label: The group.
        run: The run's folder.
        grids: Pictures after some iterations.
        moving: The animation, where there are several pictures.
    """

    label: str
    run: str
    grids: list[Image]
    moving: Image | None = None


@dataclass
class Page:
    """What the page says.

    Attributes:
        title: Over all.
        runs: How many runs were read, in words.
        tables: The comparison.
        figures: What is drawn.
        missing: Figures that are not, and why.
        samples: Grids of images.
        notes: What holds for all figures.
    """

    title: str
    runs: str
    tables: list[Table]
    figures: list[Shown] = field(default_factory=list)
    missing: list[tuple[str, str]] = field(default_factory=list)
    samples: list[SampleGrids] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def html(self) -> str:
        """The page as a file."""
        from jinja2 import Environment, StrictUndefined

        room = Environment(
            autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
        )
        room.filters["anchor"] = anchor
        text = files("gan_lightning.report").joinpath("page.html").read_text(encoding="utf-8")
        made = time.strftime("%Y-%m-%d %H:%M %Z")
        return room.from_string(text).render(page=self, version=version("gan-lightning"), made=made)


def data_uri(content: bytes, kind: str) -> str:
    """A file inside a page.

    >>> data_uri(b"x", "image/png")
    'data:image/png;base64,eA=='
    """
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def anchor(text: Any) -> str:  # noqa: ANN401  (whatever a template gives)
    """A name that links can point to.

    >>> anchor("BSSN Fig. 7")
    'bssn-fig-7'
    """
    kept = "".join(c if c.isalnum() else " " for c in str(text).lower())
    return "-".join(kept.split()) or "part"


def joined_words(parts: Sequence[str]) -> str:
    """Parts of a sentence.

    >>> joined_words(["3 finished", "1 crashed"])
    '3 finished, 1 crashed'
    """
    return ", ".join(parts)
