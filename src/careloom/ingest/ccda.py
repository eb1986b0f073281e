"""Clinical documents (C-CDA R2.1, CCD and any other CDA R2) to FHIR R4.

Follows the HL7 C-CDA on FHIR guide and the maps of maps/ccda_*.toml. The header becomes Patient, Encounter, people and
organizations; the document a Composition, with the narrative of each section, and a DocumentReference that holds it
whole; the entries resources of their own. docs/reference/ccda.md says what is mapped and what is kept as text only.
"""

import hashlib

from pybase64 import b64encode_as_string

from careloom.fhir.drafts import Resource
from careloom.fhir.primitives import is_uri
from careloom.ingest.ccda_build import Build, Part, Reference, absent, unknown_concept
from careloom.ingest.ccda_care import MEDIA, file_of
from careloom.ingest.ccda_codes import codes
from careloom.ingest.ccda_entries import BROKEN, sections_of
from careloom.ingest.ccda_header import add_encounter, add_participants, composition, document_author
from careloom.ingest.ccda_patient import add_patient, patient_key
from careloom.ingest.ccda_read import NAMES, V3, Kids, child, first, kids
from careloom.ingest.ccda_values import concept, identifier, identifiers, key_of, period
from careloom.ingest.conversion import Conversion
from careloom.ingest.markup import CLINICAL_DOCUMENT, DOCTYPE, head_text, is_part, root_name
from careloom.ingest.xml_read import Element, read
from careloom.issues import Issue
from careloom.pipeline.record import Record

_CATEGORY = "http://hl7.org/fhir/us/core/CodeSystem/us-core-documentreference-category"
_FORMATS = "http://ihe.net/fhir/ValueSet/IHE.FormatCode.codesystem"
_DOCUMENT_TEMPLATES = "2.16.840.1.113883.10.20.22.1."


def convert(record: Record) -> Conversion:
    """The drafts of one document; an issue that refuses where it cannot be used.

    record.raw               the whole document
    record.context.options   ``timezone``: the zone (``+01:00`` or IANA name) of times that name none
    """
    if record.problem is not None:
        code, text, remedy = record.problem
        return Conversion(issues=[Issue(code, "fatal", record.place, text, remedy)])
    root, problem = read(record.raw)
    if root is None or NAMES[root.tag] != CLINICAL_DOCUMENT:
        name = root_name(head_text(record.raw))
        if name not in (CLINICAL_DOCUMENT, DOCTYPE, "") or problem is None:
            return _no_document(name)
        return Conversion(issues=[problem])
    build = Build(root, record.context.options or {})
    held = kids(root)
    role = _patient_role(build, held)
    if role is not None:
        try:
            _document(build, held, role, record.raw)
        except BROKEN:
            text = "the header of the document is not what CDA R2 asks for"
            remedy = "let the sender validate its documents against C-CDA R2.1"
            build.issue("ccda.document-broken", "ClinicalDocument", text, "error", remedy)
    build.close_issues()
    if any(issue.refuses for issue in build.issues):
        return Conversion(issues=build.issues)
    return Conversion(build.drafts, build.issues)


def _no_document(name: str) -> Conversion:
    if not is_part(name):
        text, remedy = "the XML is no clinical document", "send CDA R2 documents, or FHIR"
        return Conversion(issues=[Issue("ccda.not-a-document", "error", "", text, remedy)])
    text = "a part of a clinical document without the document: nothing says whose it is"
    remedy = "send the whole ClinicalDocument with its header"
    return Conversion(issues=[Issue("ccda.fragment", "error", "", text, remedy)])


def _patient_role(build: Build, held: Kids) -> Element | None:
    """The patientRole of the document; sets the patient, or says why there is none."""
    targets = held.get("recordTarget", [])
    role = first(kids(targets[0]), "patientRole") if targets else None
    if role is None:
        remedy = "let the sender include recordTarget"
        build.issue("ccda.no-patient", "recordTarget", "the document names no patient", "error", remedy)
        return None
    if len(targets) > 1:
        text = "the document is about several patients; each of them needs a document of their own"
        build.issue("ccda.several-patients", "recordTarget", text, "error", "let the sender split the document")
        return None
    build.set_patient(patient_key(kids(role).get("id")))
    if not build.patient_id:
        remedy = "let the sender fill recordTarget/patientRole/id with the medical record number"
        text = "the document identifies no patient"
        build.issue("ccda.patient-id-missing", "recordTarget/patientRole/id", text, "error", remedy)
        return None
    return role


def _document(build: Build, held: Kids, role: Element, raw: bytes) -> None:
    if not str(build.root.tag).startswith(V3):
        text = "the document declares no HL7 namespace; it was read as if it did"
        build.issue("ccda.namespace-missing", "ClinicalDocument", text)
    effective = first(held, "effectiveTime")
    build.set_offset((effective.get("value") or "") if effective is not None else "")
    add_patient(build, role)
    add_encounter(build, held)
    add_participants(build, held)
    texts: list[tuple[str, str]] = []
    body = _body(held)
    sections: list[Part] = []
    if body is not None and NAMES[body.tag] == "structuredBody":
        sections = sections_of(build, body, "component/structuredBody", texts)
    elif body is None:
        build.issue("ccda.no-body", "component", "the document has no body: only its header was converted")
    summary = composition(build, held, sections)
    replaced = _replaced(build, held)
    if replaced:
        summary["relatesTo"] = replaced
    key = key_of(identifiers(held.get("id")))
    build.put(f"document|{key}" if key else "", summary)
    reference = _document_reference(build, held, raw, texts, summary.get("custodian"))
    if body is not None and NAMES[body.tag] == "nonXMLBody":
        _add_file(build, body, reference)
    build.put(f"document|{key}" if key else "", reference)


