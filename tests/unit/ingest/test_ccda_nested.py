"""Statements inside of entries: read, or counted; never dropped without a word."""

import gzip
import os
from pathlib import Path

import pytest
from lxml import etree

from careloom.ingest.ccda_act import STATEMENTS
from careloom.ingest.conversion import Conversion
from careloom.ingest.xml_read import read
from tests.unit.ingest.ccda_support import codes, converted, document, entry, golden_documents, resources, section

V3 = "{urn:hl7-org:v3}"
CODE = "ccda.nested-not-read"
DRUG = (
    "<consumable><manufacturedProduct><manufacturedMaterial><name>Aspirin</name></manufacturedMaterial>"
    "</manufacturedProduct></consumable>"
)
ODD = '<observation classCode="OBS" moodCode="EVN"><templateId root="1.2.3"/><code code="1-8"/></observation>'
COMMENT = '<act classCode="ACT" moodCode="EVN"><code code="48767-8"/><text>Words</text></act>'


def statement(name: str, template: str, inner: str, mood: str = "EVN") -> str:
    root = f'<templateId root="2.16.840.1.113883.10.20.22.4.{template}"/>'
    return f'<{name} classCode="ACT" moodCode="{mood}">{root}{inner}</{name}>'


def related(kind: str, inner: str) -> str:
    return f'<entryRelationship typeCode="{kind}">{inner}</entryRelationship>'


def told(found: Conversion) -> list[tuple[str, str]]:
    """(place of the section, count and kind) of what was inside and not read."""
    body = "component/structuredBody/"
    words = [(issue.place, issue.message.split(" inside")[0]) for issue in found.issues if issue.code == CODE]
    return [(place.removeprefix(body), said) for place, said in words]


def test_statements_that_no_reader_reads_are_counted_by_section_and_kind() -> None:
    drug = statement("substanceAdministration", "16", DRUG + related("REFR", ODD) + related("REFR", ODD))
    act = related("COMP", '<act classCode="ACT" moodCode="EVN"><code code="1"/></act>')
    done = statement("procedure", "14", '<code code="80146002"/>' + related("COMP", ODD) + act)
    found = converted(document(section("10160-0", drug, drug), section("47519-4", done)))
    assert told(found) == [
        ("component[1]/section", "4 of kind observation"),
        ("component[2]/section", "1 of kind observation"),
        ("component[2]/section", "1 of kind act"),
    ]
    assert not found.refused


def test_what_stands_in_an_unread_statement_goes_with_it() -> None:
    odd = ODD.replace("</observation>", related("COMP", ODD) + related("COMP", ODD) + "</observation>")
    found = entry("47519-4", statement("procedure", "14", '<code code="80146002"/>' + related("COMP", odd)))
    assert told(found) == [("component[1]/section", "1 of kind observation")]


def test_an_unread_statement_deep_inside_is_counted() -> None:
    severity = related("SUBJ", '<observation classCode="OBS" moodCode="EVN"><code code="SEV"/>'
                       '<value code="6736007" codeSystem="2.16.840.1.113883.6.96"/></observation>')  # fmt: skip
    reaction = statement("observation", "9", "<text>Rash</text>" + severity + related("RSON", ODD))
    allergy = statement("observation", "7", related("MFST", reaction))
    found = entry("48765-2", statement("act", "30", related("SUBJ", allergy)))
    assert told(found) == [("component[1]/section", "1 of kind observation")]
    assert resources(found, "AllergyIntolerance")


