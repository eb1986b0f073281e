"""Notes that come as RTF, HTML or PDF."""

import base64
import io

import pypdfium2 as pdfium
import pytest
from hypothesis import given
from hypothesis import strategies as st

from careloom.fhir.validate import check
from careloom.ingest.conversion import Conversion
from careloom.ingest.detect import detect
from careloom.ingest.documents import text_of
from careloom.ingest.framing import detect_source, frame
from careloom.ingest.notes import convert
from careloom.ingest.source import of_bytes


def converted(raw: bytes) -> Conversion:
    source = of_bytes(raw)
    (record,) = frame(source, detect_source(source, lambda header: None))
    assert record.raw == raw
    return convert(record)


def text_in(found: Conversion) -> str:
    attachment = found.drafts[0].resource["content"][0]["attachment"]
    return base64.b64decode(attachment["data"]).decode()


def pdf(*pages: str) -> bytes:
    """A PDF with these lines of text on its pages, written by hand after ISO 32000-1."""
    objects = ["<< /Type /Catalog /Pages 2 0 R >>", "", "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"]
    kids = []
    for page in pages:
        lines = " ".join(f"({line}) Tj 0 -14 Td" for line in page.split("\n") if line)
        stream = f"BT /F1 12 Tf 72 720 Td {lines} ET" if page else ""
        objects.append(f"<< /Length {len(stream)} >>\nstream\n{stream}\nendstream")
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents {len(objects)} 0 R "
            "/Resources << /Font << /F1 3 0 R >> >> >>"
        )
        kids.append(f"{len(objects)} 0 R")
    objects[1] = f"<< /Type /Pages /Kids [{' '.join(kids)}] /Count {len(kids)} >>"
    out, places = io.BytesIO(), []
    out.write(b"%PDF-1.4\n")
    for number, text in enumerate(objects, 1):
        places.append(out.tell())
        out.write(f"{number} 0 obj\n{text}\nendobj\n".encode())
    start = out.tell()
    table = "".join(f"{place:010} 00000 n \n" for place in places)
    out.write(f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}".encode())
    out.write(f"trailer\n<< /Size {len(objects) + 1} /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n".encode())
    return out.getvalue()


RTF = rb"""{\rtf1\ansi\ansicpg1252{\fonttbl{\f0 Arial;}}\f0 Patient-ID: p1\par Type: Progress note\par\par
Temperature 38.2 \'b0C, \b no\b0  cough.\par {\*\generator hidden;}Plan: fluids\par}"""
HTML = """<!DOCTYPE html><html><head><title>x</title><style>p {}</style></head><body>
<p>Patient-ID: p1</p><p>Type:  Progress   note</p><p></p><h2>Vitals</h2>
<table><tr><th>Pulse</th><td>71</td></tr><tr><th>Temp</th><td>38.2 &deg;C</td></tr></table>
<ul><li>no <b>cough</b></li><li>fluids</li></ul><script>alert(1)</script><div hidden>secret</div></body></html>"""


