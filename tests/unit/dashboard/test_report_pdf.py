"""Any page as PDF: what it says is in the text of the file, with whose view of which data it is below each sheet."""

import math
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import plotly.graph_objects as go
import pypdfium2
import pypdfium2.raw as pdfium
import pytest
from dash import html

from careloom.dashboard import figures
from careloom.dashboard.address import read
from careloom.dashboard.parts import Column, Page, Table, badge, card, command, head, note, tile, tiles
from careloom.dashboard.report import Made, Report, digest, filters_of, write
from careloom.dashboard.report_blocks import Heading, Picture, Run, plain
from careloom.dashboard.report_read import blocks

MADE = Made(
    "quality",
    (("Status", "fail"), ("Zone", "research")),
    (("Identified", "2026-12-01 10:00:03.000001 UTC"), ("Research", "2026-12-01 10:10:44.000002 UTC")),
    "petra.privacy",
    datetime(2026, 12, 1, 16, 3, 5, tzinfo=UTC),
)


def report(*content: Any, made: Made = MADE, title: str = "Quality") -> Report:
    return write(Page(title, [head(title), *content]), made)


def sheets(made: Report) -> list[str]:
    """The text of each page, on one line."""
    document = pypdfium2.PdfDocument(made.pdf)
    return [" ".join(page.get_textpage().get_text_bounded().split()) for page in document]


def paths(made: Report) -> int:
    """How many drawn shapes the document holds; no picture stands for one."""
    kinds = [each.type for page in pypdfium2.PdfDocument(made.pdf) for each in page.get_objects(max_depth=3)]
    assert pdfium.FPDF_PAGEOBJ_IMAGE not in kinds
    return kinds.count(pdfium.FPDF_PAGEOBJ_PATH)


def shown(*traces: Any, **layout: Any) -> Any:
    return card("Trend", figures.graph(figures.styled(go.Figure(list(traces)), **layout), "What it shows", "figure"))


def table(rows: Sequence[Any], *titles: str) -> Any:
    return Table("Rows", [Column(title, "right" if title == "Count" else "") for title in titles], rows).shown()


def test_everything_that_a_page_says_stands_in_the_report() -> None:
    made = report(
        html.P("A lead µ ≤ 5 é ß Łódź Ωμέγα → ½", className="soft"),
        tiles([tile("Records", "1,234", "as 20 files")]),
        note("Dates are shifted", "Intervals are true.", tone="warn"),
        card("Rules", table([("first", badge("fails", "bad"), "12"), ("second", badge("passes", "good"), "0")],
                            "Rule", "Status", "Count")),
        html.Ol([html.Li("Do this"), html.Li(["Then ", html.Code("that")])]),
        html.Dl([html.Div([html.Dt("Born"), html.Dd("12 Mar 1944")])], className="facts"),
        html.Details([html.Summary("Show as a table"), table([("folded", "7")], "Name", "Count")]),
        command("careloom quality --zone research", "Command"),
        html.P(html.A("See the runs", href="/dashboard/runs")),
        html.Form([html.Label("Filter"), html.Button("Look now")]),
        html.Nav([html.A("Identified"), html.A("Research", **{"aria-current": "page"})], **{"aria-label": "Zones"}),
        card("What to show", html.Form(html.Button("Apply"))),
    )  # fmt: skip
    (page,) = sheets(made)
    for text in (
        "Quality", "A lead µ ≤ 5 é ß Łódź Ωμέγα → ½", "Records 1,234 as 20 files",
        "Dates are shifted Intervals are true.",
        "Rule Status Count first fails 12 second passes 0", "1. Do this 2. Then that", "Born 12 Mar 1944", "folded 7",
        "careloom quality --zone research", "Zones: Research",
    ):  # fmt: skip
        assert text in page, text
    for text in ("Look now", "See the runs", "What to show", "Filter ", "Show as a table", "□"):
        assert text not in page, text


def test_the_foot_of_each_page_tells_filters_data_version_user_time_and_hash() -> None:
    made = report(table([(f"row {number}", number) for number in range(120)], "Name", "Count"))
    pages = sheets(made)
    assert len(pages) > 2
    for number, page in enumerate(pages, 1):
        assert f"Page {number} of {len(pages)}" in page
        assert "Filters Status: fail; Zone: research" in page
        assert "Data version Identified 2026-12-01 10:00:03.000001 UTC; Research 2026-12-01 10:10:44.000002 UTC" in page
        assert "Made by petra.privacy, 2026-12-01 16:03:05 UTC" in page
        assert f"SHA-256 {made.digest}" in page
        assert number == len(pages) or "Name Count" in page  # the head of the table, again


