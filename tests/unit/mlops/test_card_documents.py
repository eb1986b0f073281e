"""A card as XML of CHAI and as a page: valid, self-contained, and with every text in it."""

import os
import re
from html import escape, unescape
from pathlib import Path

import orjson
import pytest
from lxml import etree

from careloom.mlops.card import card
from careloom.mlops.card_attributes import attributes
from careloom.mlops.card_chai import as_xml
from careloom.mlops.card_declared import Declarations, declarations, shipped
from careloom.mlops.card_facts import CardFacts
from careloom.mlops.card_html import as_html
from tests.unit.mlops.card_made import NOW, SAME_SOURCE, declared, facts

SUITE = Path(os.environ.get("CARELOOM_SUITES", "nowhere")) / "chai_model_card" / "v0.2_schema.xsd"
SPACE = {"mc": "https://mc.chai.org/v0.2/schema.xsd"}
SIGNATURES = b"""<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="http://www.w3.org/2000/09/xmldsig#">
<xs:element name="Signature"/></xs:schema>"""
CARDS = {
    "whole": facts(),
    "as-trained": facts(declared=shipped("no-show"), external=None, local=None, monitoring=None),
    "nobody-declared": facts(declared=Declarations()),
    "bare": facts(declared=Declarations(), same_source=None, external=None, local=None, monitoring=None, training={}),
    "markup": facts(
        declared=declared().over(
            declarations('by = "A & B"\non = 2026-11-01\n[developer]\ntext = "<b>&]]> -- é"\n'.encode())
        )
    ),
}


@pytest.fixture(scope="module")
def schema(tmp_path_factory: pytest.TempPathFactory) -> etree.XMLSchema:
    """The schema as CHAI publishes it; what it imports from the W3C is not fetched, for cards use nothing of it."""
    folder = tmp_path_factory.mktemp("chai")
    imported = b"http://www.w3.org/TR/xmldsig-core/xmldsig-core-schema.xsd"
    (folder / "card.xsd").write_bytes(SUITE.read_bytes().replace(imported, b"signatures.xsd"))
    (folder / "signatures.xsd").write_bytes(SIGNATURES)
    return etree.XMLSchema(etree.parse(folder / "card.xsd"))


@pytest.mark.skipif(not SUITE.exists(), reason="the schema of CHAI is not here (CARELOOM_SUITES)")
@pytest.mark.parametrize("known", CARDS.values(), ids=CARDS)
def test_the_xml_is_valid_by_the_schema_of_chai(known: CardFacts, schema: etree.XMLSchema) -> None:
    schema.assertValid(etree.fromstring(as_xml(card(known, NOW))))


@pytest.mark.skipif(not SUITE.exists(), reason="the schema of CHAI is not here (CARELOOM_SUITES)")
def test_the_schema_refuses_a_card_without_a_developer(schema: etree.XMLSchema) -> None:
    tree = etree.fromstring(as_xml(card(facts(), NOW)))
    place = tree.find("mc:BasicInfo/mc:ModelDeveloper", SPACE)
    assert place is not None
    parent = place.getparent()
    assert parent is not None
    parent.remove(place)
    assert not schema.validate(tree)


def test_the_xml_holds_measures_as_json_with_their_intervals() -> None:
    tree = etree.fromstring(as_xml(card(facts(), NOW)))
    found = {
        one.findtext("mc:Label", None, SPACE): one.findtext("mc:ValueJson", None, SPACE)
        for one in tree.iterfind(".//mc:MetricResult", SPACE)
    }
    told = found["AUROC (evaluation on held-out data of the same source)"]
    assert told is not None
    assert orjson.loads(told) == dict(SAME_SOURCE.measures["auroc"])


def test_the_xml_says_what_nobody_declared() -> None:
    tree = etree.fromstring(as_xml(card(facts(declared=Declarations()), NOW)))
    assert tree.findtext("mc:BasicInfo/mc:ModelDeveloper", None, SPACE) == "Not declared."
    assert tree.find("mc:Resources/mc:ClinicalTrial", SPACE) is None


def test_texts_are_no_markup() -> None:
    made = card(CARDS["markup"], NOW)
    tree = etree.fromstring(as_xml(made))
    assert tree.findtext("mc:BasicInfo/mc:ModelDeveloper", None, SPACE) == "<b>&]]> -- é"
    shown = as_html(made)
    assert escape("<b>&]]> -- é") in shown
    assert "<b>&]]>" not in shown


@pytest.mark.parametrize("known", CARDS.values(), ids=CARDS)
def test_the_page_shows_every_attribute_and_loads_nothing(known: CardFacts) -> None:
    made = card(known, NOW)
    shown = as_html(made)
    for one in attributes():
        assert escape(one.title) in shown
        assert escape(one.paragraph) in shown
    plain = unescape(re.sub(r"<[^>]+>", " ", shown.replace("<br>", "\n")))
    assert all(one.text in plain for one in made.answers)
    assert re.findall(r'(?:src|href)="?(?!#)', shown) == []
    assert "HTI-5" in shown
    assert shown.count("not declared") >= sum(one.state == "not declared" for one in made.answers)


def test_the_page_names_what_is_out_of_date() -> None:
    assert "Out of date" in as_html(card(facts(same_source=None), NOW))
    assert "Nothing is out of date" in as_html(card(facts(), NOW))


def test_the_same_facts_give_the_same_bytes() -> None:
    first, second = card(facts(), NOW), card(facts(), NOW)
    assert as_xml(first) == as_xml(second)
    assert as_html(first) == as_html(second)
    assert orjson.dumps(first.as_json()) == orjson.dumps(second.as_json())
