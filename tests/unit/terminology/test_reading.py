"""Releases of terminologies in the formats of their publishers."""

import json
from collections.abc import Iterator

import pytest

from careloom.errors import FormatError
from careloom.terminology.reading import readings
from careloom.terminology.release_rows import ConceptRow, MapRow, NameRow, ParentRow, PropertyRow, Row, SetRow
from careloom.terminology.systems import ICD_10_CM, LOINC, NDC, RXNORM, SNOMED_CT
from tests.unit.terminology.releases import RF2, RXNORM_FILES, rf2_row


class Given:
    """Files of a release in memory."""

    def __init__(self, files: dict[str, str]) -> None:
        self._files = files

    def names(self) -> list[str]:
        return sorted(self._files)

    def lines(self, name: str) -> Iterator[str]:
        return iter(self._files[name].splitlines())


def rows_of(files: dict[str, str], version: str = "") -> tuple[str, str, list[Row], dict[str, int]]:
    """(system, version, rows, unreadable lines) of the only release in the files."""
    ((system, known, rows, unreadable),) = [
        (each.release.system, each.release.version, list(each.rows), each.unreadable)
        for each in readings(Given(files), version)
    ]
    return system, known, rows, unreadable


def test_rf2_gives_concepts_names_parents_maps_and_replacements() -> None:
    system, version, rows, unreadable = rows_of(RF2)
    assert (system, version, unreadable) == (SNOMED_CT, "20260301", {})
    assert ConceptRow("73211009", "", True, False, (("effective", "20020131"),)) in rows
    assert ConceptRow("190388001", "", False, False, (("effective", "20260301"),)) in rows
    assert NameRow("73211009", "Diabetes mellitus", "preferred") in rows
    assert NameRow("73211009", "Diabetes mellitus (disorder)", "full") in rows
    assert NameRow("73211009", "DM - Diabetes mellitus", "synonym") in rows
    assert not any(isinstance(row, NameRow) and row.text in ("Retired name", "Zuckerkrankheit") for row in rows)
    assert ParentRow("44054006", "73211009") in rows
    assert not any(isinstance(row, ParentRow) and row.parent == "111111111" for row in rows)
    assert MapRow(SNOMED_CT, "44054006", ICD_10_CM, "E11.9", "wider", "6011000124106") in rows
    assert MapRow(SNOMED_CT, "44054006", ICD_10_CM, "E11.65", "inexact", "6011000124106") in rows
    assert PropertyRow("190388001", "replaced-by", "44054006") in rows


def test_of_a_full_history_the_last_row_of_each_component_counts() -> None:
    full = {name.replace("Snapshot", "Full"): text for name, text in RF2.items()}
    name = next(each for each in full if "sct2_Concept" in each)
    full[name] += rf2_row("73211009", "20010131", "0", "900000000000207008", "900000000000074008")
    assert sorted(rows_of(full)[2]) == sorted(rows_of(RF2)[2])


def test_a_short_line_is_left_out_and_counted() -> None:
    name = next(each for each in RF2 if "sct2_Concept" in each)
    broken = {**RF2, name: RF2[name] + "123\t2026\n"}
    *_, unreadable = rows_of(broken)
    assert unreadable == {name: 1}
    (reading,) = readings(Given(broken))
    list(reading.rows)
    (issue,) = reading.issues()
    assert (issue.code, issue.place, issue.refuses) == ("terminology.line-unreadable", name, False)


def test_rf2_without_a_date_in_its_names_is_refused() -> None:
    with pytest.raises(FormatError):
        list(readings(Given({"sct2_Concept_Snapshot_INT.txt": "id\n"})))


def test_rxnorm_gives_its_own_concepts_ingredients_and_drug_codes() -> None:
    system, version, rows, _ = rows_of(RXNORM_FILES)
    assert (system, version) == (RXNORM, "2026-11-02")
    assert ConceptRow("6809", "metformin", True, False, (("tty", "IN"),)) in rows
    assert ConceptRow("99", "old drug", False, False, (("tty", "SCD"),)) in rows
    assert NameRow("6809", "metFORMIN", "synonym") in rows
    assert not any("from another vocabulary" in row for row in rows)
    assert PropertyRow("860975", "ingredient", "6809") in rows
    assert MapRow(RXNORM, "860975", RXNORM, "6809", "wider", "RxNorm has_ingredient") in rows
    assert MapRow(NDC, "00093104801", RXNORM, "860975", "wider", "RxNorm NDC") in rows
    assert ParentRow("860975", "372803") in rows


