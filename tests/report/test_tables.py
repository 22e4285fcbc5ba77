"""One table reads the same in a terminal, in Markdown and in LaTeX."""

from __future__ import annotations

import re

import pytest

from gan_lightning.report.tables import Cell, Table, escaped, in_latex, in_markdown, in_terminal

TABLE = Table(
    "Scores",
    ["norm", "runs", "fid"],
    [
        [Cell("sn"), Cell("3"), Cell("31.43 ± 0.90")],
        [Cell("bssn|2"), Cell("12"), Cell("26.94 ± 0.58", best=True)],
    ],
    notes=["mean ± standard error"],
)


def test_a_terminal_shows_words_from_the_left_and_numbers_to_the_right() -> None:
    assert in_terminal(TABLE, bold=False).split("\n") == [
        "Scores",
        "",
        "norm    runs             fid",
        "sn         3    31.43 ± 0.90",
        "bssn|2    12  26.94 ± 0.58 *",
        "",
        "mean ± standard error",
    ]


def test_bold_takes_no_room_and_replaces_the_star() -> None:
    """Escape sequences are not counted, so that columns stay in line."""
    lines = in_terminal(TABLE, bold=True).split("\n")
    assert lines[4] == "bssn|2    12  \033[1m26.94 ± 0.58\033[0m"
    assert lines[3] == "sn         3  31.43 ± 0.90"
    assert not re.search(r"\*", "\n".join(lines))


def test_lines_end_with_their_last_word() -> None:
    table = Table(
        "T", ["run", "why"], [[Cell("a"), Cell("long reason")], [Cell("b"), Cell("x")]], 2
    )
    lines = in_terminal(table, bold=False).split("\n")
    assert lines == ["T", "", "run  why", "a    long reason", "b    x"]


def test_markdown_shows_the_best_in_bold_and_no_bar_as_a_column() -> None:
    assert in_markdown([TABLE]).split("\n") == [
        "**Scores**",
        "",
        "| norm | runs | fid |",
        "| :-- | --: | --: |",
        "| sn | 3 | 31.43 ± 0.90 |",
        r"| bssn\|2 | 12 | **26.94 ± 0.58** |",
        "",
        "- mean ± standard error",
        "",
    ]


def test_an_empty_cell_keeps_its_column() -> None:
    assert "| sn |   |" in in_markdown([Table("T", ["a", "b"], [[Cell("sn"), Cell("")]])])


def test_latex_has_a_column_of_its_kind_for_each_and_the_best_in_bold() -> None:
    text = in_latex([TABLE])
    assert text.startswith("% needs \\usepackage{booktabs}\n\\begin{table}\n\\caption{Scores}\n")
    assert "\\begin{tabular}{lrr}\n\\toprule\nnorm & runs & fid \\\\\n\\midrule\n" in text
    assert "sn & 3 & 31.43 $\\pm$ 0.90 \\\\\n" in text
    assert "& \\textbf{26.94 $\\pm$ 0.58} \\\\\n\\bottomrule\n" in text
    assert text.endswith("\\end{table}\n% mean ± standard error\n")
    assert text.count("\\begin{table}") == text.count("\\end{table}") == 1


@pytest.mark.parametrize("character", "%&#_${}")
def test_what_latex_would_read_as_its_own_is_escaped(character: str) -> None:
    assert escaped(f"a{character}b{character}") == f"a\\{character}b\\{character}"
    assert escaped("a-b ± 1.5 [2, 3]") == "a-b ± 1.5 [2, 3]"
    table = Table(f"T{character}", [f"n{character}"], [[Cell(f"x{character}")]])
    assert all(f"{name}\\{character}" in in_latex([table]) for name in "Tnx")


def test_several_tables_follow_each_other_in_one_file() -> None:
    other = Table("Others", ["run"], [])
    assert in_markdown([TABLE, other]) == in_markdown([TABLE]) + "\n" + in_markdown([other])
    assert in_latex([TABLE, other]).count("\\toprule") == 2
    assert in_latex([TABLE, other]).count("booktabs") == 1
    assert in_markdown([]) == ""


def test_a_table_without_lines_shows_its_head() -> None:
    assert in_terminal(Table("T", ["run", "why"], []), bold=True) == "T\n\nrun  why"
