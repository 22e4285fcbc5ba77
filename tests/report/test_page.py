"""The page says what it was given, all of it, and loads nothing."""

from __future__ import annotations

import base64

import pytest

from gan_lightning.report.page import (
    Image,
    Page,
    SampleGrids,
    Shown,
    anchor,
    data_uri,
    joined_words,
)
from gan_lightning.report.picture import Panel, Picture
from gan_lightning.report.tables import Cell, Table
from tests.report.views import Seen

PIXEL = data_uri(b"png", "image/png")
TABLE = Table(
    "Scores", ["norm", "fid"], [[Cell("sn"), Cell("3.5", best=True)], [Cell("bn"), Cell("9")]]
)


def seen(page: Page) -> tuple[str, Seen]:
    text, found = page.html(), Seen()
    found.feed(text)
    return text, found


def page(**parts: object) -> Page:
    whole = Page("Report", "2 runs: 2 finished", [])
    for name, part in parts.items():
        setattr(whole, name, part)
    return whole


def test_an_empty_page_has_its_title_and_no_part() -> None:
    text, found = seen(page())
    assert "<h1>Report</h1>" in text
    assert "2 runs: 2 finished. Made by gan_lightning " in text
    assert found.links == ["#content"]
    assert (found.tables, found.alts, found.loaded) == (0, [], [])


@pytest.mark.parametrize(
    ("parts", "place"),
    [
        ({"tables": [TABLE]}, "tables"),
        ({"figures": [Shown(Picture("bssn-2", "T", "C", []), [])]}, "bssn-2"),
        ({"samples": [SampleGrids("sn", "runs/1", [Image(PIXEL, "grid")])]}, "samples"),
        ({"missing": [("bssn-7", "no run holds it")]}, "missing"),
    ],
)
def test_every_part_is_in_the_contents_and_alone_has_its_section(
    parts: dict[str, object], place: str
) -> None:
    _, found = seen(page(**parts))
    assert [link for link in found.links if link.startswith("#")] == ["#content", f"#{place}"]
    assert place in found.ids
    others = {"tables", "bssn-2", "samples", "missing"} - {place}
    assert not others & set(found.ids)
    assert len(found.ids) == len(set(found.ids))


def test_text_is_shown_as_text() -> None:
    """Whatever a folder or an option is called, it is no markup."""
    evil = '<b onload="x">&'
    whole = page(
        title=evil,
        runs=evil,
        tables=[Table(evil, [evil], [[Cell(evil)], [Cell(evil, best=True)]], notes=[evil])],
        figures=[Shown(Picture("f", evil, evil, []), [Image(PIXEL, evil)])],
        samples=[SampleGrids(evil, evil, [Image(PIXEL, evil, evil)], Image(PIXEL, evil))],
        missing=[(evil, evil)],
        notes=[evil],
    )
    text, found = seen(whole)
    assert "<b " not in text
    assert text.count("&lt;b onload=&#34;x&#34;&gt;&amp;") > 15
    assert set(found.alts) == {evil}


def test_the_best_is_said_in_words_as_well() -> None:
    """Who cannot see that it is bold hears it."""
    text, _ = seen(page(tables=[TABLE]))
    assert '<td class="number"><strong>3.5</strong> (best)</td>' in text
    assert '<td class="number">9</td>' in text
    assert text.count("(best)") == 1
    assert '<th scope="row">sn</th>' in text


def test_a_figure_stands_with_its_panels_and_its_files() -> None:
    picture = Picture("bssn-2", "Gradients", "Lines are means.", [Panel("", "x", "y", [])])
    text, found = seen(page(figures=[Shown(picture, [Image(PIXEL, "one"), Image(PIXEL, "two")])]))
    assert found.alts == ["one", "two"]
    assert found.loaded == [PIXEL, PIXEL]
    assert found.links[2:] == ["bssn-2.png", "bssn-2.svg", "bssn-2.csv"]
    assert "<figcaption>Lines are means.</figcaption>" in text


def test_an_animation_waits_until_it_is_asked_for_and_stands_still_where_less_is_wanted() -> None:
    grids = [Image("data:,first", "first"), Image("data:,last", "last")]
    still = SampleGrids("sn", "runs/1", grids)
    text, _ = seen(page(samples=[still]))
    assert "<details>" not in text
    moving = SampleGrids("sn", "runs/1", grids, Image("data:,moving", "moving"))
    text, found = seen(page(samples=[moving]))
    assert text.index("<details>") < text.index("data:,moving")
    assert '(prefers-reduced-motion: reduce)" srcset="data:,last"' in text
    assert found.loaded == ["data:,first", "data:,last", "data:,last", "data:,moving"]


def test_what_is_not_drawn_is_said_with_the_reason() -> None:
    text, _ = seen(page(missing=[("bssn-7", "no run holds it"), ("samples", "set rows")]))
    assert "<li>bssn-7: no run holds it</li>" in text
    assert "<li>samples: set rows</li>" in text


@pytest.mark.parametrize(
    ("text", "name"),
    [("BSSN Fig. 7", "bssn-fig-7"), ("  a--b ", "a-b"), ("", "part"), ("?!", "part"), (7, "7")],
)
def test_an_anchor_is_a_name_without_spaces(text: object, name: str) -> None:
    assert anchor(text) == name


def test_files_inside_a_page_come_back_byte_by_byte() -> None:
    content = bytes(range(256))
    begin, _, coded = data_uri(content, "image/gif").partition(",")
    assert (begin, base64.b64decode(coded)) == ("data:image/gif;base64", content)


def test_parts_of_a_sentence_are_joined_by_commas() -> None:
    assert joined_words(["a", "b", "c"]) == "a, b, c"
    assert (joined_words(["a"]), joined_words([])) == ("a", "")