@pytest.mark.parametrize(
    ("raw", "media_type", "words"),
    [
        (RTF, "application/rtf", ["Temperature 38.2 °C, no cough.", "Plan: fluids"]),
        (HTML.encode(), "text/html", ["Vitals\n", "Pulse\t71", "Temp\t38.2 °C", "- no cough", "- fluids"]),
        (pdf("Patient-ID: p1\nType: Progress note", "Plan: fluids"), "application/pdf", ["Plan: fluids"]),
    ],
)
def test_a_document_becomes_its_text_with_the_original_beside_it(raw: bytes, media_type: str, words: list[str]) -> None:
    found = converted(raw)
    assert found.issues == []
    resource = found.drafts[0].resource
    assert resource["subject"] == {"reference": "Patient/p1"}
    assert resource["type"]["coding"][0]["code"] == "11506-3"
    text = text_in(found)
    assert all(word in text for word in words), text
    assert not any(word in text for word in ("Patient-ID", "alert", "secret", "hidden"))
    original = resource["content"][1]["attachment"]
    assert (original["contentType"], base64.b64decode(original["data"])) == (media_type, raw)
    assert [issue for issue in check({**resource, "id": "x"}) if issue.refuses] == []


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (pdf("", ""), "notes.pdf-no-text"),
        (pdf("Patient-ID: p1\n\nx")[:200], "notes.pdf-damaged"),
        (b"%PDF-1.4\n", "notes.pdf-damaged"),
        (rb"{\rtf1\ansi {\pict\pngblip 89504e47}}", "notes.rtf-no-text"),
        (b"<html><body><script>x</script></body></html>", "notes.html-no-text"),
        (b"<html></html>", "notes.html-no-text"),
        (pdf("no header"), "notes.no-patient"),
        (b"<html><p>no header</p></html>", "notes.no-patient"),
    ],
)
def test_a_document_without_text_or_patient_is_refused_with_its_reason(raw: bytes, code: str) -> None:
    found = converted(raw)
    assert found.drafts == []
    assert code in [issue.code for issue in found.issues if issue.refuses and issue.message and issue.remedy]


def test_blank_pages_are_counted_in_a_warning() -> None:
    found = converted(pdf("Patient-ID: p1\nText", "", ""))
    assert [issue.code for issue in found.issues] == ["notes.pdf-blank-pages"]
    assert len(found.drafts) == 1


def test_an_encrypted_pdf_says_so() -> None:
    document = pdfium.PdfDocument.new()
    document.new_page(100, 100)
    out = io.BytesIO()
    document.save(out)
    keys = b"/O <" + b"00" * 32 + b"> /U <" + b"11" * 32 + b">"
    encryption = b"/Encrypt << /Filter /Standard /V 1 /R 2 /P -4 " + keys + b" >> /ID [<00><00>]"
    raw = out.getvalue().replace(b"trailer\r\n<<", b"trailer\r\n<< " + encryption)
    _, issues = text_of("pdf", raw, "")
    assert [issue.code for issue in issues] == ["notes.pdf-encrypted"]


@pytest.mark.parametrize(("body", "encoding"), [("é", "utf-8"), ("é", "cp1252"), ("é", "utf-16-le")])
def test_a_page_is_read_in_its_own_encoding_or_the_one_that_was_found(body: str, encoding: str) -> None:
    page = f"<html><body><p>Patient-ID: p1</p><p></p><p>{body} was here</p></body></html>"
    raw = (b"\xff\xfe" if encoding == "utf-16-le" else b"") + page.encode(encoding)
    assert "é was here" in text_in(converted(raw))


@pytest.mark.parametrize(("depth", "code"), [(1000, ""), (10_000, "notes.html-too-deep")])
def test_a_page_is_read_to_its_end_or_refused(depth: int, code: str) -> None:
    raw = b"<p>Patient-ID: p1</p>" + b"<div>" * depth + b"deep" + b"</div>" * depth + b"<p>end</p>"
    found = converted(b"<html>" + raw)
    assert [issue.code for issue in found.issues] == ([code] if code else [])
    assert [text_in(found)] == ["deep\nend\n"] if not code else found.drafts == []


@given(st.sampled_from([RTF, HTML.encode(), pdf("Patient-ID: p1\nText")]), st.data())
def test_damage_never_raises_and_never_leaves_a_record_unsaid(raw: bytes, data: st.DataObject) -> None:
    at = data.draw(st.integers(12, len(raw) - 1))
    kind = data.draw(st.sampled_from(["cut", "flip", "double"]))
    broken = {"cut": raw[:at], "flip": raw[:at] + bytes([raw[at] ^ 0x41]) + raw[at + 1 :], "double": raw[:at] + raw}[
        kind
    ]
    detection = detect(broken, lambda header: None)
    if detection.format == "notes":
        found = converted(broken)
        assert found.drafts or any(issue.refuses for issue in found.issues)