def test_the_hash_is_of_what_the_report_says() -> None:
    content = [head("Quality"), table([("first", "1")], "Name", "Count")]
    made = write(Page("Quality", content), MADE)
    assert made.digest == digest("Quality", blocks(content), MADE)
    others = [
        write(Page("Quality", [head("Quality"), table([("first", "2")], "Name", "Count")]), MADE),
        write(Page("Quality", content), Made("runs", MADE.filters, MADE.versions, MADE.by, MADE.time)),
        write(Page("Quality", content), Made("quality", (), MADE.versions, MADE.by, MADE.time)),
        write(Page("Quality", content), Made("quality", MADE.filters, (), MADE.by, MADE.time)),
        write(Page("Quality", content), Made("quality", MADE.filters, MADE.versions, "other", MADE.time)),
        write(Page("Quality", content),
              Made("quality", MADE.filters, MADE.versions, MADE.by, MADE.time + timedelta(seconds=1))),
    ]  # fmt: skip
    assert len({each.digest for each in [made, *others]}) == 7


def test_the_same_inputs_give_the_same_bytes() -> None:
    content = [shown(go.Scatter(x=[1, 2, 3], y=[2, 1, 3])), table([("first", "1")], "Name", "Count")]
    assert report(*content).pdf == report(*content).pdf


def test_the_file_tells_its_title_language_time_and_hash() -> None:
    made = report()
    said = pypdfium2.PdfDocument(made.pdf).get_metadata_dict()
    assert said["Title"] == "Quality"
    assert said["Author"] == "petra.privacy"
    assert said["Keywords"] == f"sha256:{made.digest}"
    assert said["CreationDate"].startswith("D:20261201160305")
    assert b"/Lang (en)" in made.pdf or b"/Lang" in made.pdf


NAMED = {"x": ["a", "b", "c"], "y": [3, 1, 2]}
FIGURES: list[tuple[str, list[Any], dict[str, Any], list[str]]] = [
    ("lines over days", [go.Scatter(x=["2026-01-01", "2026-06-01", "2026-12-01"], y=[1, 3, 2], mode="lines+markers",
                                    name="Female"),
                         go.Scatter(x=["2026-01-01", "2026-12-01"], y=[2, 2], name="Male", line={"dash": "dash"})],
     {"x": "Month", "y": "Glucose (mmol/L)"}, ["Female", "Male", "Month", "Glucose (mmol/L)", "2026"]),
    ("intervals", [go.Scatter(**NAMED, mode="markers", error_y={"array": [1, 1, 1], "arrayminus": [0.5, 0.5, 0.5]})],
     {"y": "Effect"}, ["a", "b", "c", "Effect", "4"]),
    ("an area between two lines", [go.Scatter(x=[1, 2], y=[1, 2]), go.Scatter(x=[1, 2], y=[3, 4], fill="tonexty")],
     {}, ["1", "2"]),
    ("a logarithm", [go.Scatter(x=[0.001, 1, 1000], y=[1, 2, 3])], {"xaxis_type": "log"}, ["0.001", "1,000"]),
    ("texts", [go.Scatter(x=[1, 2], y=[1, 2], mode="text", text=["<b>first</b>", "a &lt; b"])], {},
     ["first", "a < b"]),
    ("bars on top of each other", [go.Bar(**NAMED, name="one"), go.Bar(**NAMED, name="two")], {"barmode": "stack"},
     ["one", "two", "6"]),
    ("bars across", [go.Bar(x=[3, 1], y=["a long name of a rule", "b"], orientation="h", text=["3 of 9", "1 of 9"])],
     {}, ["a long name of a rule", "3 of 9"]),
    ("bars of a share", [go.Bar(x=["a"], y=[0.25])], {"yaxis_tickformat": ".0%"}, ["25%"]),
    ("cells", [go.Heatmap(z=[[0.1, 0.9], [None, -0.5]], x=["left", "right"], y=["low", "high"], zmin=-1, zmax=1,
                          texttemplate="%{z:.2f}")], {}, ["left", "right", "low", "high", "0.90", "-0.50"]),
    ("a line across", [go.Scatter(x=[1, 2], y=[1, 2])],
     {"shapes": [{"type": "line", "x0": 0, "x1": 1, "xref": "paper", "y0": 1.5, "y1": 1.5}],
      "annotations": [{"text": "threshold", "x": 1.5, "y": 1.5, "xref": "x", "yref": "y"}]}, ["threshold"]),
    ("two axes", [go.Bar(**NAMED, name="count"), go.Scatter(**NAMED, name="share", yaxis="y2")],
     {"yaxis2": {"overlaying": "y", "side": "right", "title": {"text": "Share"}}}, ["count", "share", "Share"]),
    ("nothing", [], {}, ["This figure holds nothing."]),
    ("a kind that paper lacks", [go.Pie(values=[1, 2], labels=["a", "b"])], {}, ["Not drawn on paper: pie"]),
]  # fmt: skip


