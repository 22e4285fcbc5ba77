"""``gan report``: the tables and figures of any number of runs, as one page and as files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from gan_lightning.errors import UserError
from gan_lightning.files import told, write_whole
from gan_lightning.report import grids
from gan_lightning.report.comparison import Comparison
from gan_lightning.report.evaluations import At
from gan_lightning.report.figures import SAMPLES, Asked, asked
from gan_lightning.report.finding import find_runs
from gan_lightning.report.missing import Missing
from gan_lightning.report.page import Image, Page, SampleGrids, Shown, data_uri, joined_words
from gan_lightning.report.picture import alt
from gan_lightning.report.score_tables import as_text, tables_of
from gan_lightning.report.study import Study
from gan_lightning.report.tables import Table

PAGE, TABLE = "index.html", "table"
ROWS = 200
"""Lines of a table on the page; the CSV has all."""


def report(
    runs: Sequence[str],
    out: str = "report",
    figure: str | None = None,
    by: str | None = None,
    at: str = "end",
    against: str | None = None,
    iterations: str | None = None,
) -> None:
    """One page with tables and figures of runs, which opens without a network.

    Args:
        runs: Folders of runs, folders that hold them, or patterns such as 'runs/study-*'.
        out: Folder for index.html, and for PNG, SVG and CSV of each figure.
        figure: Only these figures: numbers of the papers or names, such as bssn-7,sngan-3,scale
            or samples. By default all that the runs hold data for.
        by: Options to group by, such as model.norm,model.norm.scale; by default all that differ.
        at: Which evaluation of a run: end, best, last or an iteration; as gan compare takes it.
        against: A group to subtract from the others at common seeds; as gan compare takes it.
        iterations: Iterations whose samples are shown side by side, such as 1000,5000; by default
            four from the first to the last.
    """
    names = _names(figure)
    drawings = list(asked(names))
    steps = _iterations(iterations)
    folder = Path(out)
    if folder.exists() and not folder.is_dir():
        raise UserError(f"{out} is a file: give a folder", "out")
    comparison = Comparison.of(find_runs(runs), by, At.parse(at), against)
    study = Study.of(comparison, find_runs(runs))
    page = Page("GAN report", _in_words(comparison), [_shortened(t) for t in tables_of(comparison)])
    if study.left:
        page.notes.append(
            f"The figures over training show {len(study.lanes)} groups of the best scores, not the "
            f"other {study.left}: choose runs, or group by fewer options."
        )
    with told(folder):
        for drawing in drawings:
            _draw(drawing, study, page, folder)
        if names is None or set(names) & set(SAMPLES):
            _add_samples(study, page, folder, steps)
        for suffix in (".csv", ".md", ".tex"):
            write_whole(folder / f"{TABLE}{suffix}", as_text(comparison, suffix))
        write_whole(folder / PAGE, page.html())
    _say(page, folder, names)


def _names(figure: str | None) -> list[str] | None:
    """The figures that were asked for.

    Raises:
        UserError: None is named.
    """
    if figure is None:
        return None
    names = [name.strip().lower() for name in figure.split(",") if name.strip()]
    if not names:
        raise UserError("needs names of figures, such as bssn-7,sngan-3", "figure")
    return list(dict.fromkeys(names))


def _iterations(text: str | None) -> list[int]:
    """The iterations that were asked for.

    Raises:
        UserError: One is no number.
    """
    words = [word.strip() for word in (text or "").split(",") if word.strip()]
    if not all(word.isdigit() for word in words) or (text is not None and not words):
        raise UserError(f"{text} is not allowed: give iterations such as 1000,5000", "iterations")
    return [int(word) for word in words]


def _in_words(comparison: Comparison) -> str:
    """How many runs there are, and what became of them."""
    states = Counter(outcome.ending.state for outcome in comparison.collection.outcomes)
    total = sum(states.values())
    parts = joined_words([f"{count} {state}" for state, count in states.most_common()])
    return f"{total} run{'s' if total != 1 else ''}: {parts}"


def _shortened(table: Table) -> Table:
    """A table that a page can hold."""
    rest = len(table.rows) - ROWS
    if rest <= 0:
        return table
    notes = [*table.notes, f"and {rest} more lines in {TABLE}.csv"]
    return Table(table.title, table.head, table.rows[:ROWS], table.words, notes)


def _draw(drawing: Asked, study: Study, page: Page, folder: Path) -> None:
    try:
        picture = drawing.picture(study)
    except Missing as error:
        title = f"{drawing.name} ({drawing.row.title.lower()})"
        page.missing.append((title, str(error)))
        return
    from gan_lightning.report import drawing as pencil  # matplotlib: half a second

    drawn = [pencil.draw(panel) for panel in picture.panels]
    parts = zip(picture.panels, drawn, strict=True)
    images = [Image(data_uri(part.png, "image/png"), alt(panel)) for panel, part in parts]
    page.figures.append(Shown(picture, images))
    whole = pencil.together(drawn)
    write_whole(folder / f"{picture.name}.png", whole.png)
    write_whole(folder / f"{picture.name}.svg", whole.svg)
    write_whole(folder / f"{picture.name}.csv", picture.csv())


def _add_samples(study: Study, page: Page, folder: Path, steps: Sequence[int]) -> None:
    """Grids of each group, and the animation."""
    for k, files in sorted(study.samples.items()):
        label = study.lanes[k].label
        found = grids.grids(files, grids.chosen(list(files), asked=steps))
        if not found:
            continue
        run = files[found[0].step].parent.parent
        images = [_grid(grid, label) for grid in found]
        moving = None
        frames = grids.grids(files, grids.chosen(list(files), grids.FRAMES))
        if len(frames) > 1:
            gif = grids.animation(frames)
            write_whole(folder / f"samples-{k}.gif", gif)
            first, last = frames[0].step, frames[-1].step
            words = f"Samples of {label} from iteration {first} to {last}, the same latents"
            moving = Image(data_uri(gif, "image/gif"), words)
        page.samples.append(SampleGrids(label, str(run), images, moving))
        for grid in found:
            write_whole(folder / f"samples-{k}-{grid.step:08d}.png", grid.png)
    if not page.samples:
        page.missing.append(("samples", "no run holds samples/: set samples.every_n_steps"))


def _grid(grid: grids.Grid, label: str) -> Image:
    words = f"Grid of images that the generator of {label} makes after {grid.step} iterations"
    return Image(data_uri(grid.png, "image/png"), words, f"after {grid.step} iterations")


def _say(page: Page, folder: Path, names: list[str] | None) -> None:
    """What there is, and what is missing of what was asked for."""
    print(f"{page.runs}\nSaved {folder / PAGE}: {len(page.figures)} figures")
    if names is None and page.missing:
        print(f"Not drawn: {', '.join(title.partition(' ')[0] for title, _ in page.missing)}")
        print("The page says what each needs")
        return
    for title, why in page.missing:
        print(f"Not drawn: {title}: {why}")