def test_loinc_gives_names_axes_units_and_replacements() -> None:
    table = (
        '"LOINC_NUM","COMPONENT","PROPERTY","TIME_ASPCT","SYSTEM","SCALE_TYP","METHOD_TYP","CLASS",'
        '"VersionLastChanged","STATUS","CONSUMER_NAME","SHORTNAME","EXAMPLE_UCUM_UNITS","LONG_COMMON_NAME"\n'
        '"2345-7","Glucose","MCnc","Pt","Ser/Plas","Qn","","CHEM",'
        '"2.81","ACTIVE","Glucose, Blood","Glucose SerPl-mCnc","mg/dL","Glucose [Mass/volume] in Serum or Plasma"\n'
        '"1-8","Old, ""quoted""","","","","","","","2.9","DEPRECATED","","","","Old one"\n'
        '"","no code","","","","","","","","","","","",""\n'
    )
    files = {"LoincTable/Loinc.csv": table, "LoincTable/MapTo.csv": "LOINC,MAP_TO,COMMENT\n1-8,2345-7,\n"}
    system, version, rows, unreadable = rows_of(files)
    assert (system, version, unreadable) == (LOINC, "2.81", {"LoincTable/Loinc.csv": 1})
    (glucose,) = [row for row in rows if isinstance(row, ConceptRow) and row.code == "2345-7"]
    assert glucose.name == "Glucose [Mass/volume] in Serum or Plasma"
    assert dict(glucose.properties)["unit"] == "mg/dL"
    assert NameRow("2345-7", "Glucose, Blood", "synonym") in rows
    (old,) = [row for row in rows if isinstance(row, ConceptRow) and row.code == "1-8"]
    assert not old.is_active
    assert PropertyRow("1-8", "replaced-by", "2345-7") in rows


OBO = """format-version: 1.2
data-version: releases/2026-08-01
ontology: doid

[Term]
id: DOID:9352
name: type 2 diabetes mellitus
synonym: "non-insulin-dependent \\"NIDDM\\"" EXACT []
xref: SNOMEDCT_US_2023_03_01:44054006
xref: ICD10CM:E11
xref: GARD:10697
is_a: DOID:9351 {source="x"} ! diabetes mellitus

[Term]
id: DOID:1
name: gone
is_obsolete: true
replaced_by: DOID:9352

[Term]
name: no id

[Typedef]
id: part_of
name: part of
"""


def test_obo_gives_terms_synonyms_references_and_what_is_obsolete() -> None:
    system, version, rows, unreadable = rows_of({"doid.obo": OBO})
    assert (system, version) == ("http://purl.obolibrary.org/obo/doid.owl", "releases/2026-08-01")
    assert rows == [
        ConceptRow("DOID:9352", "type 2 diabetes mellitus", True),
        NameRow("DOID:9352", 'non-insulin-dependent "NIDDM"', "synonym"),
        MapRow(system, "DOID:9352", SNOMED_CT, "44054006", "relatedto", "xref"),
        MapRow(system, "DOID:9352", ICD_10_CM, "E11", "relatedto", "xref"),
        ParentRow("DOID:9352", "DOID:9351"),
        ConceptRow("DOID:1", "gone", False),
        PropertyRow("DOID:1", "replaced-by", "DOID:9352"),
    ]
    assert unreadable == {"doid.obo": 1}


