"""Every panel that shows figures or a table gives them away as picture, drawing and table."""

import csv
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import pytest
from lxml import etree
from playwright.sync_api import Browser

from tests.journeys.browser import Served, Visitor, dashboard

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with dashboard(tmp_path_factory.mktemp("exports")) as made:
        yield made


@pytest.fixture(scope="module")
def visitor(browser: Browser, served: Served) -> Iterator[Visitor]:
    context = browser.new_context()
    made = Visitor(context, served)
    made.sign_in("petra.privacy")
    yield made
    context.close()


def saved(visitor: Visitor, panel: str, kind: str, folder: Path) -> tuple[str, bytes]:
    """The name and the bytes of what a panel gives, asked for by the keyboard alone."""
    menu = visitor.page.locator(f".card:has(h2:text-is('{panel}')) details.export")
    menu.locator("summary").focus()
    visitor.page.keyboard.press("Enter")
    for _ in range(("png", "svg", "csv").index(kind) + 1):
        visitor.page.keyboard.press("Tab")
    with visitor.page.expect_download() as waiting:
        visitor.page.keyboard.press("Enter")
    target = folder / waiting.value.suggested_filename
    waiting.value.save_as(target)
    assert not menu.evaluate("each => each.open")
    return target.name, target.read_bytes()


def test_a_panel_of_tables_is_saved_as_csv_drawing_and_picture(visitor: Visitor, tmp_path: Path) -> None:
    visitor.go("")
    name, table = saved(visitor, "Refused by reason", "csv", tmp_path)
    assert name == "careloom-refused-by-reason.csv"
    rows = list(csv.reader(StringIO(table.decode("utf-8-sig"))))
    assert rows[0] == ["Reason", "Records"]
    assert rows[1] == ["fhir.binding", "3"]
    name, drawing = saved(visitor, "Refused by reason", "svg", tmp_path)
    assert name == "careloom-refused-by-reason.svg"
    said = [node.text for node in etree.fromstring(drawing).iter(f"{SVG}text")]
    assert {"Refused by reason", "Reason", "fhir.binding", "3"} <= set(said)
    name, picture = saved(visitor, "Refused by reason", "png", tmp_path)
    assert name == "careloom-refused-by-reason.png"
    assert picture.startswith(b"\x89PNG\r\n\x1a\n")
    assert visitor.troubles == []


def test_a_figure_is_saved_as_it_is_drawn_and_no_name_holds_a_patient(visitor: Visitor, tmp_path: Path) -> None:
    visitor.go(f"patients/identified/{visitor.served.installation.stored_id('Patient', 'oda')}")
    name, drawing = saved(visitor, "Timeline", "svg", tmp_path)
    assert name == "careloom-timeline.svg"
    drawn = etree.fromstring(drawing)
    assert len(list(drawn.iter(f"{SVG}path"))) > 10
    assert "Encounters" in [node.text for node in drawn.iter(f"{SVG}text")]
    name, picture = saved(visitor, "Timeline", "png", tmp_path)
    width, height = int.from_bytes(picture[16:20]), int.from_bytes(picture[20:24])
    assert width >= 1280
    assert height >= 200
    assert visitor.troubles == []


def test_a_cell_that_a_spreadsheet_would_reckon_is_text(visitor: Visitor) -> None:
    visitor.go("")
    cell = visitor.page.locator(".card:has(h2:text-is('Refused by reason')) tbody code").first
    before = cell.inner_text()
    cell.evaluate('each => { each.textContent = \'=HYPERLINK("http://a"), "b"\' }')
    with visitor.page.expect_download() as waiting:
        visitor.page.evaluate(
            "document.querySelectorAll('[data-export=csv]').forEach(each => {"
            " if (each.closest('.card').querySelector('h2').textContent === 'Refused by reason') each.click() })"
        )
    rows = list(csv.reader(StringIO(Path(waiting.value.path()).read_text("utf-8-sig"))))
    assert rows[1][0] == '\'=HYPERLINK("http://a"), "b"'
    cell.evaluate("(each, text) => { each.textContent = text }", before)


def test_a_panel_that_holds_nothing_to_save_has_no_menu(visitor: Visitor) -> None:
    visitor.go("notes")
    assert visitor.page.locator("details.export:visible").count() == 0