def _body(held: Kids) -> Element | None:
    wrapper = first(held, "component")
    if wrapper is None:
        return None
    for name in ("structuredBody", "nonXMLBody"):
        found = child(wrapper, name)
        if found is not None:
            return found
    return None


def _parents(held: Kids) -> list[tuple[str, Kids]]:
    """(FHIR relation, parentDocument) of the documents that this one replaces, appends to or transforms."""
    out: list[tuple[str, Kids]] = []
    for each in held.get("relatedDocument", ()):
        parent = child(each, "parentDocument")
        relation = codes("related-document").get(each.get("typeCode") or "", "")
        if parent is not None and relation:
            out.append((relation, kids(parent)))
    return out


def _replaced(build: Build, held: Kids) -> list[Part]:
    """Composition.relatesTo."""
    del build
    out: list[Part] = []
    for relation, parent in _parents(held):
        found = next((one for each in parent.get("id", ()) if (one := identifier(each)) is not None), None)
        if found is not None:
            out.append({"code": relation, "targetIdentifier": found})
    return out


def _document_reference(
    build: Build, held: Kids, raw: bytes, texts: list[tuple[str, str]], keeper: Reference | None
) -> Resource:
    """The document as it came, and its narrative as plain text under the titles of its sections."""
    out: Resource = {"resourceType": "DocumentReference"}
    numbers = identifiers(held.get("id"))
    if numbers:
        out["masterIdentifier"] = numbers[0]
    series = first(held, "setId")
    found = identifier(series) if series is not None else None
    if found is not None:
        out["identifier"] = [found]
    out["status"] = "current"
    out["docStatus"] = "final"
    out["type"] = concept(build, first(held, "code")) or unknown_concept()
    out["category"] = [{"coding": [{"system": _CATEGORY, "code": "clinical-note", "display": "Clinical Note"}]}]
    out["subject"] = build.patient
    effective = first(held, "effectiveTime")
    dated = build.date_time(effective.get("value") if effective is not None else None)
    if dated is not None and "T" in dated:
        out["date"] = dated
    author = document_author(build, held)
    if author is not None:
        out["author"] = [author]
    if keeper is not None:
        out["custodian"] = dict(keeper)
    relations = [
        {"code": relation, "target": {"reference": f"DocumentReference/{build.name(f'document|{key}')}"}}
        for relation, parent in _parents(held)
        if (key := key_of(identifiers(parent.get("id"))))
    ]
    if relations:
        out["relatesTo"] = relations
    out["content"] = _contents(held, raw, texts)
    context = _context(build, held)
    if context:
        out["context"] = context
    return out


def _contents(held: Kids, raw: bytes, texts: list[tuple[str, str]]) -> list[Part]:
    whole: Part = {"attachment": _attachment("application/xml", raw)}
    if any((each.get("root") or "").startswith(_DOCUMENT_TEMPLATES) for each in held.get("templateId", ())):
        body = _body(held)
        kind = "nonXMLBody" if body is not None and NAMES[body.tag] == "nonXMLBody" else "structuredBody"
        whole["format"] = {"system": _FORMATS, "code": f"urn:hl7-org:sdwg:ccda-{kind}:2.1"}
    words = "\n\n".join("\n".join(part for part in (title, text) if part) for title, text in texts)
    if not words.strip():
        return [whole]
    return [whole, {"attachment": _attachment("text/plain; charset=utf-8", words.encode())}]


def _attachment(media: str, data: bytes) -> Part:
    digest = hashlib.sha1(data, usedforsecurity=False).digest()  # SHA-1 is what FHIR's Attachment.hash means
    return {
        "contentType": media,
        "data": b64encode_as_string(data),
        "size": len(data),
        "hash": b64encode_as_string(digest),
    }


def _context(build: Build, held: Kids) -> Part:
    out: Part = {}
    if build.visit is not None:
        out["encounter"] = [dict(build.visit)]
    for each in held.get("documentationOf", ())[:1]:
        event = child(each, "serviceEvent")
        length = period(build, child(event, "effectiveTime")) if event is not None else None
        if length is not None:
            out["period"] = length
    return out


def _add_file(build: Build, body: Element, reference: Resource) -> None:
    """The file of an unstructured document as content of its own."""
    text = child(body, "text")
    found = file_of(text)
    link = child(text, "reference") if text is not None else None
    address = (link.get("value") or "").strip() if link is not None else ""
    if found is None and text is not None:
        found = {}
        media = text.get("mediaType")
        if media is not None and MEDIA.fullmatch(media):
            found["contentType"] = media
        if is_uri(address):
            found["url"] = address
        elif (text.text or "").strip() and text.get("representation") != "B64":
            found = _attachment("text/plain; charset=utf-8", (text.text or "").strip().encode())
        else:
            found["extension"] = [absent()]
            build.issue("ccda.file-unreadable", "component/nonXMLBody/text", "the embedded file could not be decoded")
    if found:
        reference["content"].append({"attachment": found})