@pytest.mark.parametrize(("traces", "layout", "texts"), [row[1:] for row in FIGURES], ids=[row[0] for row in FIGURES])
def test_figures_are_drawn_as_vectors_with_their_axes(
    traces: list[Any], layout: dict[str, Any], texts: list[str]
) -> None:
    made, empty = report(shown(*traces, **layout)), report(card("Trend", html.P("What it shows")))
    page = " ".join(sheets(made))
    assert "What it shows" in page
    for text in texts:
        assert text in page, text
    drawn = any(
        trace.type in {"scatter", "bar", "heatmap"} and getattr(trace, "mode", "") != "text" for trace in traces
    )
    assert not drawn or paths(made) >= paths(empty) + 3


def test_a_figure_with_many_points_is_drawn_whole() -> None:
    x = [number / 10 for number in range(20_000)]
    made = report(shown(go.Scatter(x=x, y=[math.sin(each) for each in x], mode="lines")))
    assert len(made.pdf) < 1_000_000
    assert paths(made) > 3


HOSTILE = [
    "<b>bold</b> &amp; <img src='file:///etc/passwd'/> <para>", "مرحبا بالعالم", "שלום", "👩‍⚕️ 💊", "漢字かな",
    "\x00\x07\x1b[31m", "a" * 5000, " " * 500, "\u202eright to left\u202c", "${jndi:ldap://x}", "%(title)s {0} \\(\\)",
    "\ud800".encode("utf-8", "replace").decode(), "line one\n\n\nline two\r\n\tthree",
]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE)
def test_any_text_is_printed_as_text_wherever_it_stands(text: str) -> None:
    made = report(
        html.P(text), note(text, text), tiles([tile(text, text, text)]),
        table([(text, badge(text), text)], text, "b", "c"),
        html.Dl([html.Dt(text), html.Dd(text)]), html.Ul([html.Li(text)]), card(text, html.Code(text)),
        shown(go.Bar(x=[text or "x"], y=[1], text=[text], name=text), go.Bar(x=["b"], y=[2], name="b"), x=text, y=text),
        title=text, made=Made(text, ((text, text),), ((text, text),), text, MADE.time),
    )  # fmt: skip
    assert paths(made) > 0
    assert f"SHA-256 {made.digest}" in sheets(made)[-1]


def test_markup_in_a_cell_stays_what_it_is() -> None:
    (page,) = sheets(report(table([("<b>bold</b> &amp; more", "1")], "Name", "Count")))
    assert "<b>bold</b> &amp; more" in page


def test_letters_that_the_font_lacks_are_counted() -> None:
    (page,) = sheets(report(html.P("漢字 and words")))
    assert "□□ and words" in page
    assert "2 letters that the font of this report lacks stand as □." in page


def test_ten_thousand_rows_are_all_there_in_seconds() -> None:
    rows = [
        (f"row {number}", f"text of some length to fill the cell {number}", f"{number:,}") for number in range(10_000)
    ]
    began = time.perf_counter()
    made = report(table(rows, "Name", "Text", "Count"))
    assert time.perf_counter() - began < 60
    pages = sheets(made)
    whole = " ".join(pages)
    assert all(f"row {number} " in whole for number in range(0, 10_000, 97))
    assert f"Page 1 of {len(pages)}" in pages[0]


def test_a_row_that_no_page_holds_goes_on_on_the_next() -> None:
    text = " ".join(f"word{number}" for number in range(6000))
    whole = " ".join(sheets(report(table([("first", text)], "Name", "Text"))))
    assert "word0 " in whole
    assert "word5999" in whole


def test_a_wide_table_lies_on_its_side() -> None:
    titles = [f"Column {number}" for number in range(12)]
    wide = report(table([[f"a longer value {number}" for number in range(12)]] * 3, *titles))
    width, height = pypdfium2.PdfDocument(wide.pdf)[0].get_size()
    assert width > height
    width, height = pypdfium2.PdfDocument(report().pdf)[0].get_size()
    assert width < height


def test_filters_are_what_the_address_chooses() -> None:
    address = read("/dashboard/quality", "?zone=research&min-age=5&before=abc&queued=r1")
    assert filters_of(address) == (("Min age", "5"), ("Zone", "research"))


def test_a_page_is_read_as_blocks_in_its_order() -> None:
    content = [head("Title"), card("Part", [html.P("text"), shown(go.Bar(x=[1], y=[1]))])]
    said = blocks(content)
    assert [type(each).__name__ for each in said] == ["Heading", "Heading", "Words", "Heading", "Picture"]
    assert said[0] == Heading(1, (Run("Title"),))
    assert isinstance(said[-1], Picture)
    assert said[-1].label == "What it shows"


def test_a_cell_keeps_its_lines_and_loses_what_is_only_drawn() -> None:
    cell = html.Div([html.A("Title"), html.Div(["about", html.Span(className="swatch")], className="soft")])
    (found,) = blocks([Table("Rows", [Column("A"), Column("Share", "bar-cell", True)], [(cell, "bar")]).shown()])
    assert found.columns == (("A", False),)  # type: ignore[union-attr]
    assert plain(found.rows[0][0]) == "Title\nabout"  # type: ignore[union-attr]
