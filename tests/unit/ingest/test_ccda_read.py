"""Bytes of a document: what is read, what is refused and why, without ever expanding an entity."""

import pytest

from tests.growth import ENDLESS_SECONDS, seconds_of
from tests.unit.ingest.ccda_support import HEAD, codes, converted, document, faults, only, section

BOMB = (
    '<!DOCTYPE l [<!ENTITY a "aaaaaaaaaa">'
    + "".join(f'<!ENTITY {chr(98 + n)} "{"&" + chr(97 + n) + ";"}{("&" + chr(97 + n) + ";") * 9}">' for n in range(9))
    + "]>"
)
EXTERNAL = '<!DOCTYPE l [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
REFUSED = [
    (b"", "xml.broken"),
    (b"<ClinicalDocument", "xml.broken"),
    (document(section("8648-8")).encode()[:-30], "xml.broken"),
    (document().replace("<id ", '<id odd:type="x" ', 1), "xml.broken"),
    (BOMB + document(section("8648-8", text="&j;")), "xml.doctype"),
    (EXTERNAL + document(section("8648-8", text="&x;")), "xml.doctype"),
    ("<!-- first -->" + EXTERNAL + document(), "xml.doctype"),
    ((EXTERNAL + document()).encode("utf-16"), "xml.doctype"),
    ('<?xml version="1.0" encoding="klingon"?>' + document(), "xml.encoding"),
    (b'<?xml version="1.0" encoding="utf-8"?>' + document(section("8648-8", text="caf\u00e9")).encode("cp1252"),
     "xml.encoding"),
    (HEAD + "<a>" * 400 + "</a>" * 400 + "</ClinicalDocument>", "xml.too-deep"),
    ('<section xmlns="urn:hl7-org:v3"><templateId root="1.2"/></section>', "ccda.fragment"),
    ('<act><value xsi:type="CD"/></act>', "ccda.fragment"),
    ("<feed/>", "ccda.not-a-document"),
    (document().replace("<recordTarget>", "<record>").replace("</recordTarget>", "</record>"), "ccda.no-patient"),
    (document(header='<recordTarget><patientRole><id root="1.2.4" extension="Q"/></patientRole></recordTarget>'),
     "ccda.several-patients"),
    (document().replace('<id root="1.2.4" extension="P"/>', '<id nullFlavor="UNK"/>'), "ccda.patient-id-missing"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("raw", "code"), REFUSED, ids=lambda value: value if isinstance(value, str) and len(value) < 30 else ""
)
def test_what_cannot_be_used_is_refused_with_its_reason(raw: bytes | str, code: str) -> None:
    found = converted(raw)
    assert codes(found) >= {code}
    assert found.refused
    assert not found.drafts
    assert all(issue.message and issue.remedy for issue in found.issues if issue.refuses)


def test_an_entity_bomb_costs_no_time() -> None:
    """Unfolded it has a thousand million characters."""
    bomb = (BOMB + document(section("8648-8", text="&j;"))).encode("utf-16")
    assert seconds_of(lambda: converted(bomb)) < ENDLESS_SECONDS / 4


def test_a_doctype_in_a_comment_is_none() -> None:
    assert not converted("<!-- <!DOCTYPE x> -->" + document()).refused


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "iso-8859-1"])
def test_the_declared_encoding_is_read(encoding: str) -> None:
    text = f'<?xml version="1.0" encoding="{encoding}"?>' + document(section("8648-8", text="caf\u00e9"))
    composition = only(converted(text.encode(encoding)), "Composition")
    assert "caf\u00e9" in composition["section"][0]["text"]["div"]


def test_a_document_without_a_namespace_is_read_with_a_warning() -> None:
    found = converted(document().replace(' xmlns="urn:hl7-org:v3"', ""))
    assert codes(found) == {"ccda.namespace-missing", "ccda.no-body"}
    assert only(found, "Patient")


def test_another_prefix_for_the_namespace_makes_no_difference() -> None:
    plain = document(section("8648-8"))
    prefixed = plain.replace("<", "<c:").replace("<c:/", "</c:").replace('xmlns="', 'xmlns:c="')
    titles = [only(converted(text), "Composition")["section"][0]["title"] for text in (plain, prefixed)]
    assert titles == ["S", "S"]


@pytest.mark.parametrize(
    ("named", "title"), [("Problems here", "Problems here"), (" ", "Problem list"), ("&#160;", "Problem list")]
)
def test_a_section_without_a_title_is_called_by_its_code_unless_that_name_is_blank(named: str, title: str) -> None:
    untitled = f'<code code="11450-4" codeSystem="2.16.840.1.113883.6.1" displayName="{named}"/><text>words</text>'
    found = converted(document(untitled))
    assert not faults(found.drafts)
    assert only(found, "Composition")["section"][0]["title"] == title
