"""C-CDA documents that the simulator writes: well-formed, complete, every reference resolved."""

from lxml import etree

from careloom.simulate.charts import Chart, charts
from careloom.simulate.feed_ccda import document_bytes, document_path, documents
from tests.unit.simulate.history_support import PLACE, notes, rich, short

_V3 = {"c": "urn:hl7-org:v3"}


def _charts() -> list[Chart]:
    return [chart for history in (rich(), short()) for chart in charts(history, PLACE, notes(history))]


def _all() -> list[etree._Element]:
    return [etree.fromstring(document_bytes(chart, one)) for chart in _charts() for one in documents(chart)]


def _values(document: etree._Element, path: str) -> list[str]:
    return [str(found) for found in document.xpath(path, namespaces=_V3)]  # type: ignore[union-attr]


def test_there_is_a_summary_of_each_stay_and_one_document_for_the_whole() -> None:
    found = [[one.code.code for one in documents(chart)] for chart in _charts()]
    assert found == [["18842-5", "34133-9"], ["34133-9"], ["34133-9"]]


def test_every_section_has_its_template_code_title_and_text() -> None:
    for document in _all():
        sections = document.xpath("//c:section", namespaces=_V3)
        assert len(sections) in (8, 11)
        for section in sections:
            names = [etree.QName(child).localname for child in section]
            assert names[0] == "templateId"
            assert [name for name in names if name in ("code", "title", "text")] == ["code", "title", "text"]


def test_every_entry_points_to_a_row_of_the_narrative() -> None:
    for document in _all():
        rows = _values(document, "//c:tr/@ID")
        pointed = [value.removeprefix("#") for value in _values(document, "//c:reference/@value")]
        assert len(set(rows)) == len(rows)
        assert set(pointed) <= set(rows)
        assert b"@REFERENCE@" not in etree.tostring(document)


def test_every_fact_is_an_entry_with_its_number() -> None:
    (north, river, _) = _charts()
    for chart in (north, river):
        whole = etree.fromstring(document_bytes(chart, list(documents(chart))[-1]))
        numbers = set(_values(whole, "//c:entry//c:id/@extension"))
        history = chart.history
        for letter, facts in (
            ("C", history.conditions), ("P", history.medications), ("L", history.allergies), ("X", history.procedures),
            ("I", history.immunizations), ("V", history.encounters), ("R", history.reports),
        ):  # fmt: skip
            assert {chart.identifier(letter, one.key) for one in facts} <= numbers
        values = {chart.identifier("M", one.key) for one in history.observations if not one.components}
        assert values <= numbers


def test_names_with_markup_characters_stay_whole() -> None:
    north, *_ = _charts()
    whole = etree.fromstring(document_bytes(north, next(documents(north))))
    assert _values(whole, "//c:patient/c:name/c:family/text()") == ["O'Öster|Lund"]
    assert _values(whole, "//c:patientRole/c:addr/c:streetAddressLine/text()") == ["9 Mill & Lane"]


def test_every_document_has_a_file_of_its_own() -> None:
    paths = [document_path(chart, one) for chart in _charts() for one in documents(chart)]
    assert len(set(paths)) == len(paths) == 4