READ = [
    ("10160-0", statement("substanceAdministration", "16", DRUG + related("SUBJ", COMMENT))),
    ("10160-0", statement("substanceAdministration", "16", DRUG + related("REFR", statement("supply", "17", "")))),
    ("10160-0", statement("substanceAdministration", "16", DRUG + related("RSON", ODD))),
    ("11450-4", statement("act", "3", related("SUBJ", statement("observation", "4", "<text>Cough</text>")))),
    ("30954-2", statement("organizer", "1", f"<component>{ODD}</component>")),
    ("46240-8", statement("encounter", "49", related("REFR", statement("act", "122", '<id root="1.2.9"/>')))),
]
NOT_READ = [
    ("10160-0", statement("substanceAdministration", "16", DRUG + related("COMP", ODD)), "observation"),
    ("46240-8", statement("encounter", "49", related("SUBJ", COMMENT)), "act"),
    ("30954-2", statement("organizer", "1", f"<component>{statement('encounter', '49', '')}</component>"), "encounter"),
    ("8716-3", statement("organizer", "26", f"<component>{COMMENT}</component>"), "act"),
    ("62387-6", statement("act", "131", related("REFR", '<act classCode="ACT" moodCode="EVN"/>')), "act"),
    ("29762-2", statement("observation", "38", '<code code="2-6"/>' + related("GEVL", ODD)), "observation"),
]


@pytest.mark.parametrize(("code", "inner"), READ)
def test_what_is_read_or_only_points_elsewhere_is_not_counted(code: str, inner: str) -> None:
    assert CODE not in codes(entry(code, inner))


@pytest.mark.parametrize(("code", "inner", "kind"), NOT_READ)
def test_each_reader_leaves_something_and_says_so(code: str, inner: str, kind: str) -> None:
    found = entry(code, inner)
    assert told(found) == [("component[1]/section", f"1 of kind {kind}")]
    assert "ccda.entry-not-mapped" not in codes(found)


def test_an_entry_that_is_not_mapped_is_counted_once_whatever_stands_in_it() -> None:
    odd = f'<act classCode="ACT" moodCode="EVN"><templateId root="1.2.3"/>{related("COMP", ODD)}</act>'
    assert codes(entry("18776-5", odd)) == {"ccda.entry-not-mapped"}


def counted(found: Conversion) -> int:
    """How many statements were inside and not read."""
    return sum(int(issue.message.split()[0]) for issue in found.issues if issue.code == CODE)


def made(found: Conversion) -> list[dict[str, object]]:
    """The resources without the one that holds the document's own bytes."""
    kept = [draft.resource for draft in found.drafts]
    return [each for each in kept if each["resourceType"] != "DocumentReference" or "xml" not in f"{each['content']}"]


def leaves(root: etree._Element) -> list[etree._Element]:
    """The wrappers of statements in which no other stands."""
    wrappers = [each for each in root.iter(f"{V3}entryRelationship", f"{V3}component") if is_wrapper(each)]
    return [each for each in wrappers if sum(map(is_wrapper, each.iter())) == 1]


def is_wrapper(element: etree._Element) -> bool:
    """True where a statement stands directly in it."""
    return any(isinstance(each.tag, str) and etree.QName(each).localname in STATEMENTS for each in element)


def unread_that_gave_nothing(raw: bytes) -> int:
    """Takes out each statement without others inside; one that is counted gave nothing. How many there are."""
    root, _ = read(raw)
    assert root is not None
    whole = converted(etree.tostring(root))
    resources, known, seen = made(whole), counted(whole), 0
    for wrapper in leaves(root):
        parent = wrapper.getparent()
        assert parent is not None
        at = parent.index(wrapper)
        parent.remove(wrapper)
        without = converted(etree.tostring(root))
        parent.insert(at, wrapper)
        if counted(without) < known:
            assert made(without) == resources, "a statement was counted as unread and had given something"
            seen += 1
    return seen


@pytest.mark.parametrize("raw", golden_documents(), ids=lambda raw: f"{len(raw)} bytes")
def test_a_counted_statement_gave_nothing(raw: bytes) -> None:
    unread_that_gave_nothing(raw)


@pytest.mark.long
def test_a_counted_statement_of_other_peoples_documents_gave_nothing() -> None:
    suites = os.environ.get("CARELOOM_SUITES")
    if not suites:
        pytest.skip("CARELOOM_SUITES is not set")
    places = sorted((Path(suites) / "ccda_sample_ccdas").rglob("*.xml*"))[::10]
    raws = [gzip.decompress(place.read_bytes()) if place.suffix == ".gz" else place.read_bytes() for place in places]
    assert sum(map(unread_that_gave_nothing, raws)) > 0
