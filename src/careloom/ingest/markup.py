"""What an XML text is, told from its beginning without parsing it."""

import re

DOCTYPE = "!DOCTYPE"
CLINICAL_DOCUMENT = "ClinicalDocument"

HEAD_BYTES = 1 << 16

_BEFORE = re.compile(r"\s*(?:<\?.*?\?>|<!--.*?-->|\s+)*", re.DOTALL)
_ROOT = re.compile(r"<(?:[\w.-]+:)?([A-Za-z]\w*)(?=[\s/>])")
_START = re.compile(r"(?:<!DOCTYPE[^>\[]*(?:\[.*?\])?\s*>\s*)?<[A-Za-z][^<>]*>", re.DOTALL)
_FHIR = re.compile(r"""xmlns(?::[\w.-]+)?\s*=\s*["']http://hl7\.org/fhir["']""")
_PARTS = frozenset(
    "act addr assignedAuthor assignedEntity authenticator author component componentOf consumable custodian "
    "dataEnterer documentationOf effectiveTime encounter encompassingEncounter entry entryRelationship "
    "inFulfillmentOf informant informationRecipient legalAuthenticator manufacturedProduct observation "
    "organizer participant participantRole patientRole performer procedure recordTarget relatedDocument "
    "relatedSubject section serviceEvent structuredBody subject substanceAdministration supply".split()
)
"""Elements of CDA R2 that somebody may cut out of a document."""


def _after_prolog(text: str) -> str:
    rest = text.removeprefix("\ufeff")
    before = _BEFORE.match(rest)
    return rest[before.end() if before is not None else 0 :]


def root_name(text: str) -> str:
    """The local name of the root element of an XML text, of which the beginning is enough; empty where it has none.

    A document type declaration in front of it counts as a root of the name ``!DOCTYPE``.
    """
    rest = _after_prolog(text)
    if rest[:9].upper() == "<!DOCTYPE":
        return DOCTYPE
    found = _ROOT.match(rest)
    return found[1] if found is not None else ""


def is_clinical(text: str) -> bool:
    """True for a CDA document or a part of one."""
    name = root_name(text)
    if name == CLINICAL_DOCUMENT:
        return True
    if name == DOCTYPE:
        return "<ClinicalDocument" in text
    return name in _PARTS and ("templateId" in text or "urn:hl7-org:v3" in text or "codeSystem=" in text)


def is_fhir(text: str) -> bool:
    """True for an XML text whose root is in the namespace of FHIR."""
    found = _START.match(_after_prolog(text))
    return found is not None and _FHIR.search(found[0]) is not None


def is_part(name: str) -> bool:
    """True for the name of an element of CDA R2 that is a part of a document."""
    return name in _PARTS


def head_text(raw: bytes) -> str:
    """The beginning of XML bytes as text, by byte order mark or the zeros of UTF-16, else as UTF-8."""
    head = raw[:HEAD_BYTES]
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return head.decode("utf-16", "replace")
    if head[:1] == b"<" and head[1:2] == b"\x00":
        return head.decode("utf-16-le", "replace")
    if head[:2] == b"\x00<":
        return head.decode("utf-16-be", "replace")
    return head.decode("utf-8", "replace")
