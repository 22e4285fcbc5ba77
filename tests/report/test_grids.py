"""Grids of samples: which are shown, and one fixed batch through training."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image
from PIL.GifImagePlugin import GifImageFile

from gan_lightning.report.grids import MILLISECONDS, PAUSE, WIDEST, Grid, animation, chosen, grids
from tests.report.made import png


def test_an_animation_goes_through_training(tmp_path: Path) -> None:
    files = {k: png(tmp_path / "samples" / f"{k}.png", k) for k in (10, 20, 30)}
    (tmp_path / "samples" / "40.png").write_bytes(b"\x89PNG\r\n")
    files[40] = tmp_path / "samples" / "40.png"
    found = grids(files, chosen(list(files)))
    assert [grid.step for grid in found] == [10, 20, 30]  # the damaged one is left out
    with Image.open(io.BytesIO(animation(found))) as moving:
        assert isinstance(moving, GifImageFile)
        assert (moving.n_frames, moving.size) == (3, (64, 32))


@pytest.mark.parametrize(
    ("steps", "count", "found"),
    [
        ([5], 4, [5]),
        ([5], 1, [5]),
        ([3, 1, 2], 3, [1, 2, 3]),
        ([*range(10, 110, 10)], 4, [10, 40, 70, 100]),
        ([*range(1, 101)], 2, [1, 100]),
    ],
)
def test_iterations_are_spread_evenly_with_both_ends(
    steps: list[int], count: int, found: list[int]
) -> None:
    assert chosen(steps, count) == found


def test_the_nearest_to_those_asked_for_are_shown_each_once() -> None:
    assert chosen([30, 10, 20], asked=[29, 31, 1, 14]) == [10, 30]
    assert chosen([10, 20], count=1, asked=[12, 19]) == [10, 20]  # however many were asked for


def test_a_grid_is_the_file_as_it_is_and_damaged_or_absent_ones_are_left_out(
    tmp_path: Path,
) -> None:
    files = {k: png(tmp_path / f"{k}.png", k) for k in (10, 20, 30)}
    files[10].write_bytes(files[10].read_bytes()[:-20])
    files[20].unlink()
    (tmp_path / "40.png").write_text("no picture")
    files[40] = tmp_path / "40.png"
    assert grids(files, [10, 20, 30, 40]) == [Grid(30, files[30].read_bytes())]
    assert grids(files, []) == []


def picture(width: int, height: int, color: int = 0) -> Grid:
    file = io.BytesIO()
    Image.new("RGB", (width, height), (color, 0, 0)).save(file, format="PNG")
    return Grid(color, file.getvalue())


def test_an_animation_has_one_size_and_goes_round_without_an_end() -> None:
    """Pictures of another size take that of the first."""
    with Image.open(io.BytesIO(animation([picture(64, 32), picture(20, 20, 90)]))) as moving:
        assert (moving.size, moving.info["loop"]) == ((64, 32), 0)
        assert moving.info["duration"] == MILLISECONDS
        moving.seek(1)
        assert (moving.size, moving.info["duration"]) == ((64, 32), PAUSE)
        assert moving.convert("RGB").getpixel((63, 31)) == pytest.approx((90, 0, 0), abs=4)


def test_frames_come_in_the_order_of_training() -> None:
    frames = [picture(8, 8, color) for color in (10, 120, 240)]
    with Image.open(io.BytesIO(animation(frames))) as moving:
        for k, grid in enumerate(frames):
            moving.seek(k)
            assert moving.convert("RGB").getpixel((0, 0)) == pytest.approx((grid.step, 0, 0), abs=4)


@pytest.mark.parametrize(
    ("size", "shown"),
    [
        ((2 * WIDEST, 200), (WIDEST, 100)),
        ((100, 4 * WIDEST), (50, 2 * WIDEST)),
        ((WIDEST, WIDEST), (WIDEST, WIDEST)),
    ],
)
def test_an_animation_is_no_larger_than_a_page_shows(
    size: tuple[int, int], shown: tuple[int, int]
) -> None:
    frames = [picture(*size), picture(*size, color=200)]
    with Image.open(io.BytesIO(animation(frames))) as moving:
        assert moving.size == shown