def test_obo_graphs_say_the_same() -> None:
    base = "http://purl.obolibrary.org/obo/"
    graph = {
        "id": f"{base}doid.owl",
        "meta": {"version": f"{base}doid/releases/2026-08-01/doid.owl"},
        "nodes": [
            {
                "id": f"{base}DOID_9352",
                "type": "CLASS",
                "lbl": "type 2 diabetes mellitus",
                "meta": {"synonyms": [{"pred": "hasExactSynonym", "val": "NIDDM"}], "xrefs": [{"val": "ICD10CM:E11"}]},
            },
            {"id": f"{base}DOID_1", "type": "CLASS", "meta": {"deprecated": True}},
            {"id": f"{base}DOID_2", "type": "CLASS"},
            {"id": f"{base}part_of", "type": "PROPERTY", "lbl": "part of"},
        ],
        "edges": [{"sub": f"{base}DOID_9352", "pred": "is_a", "obj": f"{base}DOID_9351"}],
    }
    system, version, rows, unreadable = rows_of({"doid.json": json.dumps({"graphs": [graph]})})
    assert (system, version) == (f"{base}doid.owl", "2026-08-01")
    assert rows == [
        ConceptRow("DOID:9352", "type 2 diabetes mellitus", True),
        NameRow("DOID:9352", "NIDDM", "synonym"),
        MapRow(system, "DOID:9352", ICD_10_CM, "E11", "relatedto", "xref"),
        ConceptRow("DOID:1", "", False),
        ParentRow("DOID:9352", "DOID:9351"),
    ]
    assert unreadable == {"doid.json": 1}


CODE_SYSTEM = {
    "resourceType": "CodeSystem",
    "url": "http://example.org/wards",
    "version": "3",
    "date": "2026-02-01",
    "content": "complete",
    "concept": [
        {
            "code": "W",
            "display": "Ward",
            "property": [{"code": "notSelectable", "valueBoolean": True}],
            "concept": [{"code": "W1", "display": "Ward 1", "designation": [{"value": "First ward"}]}],
        },
        {"code": "OLD", "property": [{"code": "status", "valueCode": "retired"}]},
        {"display": "no code"},
    ],
}
CONCEPT_MAP = {
    "resourceType": "ConceptMap",
    "url": "http://example.org/map",
    "group": [
        {
            "source": "http://example.org/wards",
            "target": "http://example.org/units",
            "element": [
                {"code": "W1", "target": [{"code": "U1", "equivalence": "narrower"}]},
                {"code": "W2", "target": [{"equivalence": "unmatched"}]},
                {"code": "W3", "target": [{"code": "U3", "equivalence": "perhaps"}]},
            ],
        }
    ],
}
VALUE_SET = {"resourceType": "ValueSet", "url": "http://example.org/set", "version": "1", "compose": {"include": []}}


def test_fhir_resources_are_read_alone_in_a_bundle_and_as_lines() -> None:
    bundle = {"resourceType": "Bundle", "entry": [{"resource": each} for each in (CODE_SYSTEM, CONCEPT_MAP, VALUE_SET)]}
    lines = "\n".join(json.dumps(each) for each in (CODE_SYSTEM, CONCEPT_MAP, VALUE_SET)) + "\n\n"
    for files in ({"all.json": json.dumps(bundle)}, {"all.ndjson": lines}):
        found = [(each.release, list(each.rows), each.unreadable) for each in readings(Given(files))]
        (wards, rows, unreadable), (_, mapped, odd), (_, sets, _) = found
        assert (wards.system, wards.version, wards.is_whole) == ("http://example.org/wards", "3", True)
        assert ConceptRow("W", "Ward", True, True, (("notSelectable", "true"),)) in rows
        assert NameRow("W1", "First ward", "synonym") in rows
        assert ParentRow("W1", "W") in rows
        assert ConceptRow("OLD", "OLD", False, False, (("status", "retired"),)) in rows
        assert list(unreadable.values()) == [1]
        assert mapped == [
            MapRow(
                "http://example.org/wards", "W1", "http://example.org/units", "U1", "narrower", "http://example.org/map"
            )
        ]
        assert list(odd.values()) == [1]
        assert sets == [SetRow("http://example.org/set", "1", json.dumps(VALUE_SET))]


REFUSED: list[dict[str, str]] = [
    {},
    {"notes.txt": "hello"},
    {"a.json": "{"},
    {"a.ndjson": '{"resourceType": "CodeSystem"}\n{'},
    {"a.obo": "format-version: 1.2\n"},
    {"a.json": '{"graphs": [{}]}'},
    {"a/RXNCONSO.RRF": "", "b/Loinc.csv": ""},
    {**RF2, "doid.obo": OBO},
]


@pytest.mark.parametrize("files", REFUSED)
def test_what_is_no_terminology_is_refused(files: dict[str, str]) -> None:
    with pytest.raises(FormatError):
        rows_of(files)


def test_the_operator_may_name_a_version() -> None:
    assert rows_of({"doid.obo": OBO}, "mine")[1] == "mine"
