"""Rows of tables as they are read: pages of one version, and what restrictions and consents say at that moment."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from careloom.errors import AccessError, NotFound, QueryError
from careloom.services.access import Principal
from careloom.services.lake import lake_export
from careloom.services.lake_read import ROWS_AT_MOST, RowsAsk, RowsPage, read_rows
from careloom.services.subject_rules import RuleAsk, set_rule
from careloom.services.view_table import TableAsk, make_table
from tests.api.kit import Installation
from tests.store_kit import event, put
from tests.vault_kit import OFFICER, Hospital, hospital

TYPES = "http://hl7.org/fhir/resource-types"
PURPOSES = "http://terminology.hl7.org/CodeSystem/v3-ActReason"
PATH = "gold/observation"
ZONES = frozenset({"research", "synthetic"})
SCIENTIST = Principal("rosa.research", frozenset({"researcher"}), ZONES, purpose="HRESCH")
IMPROVER = Principal("quinn", frozenset({"data-scientist"}), ZONES, purpose="HQUALIMP")


def consent(patient: str, provision: dict[str, Any]) -> dict[str, Any]:
    return {
        "resourceType": "Consent", "id": f"consent-{patient}", "status": "active",
        "scope": {"coding": [{"code": "patient-privacy"}]}, "category": [{"coding": [{"code": "x"}]}],
        "patient": {"reference": f"Patient/{patient}"}, "policy": [{"uri": "urn:policy"}], "provision": provision,
    }  # fmt: skip


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Installation]:
    """A synthetic zone of nine observations of three patients, one of them about two, as a table."""
    with Installation(tmp_path) as one:
        writes = [
            put("Observation", f"o{n}", (f"p{n % 3}",), status="final", subject={"reference": f"Patient/p{n % 3}"},
                valueQuantity={"value": n})
            for n in range(9)
        ]  # fmt: skip
        shared = {"subject": {"reference": "Patient/p2"}, "performer": [{"reference": "Patient/p1"}]}
        writes.append(put("Observation", "both", ("p1", "p2"), status="final", **shared))
        with one.platform.store("synthetic").transaction(event(zone="synthetic")) as transaction:
            transaction.write(writes)
        make_table(one.platform, one.operator, "synthetic", TableAsk("observation"))
        yield one


def withhold(made: Installation, patient: str, provision: dict[str, Any]) -> None:
    held = consent(patient, provision)
    own = {name: value for name, value in held.items() if name not in ("resourceType", "id")}
    with made.platform.store("synthetic").transaction(event(zone="synthetic")) as transaction:
        transaction.write([put("Consent", held["id"], (patient,), **own)])


def read(made: Installation, who: Principal = SCIENTIST, zone: str = "synthetic", **more: Any) -> RowsPage:
    return read_rows(made.platform, who, zone, RowsAsk(more.pop("name", PATH), **more))


def keys(page: RowsPage) -> set[str]:
    return {key.removeprefix("Observation/") for key in page.frame["resource_key"]}


def test_pages_of_a_version_hold_each_row_once(made: Installation) -> None:
    whole = read(made)
    assert (whole.frame.height, whole.left_out, whole.next) == (10, 0, None)
    found, start = [], 0
    while start is not None:
        page = read(made, start=start, limit=4, columns=("value", "resource_key"))
        found.append(page.frame)
        start = page.next
    assert [one.height for one in found] == [4, 4, 2]
    assert pl.concat(found).equals(whole.frame.select("value", "resource_key"))


def test_whoever_withholds_everything_is_in_no_row_from_that_moment_on(made: Installation) -> None:
    withhold(made, "p1", {"type": "deny"})
    page = read(made, columns=("resource_key",))
    assert keys(page) == {"o0", "o2", "o3", "o5", "o6", "o8"}
    assert page.left_out == 4  # what is about two patients, too
    withhold(made, "p1", {"type": "permit"})
    assert read(made).left_out == 0


def test_a_consent_about_a_purpose_closes_the_rows_for_that_purpose_alone(made: Installation) -> None:
    deny = {"type": "deny", "purpose": [{"system": PURPOSES, "code": "HRESCH"}]}
    withhold(made, "p0", {"type": "permit", "provision": [deny]})
    assert keys(read(made)) == {"o1", "o2", "o4", "o5", "o7", "o8", "both"}
    assert read(made, IMPROVER).left_out == 0


def test_where_a_part_is_withheld_the_resource_is_asked_as_it_is_now(made: Installation) -> None:
    code = {"system": "http://c", "code": "secret"}
    deny = {"type": "deny", "code": [{"coding": [code]}]}
    withhold(made, "p0", {"type": "permit", "provision": [deny]})
    assert read(made).left_out == 0
    whom = {"subject": {"reference": "Patient/p0"}, "status": "final"}
    with made.platform.store("synthetic").transaction(event(zone="synthetic")) as transaction:
        transaction.write([put("Observation", "o3", ("p0",), **whom, code={"coding": [code]})])
    assert read(made).left_out == 1
    assert "o3" not in keys(read(made, name=f"{PATH}@{read(made).version}"))


def test_copies_in_the_clear_hold_no_more_than_a_read(made: Installation, tmp_path: Path) -> None:
    withhold(made, "p1", {"type": "deny"})
    told = lake_export(made.platform, SCIENTIST, "synthetic", PATH, tmp_path / "copy")
    assert told["rows"] == 6
    assert pl.read_delta(str(tmp_path / "copy")).height == 6


def test_whom_a_page_is_about_is_in_the_audit_chain(made: Installation) -> None:
    read(made, limit=ROWS_AT_MOST)
    told = made.events("synthetic")[-1]
    pseudonym = made.platform.store("synthetic").pseudonym
    assert set(told["subjects"]) == {pseudonym(one) for one in ("p0", "p1", "p2")}
    assert told["detail"]["count"] == 10


def test_what_cannot_be_read_is_refused_and_who_may_not_read_finds_out_nothing(made: Installation) -> None:
    for wrong, error in (
        ({"name": "gold/nothing"}, NotFound), ({"name": f"{PATH}@77"}, NotFound), ({"columns": ("nothing",)}, NotFound),
        ({"limit": 0}, QueryError), ({"start": -1}, QueryError), ({"zone": "identified"}, QueryError),
        ({"name": "../x"}, QueryError),
    ):  # fmt: skip
        with pytest.raises(error):
            read(made, made.operator, **wrong)
    with pytest.raises(AccessError):
        read(made, Principal("n", frozenset({"researcher"}), frozenset({"research"})))


@pytest.fixture
def research(tmp_path: Path) -> Iterator[Hospital]:
    with hospital(tmp_path) as one:
        make_table(one.platform, one.operator, "research", TableAsk("observation"))
        yield one


def test_who_withholds_from_research_is_in_no_table_before_the_next_run(research: Hospital) -> None:
    assert read(research, zone="research").frame.height == 2
    assert read(research, zone="research", name="silver/patients").frame.height == 3
    research.ingest([consent("p1", {"type": "deny"})])
    assert read(research, zone="research").frame["resource_key"].to_list() == [research.name("Observation", "o2")]
    assert read(research, zone="research", name="silver/patients").frame.height == 2
    deny = {"type": "deny", "class": [{"system": TYPES, "code": "Patient"}]}
    research.ingest([consent("p2", {"type": "permit", "provision": [deny]})])
    assert read(research, zone="research").frame.is_empty()


def test_a_restriction_holds_for_tables_at_once(research: Hospital) -> None:
    ask = RuleAsk("restrict", "Patient/p1", reason="contests the birth date")
    set_rule(research.platform, OFFICER, ask)
    assert read(research, zone="research").frame["resource_key"].to_list() == [research.name("Observation", "o2")]
    assert read(research, zone="research", name="silver/patients").left_out == 1
