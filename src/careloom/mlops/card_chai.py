"""A card as CHAI's applied model card: XML of its schema v0.2, in the order of the schema.

source  github.com/coalition-for-health-ai/mc-schema, v0.2_schema.xsd
"""

from collections.abc import Mapping
from typing import Any, cast

import orjson
from lxml import etree

from careloom.mlops.card import Card
from careloom.mlops.card_answers import NAMES
from careloom.mlops.card_attributes import notice, read
from careloom.mlops.card_measures import GAPS, TITLES, gaps
from careloom.mlops.card_tripod import by_item

Json = dict[str, Any]
TEST_TYPES = {
    "evaluation": "Retrospective, held-out patients of the same source",
    "external": "Retrospective, data of another source",
    "local": "In the data of the place of use",
}
POINTS = {
    "threshold": "threshold",
    "alerts_per_100": "alerts per 100 rows",
    "ppv": "positive predictive value of alerts",
    "recall": "share of events with an alert",
    "net_benefit": "net benefit a row",
}


def as_xml(card: Card) -> bytes:
    """The document in UTF-8 with its declaration; what nobody declared says so."""
    template = read("chai")
    space = template["namespace"]
    root = etree.Element(f"{{{space}}}AppliedModelCard", nsmap=cast("dict[str, str]", {None: space}))
    root.addprevious(etree.Comment(f" {notice()} ".replace("--", "- -")))
    for one in template["elements"]:
        if one["path"] == "KeyMetrics":
            _metrics(_below(root, one["path"]), template, card)
        elif one["from"] == ["card.keywords"]:
            _keywords(_below(root, one["path"]), card)
        elif told := _texts(one["from"], card):
            _below(root, one["path"]).text = told
        elif not one.get("may_be_left_out"):
            _below(root, one["path"]).text = template["not_declared"]
    document = etree.ElementTree(root)
    return etree.tostring(document, xml_declaration=True, encoding="UTF-8", pretty_print=True)


def _below(root: etree._Element, path: str) -> etree._Element:
    """The element at a path; what lacks on the way is made at the end of its parent."""
    space = etree.QName(root).namespace
    place = root
    for name in path.split("/"):
        found = place.find(f"{{{space}}}{name}")
        place = etree.SubElement(place, f"{{{space}}}{name}") if found is None else found
    return place


def _texts(names: list[str], card: Card) -> str:
    told = (
        _own(name.removeprefix("card."), card) if name.startswith("card.") else _answer(name, card) for name in names
    )
    return "\n".join(dict.fromkeys(one for one in told if one))


def _answer(name: str, card: Card) -> str:
    one = card.of(name)
    return f"{one.text} {one.remark}".strip()


def _own(name: str, card: Card) -> str:
    items = by_item(card.tripod)
    whole = sum(state == "reported" for state in items.values())
    texts: Mapping[str, str] = {
        "name": card.name,
        "version": f"{card.version} (digest {card.digest})",
        "released": card.registered_at.date().isoformat(),
        "stage": ", ".join(card.lineage.get("aliases") or ()) or "Registered, not released",
        "kind": card.model["kind"],
        "source": " ".join(one["data"] + "." for one in card.evaluations.values()),
        "inputs": f"{card.model['features']} features of {len(card.model['concepts'])} clinical concepts.",
        "coverage": f"HTI-1: {card.told} TRIPOD+AI: {whole} of {len(items)} items reported in full.",
        "bibliography": "45 CFR 170.315(b)(11)(iv)(B). Collins GS and others, BMJ 2024;385:e078378 (TRIPOD+AI).",
    }
    return texts[name]


def _keywords(place: etree._Element, card: Card) -> None:
    for word in (card.model["outcome"], card.model["kind"], *card.model["concepts"][:8]):
        if word:
            _child(place, "Keyword", word)


def _metrics(place: etree._Element, template: Json, card: Card) -> None:
    for group in template["metrics"]:
        section = _child(place, group["name"])
        _child(section, "MetricGoal", group["goal"])
        results = _child(section, "Results")
        for label, value in _results(group, card) or [("not measured", None)]:
            result = _child(results, "MetricResult")
            _child(result, "Label", label)
            _child(result, "ValueJson", orjson.dumps(value).decode())
        _child(section, "Interpretation", group["read"])
        kinds = [TEST_TYPES[name] for name in card.evaluations]
        _child(section, "TestType", "; ".join(kinds) or template["not_declared"])
        data = [f"{NAMES[name]}: {one['data']}" for name, one in card.evaluations.items()]
        _child(section, "TestingDataDescription", "; ".join(data) or template["not_declared"])
        process = "Intervals at 95 % from resampling patients with all their rows; groups as declared before."
        _child(section, "ValidationProcessAndJustification", process)


def _results(group: Json, card: Card) -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for name, one in card.evaluations.items():
        found += [
            (f"{TITLES[measure]} ({NAMES[name]})", one["measures"][measure])
            for measure in group["measures"]
            if measure in one["measures"]
        ]
        point = one["operating"] or {}
        found += [
            (f"{POINTS[measure]} ({NAMES[name]})", {"value": point[measure]})
            for measure in group["operating"]
            if point.get(measure) is not None
        ]
        found += _gaps(group["gaps"], name, one["subgroups"])
    return found


def _gaps(wanted: list[str], name: str, rows: list[Json]) -> list[tuple[str, Any]]:
    if not wanted:
        return []
    found: list[tuple[str, Any]] = []
    for attribute in dict.fromkeys(row["attribute"] for row in rows):
        apart = gaps([row for row in rows if row["attribute"] == attribute])
        found += [
            (f"{GAPS[measure]}, greatest less least by {attribute} ({NAMES[name]})", {"value": apart[measure]})
            for measure in wanted
            if measure in apart
        ]
    return found


def _child(place: etree._Element, name: str, text: str = "") -> etree._Element:
    made = etree.SubElement(place, f"{{{etree.QName(place).namespace}}}{name}")
    if text:
        made.text = text
    return made
