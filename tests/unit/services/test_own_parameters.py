"""Own search parameters: defined, indexed, counted anew, searched, changed, removed; killed on the way."""

from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import orjson
import pytest

from careloom.errors import AccessError, CareloomError, Conflict, IntegrityError, NotFound, QueryError, Unprocessable
from careloom.fhir.search_definition import parameters_of
from careloom.services import own_parameters as service
from careloom.services.changes import Change
from careloom.services.export_ask import ExportAsk, with_parameters
from careloom.services.export_files import export_to_folder
from careloom.services.jobs import work
from careloom.services.own_definitions import add_definition, reindex, remove_definition
from careloom.services.search import search
from careloom.services.write import write
from careloom.store import own_indexing
from tests.api.kit import OBSERVATION, PATIENT, Installation
from tests.store_kit import fresh_database, postgresql_binaries, postgresql_cluster

_NUMBERS = count()
EYES = "http://example.org/eyes"
BIRTH = "http://hl7.org/fhir/StructureDefinition/patient-birthTime"


def definition(code: str, kind: str, expression: str, *bases: str, **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "SearchParameter", "url": f"http://example.org/{code}", "name": "x", "status": "active",
        "description": "x", "code": code, "base": list(bases or ("Patient",)), "type": kind, "expression": expression,
    } | more  # fmt: skip


def person(number: int) -> dict[str, Any]:
    return PATIENT | {
        "id": f"p{number}",
        "name": [{"family": ("Schwarzenegger", "Moskowitz", "Uhrbach")[number % 3], "given": ["Zoë Ann"]}],
        **({"extension": [{"url": EYES, "valueCode": ("blue", "brown")[number % 2]}]} if number % 5 else {}),
    }


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    binaries = postgresql_binaries()
    if binaries is None:
        pytest.skip("no PostgreSQL in /usr/lib/postgresql: install it to run these tests on it too")
    with postgresql_cluster(binaries) as folder:
        yield folder


@pytest.fixture
def database(cluster: str) -> str:
    """The URL of a new, empty database of the identified zone."""
    name = next(_NUMBERS)
    return fresh_database(cluster, f"own{name}identified").replace("identified", "{zone}")


@pytest.fixture(params=["sqlite", "postgresql"])
def made(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Installation]:
    data: dict[str, Any] = {"directory": tmp_path / "data"}
    if request.param == "postgresql":
        data["database"] = request.getfixturevalue("database")
    with Installation(tmp_path, data=data) as opened:
        yield opened


def found(made: Installation, query: str) -> set[str]:
    """The sender's own ids of all that a search finds."""
    own = {made.stored_id("Patient", f"p{number}"): f"p{number}" for number in range(60)}
    own |= {made.stored_id("Observation", f"o{number}"): f"o{number}" for number in range(60)}
    page = search(made.platform, made.operator, "identified", f"{query}&_count=500")
    return {own[one.resource()["id"]] for one in page.found}


def add(made: Installation, told: dict[str, Any], **more: Any) -> list[dict[str, Any]]:
    return add_definition(
        made.platform, made.operator, "identified", orjson.dumps(told).decode(), is_queued=False, **more
    )


EYE_COLOR = definition("eye-color", "token", f"Patient.extension('{EYES}').value")
BLUE = {f"p{number}" for number in range(20) if number % 5 and number % 2 == 0}


def test_a_parameter_is_searched_once_what_is_stored_is_indexed_and_counted_anew(made: Installation) -> None:
    made.ingest([person(number) for number in range(20)])
    (own,) = add(made, EYE_COLOR)
    assert own["state"] == "on"
    assert own["counts"] == {
        "seen": 20, "written": 32, "resources": 20, "entries": 32, "found": 32, "holders": 16, "held": 16,
    }  # fmt: skip
    assert found(made, "Patient?eye-color=blue") == BLUE
    assert found(made, "Patient?eye-color:missing=true") == {"p0", "p5", "p10", "p15"}
    assert found(made, "Patient?eye-color:missing=false&eye-color:not=blue") == {
        f"p{number}" for number in range(20) if number % 5 and number % 2
    }
    made.ingest(
        [
            person(20) | {"extension": [{"url": EYES, "valueCode": "blue"}]},
            person(2) | {"extension": [{"url": EYES, "valueCode": "grey"}]},
        ]
    )
    assert found(made, "Patient?eye-color=blue") == BLUE - {"p2"} | {"p20"}
    assert found(made, "Observation?patient.eye-color=blue") == set()
    made.ingest([OBSERVATION | {"subject": {"reference": "Patient/p4"}}])
    assert found(made, "Observation?patient.eye-color=blue") == {"o1"}
    assert made.platform.store("identified").check().is_whole


def test_criteria_of_writes_and_filters_of_exports_take_it_as_a_search_does(made: Installation, tmp_path: Path) -> None:
    made.ingest([person(number) for number in range(4)])
    add(made, EYE_COLOR)
    platform, operator = made.platform, made.operator
    change = Change(
        "create", "Patient", resource={one: PATIENT[one] for one in PATIENT if one != "id"}, condition="eye-color=blue"
    )
    assert write(platform, operator, "identified", change).id == made.stored_id("Patient", "p2")
    own = service.searched(platform, "identified")
    pairs = [("_type", "Patient"), ("_typeFilter", "Patient?eye-color=blue")]
    ask = with_parameters(ExportAsk("identified"), pairs, own=own)
    assert export_to_folder(platform, operator, ask, tmp_path / "out")["output"][0]["count"] == 1
    with pytest.raises(QueryError):
        with_parameters(ExportAsk("identified"), [("_typeFilter", "Patient?eye-shape=round")], own=own)


def test_it_is_refused_with_its_reason_until_the_worker_has_indexed_it(made: Installation) -> None:
    made.ingest([person(number) for number in range(4)])
    write(made.platform, made.operator, "identified", Change("create", "SearchParameter", resource=EYE_COLOR))
    with pytest.raises(QueryError, match="eye-color is not searched by now: what was stored before it is not indexed"):
        found(made, "Patient?eye-color=blue")
    assert made.platform.store("identified").check().is_whole
    work(made.platform, once=True)
    assert found(made, "Patient?eye-color=blue") == {"p2"}


def test_a_kill_between_two_pages_costs_nothing_and_counts_nothing_twice(
    made: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Dies(BaseException):
        pass

    def dying(done: int, _total: int) -> None:
        if done >= 6:
            raise Dies

    monkeypatch.setattr(own_indexing, "PAGE", 3)
    made.ingest([person(number) for number in range(20)])
    with pytest.raises(Dies):
        add(made, EYE_COLOR, watch=dying)
    (own,) = [one for one in service.list_parameters(made.platform, made.operator, "identified") if one["resource"]]
    assert (own["state"], own["counts"]["seen"]) == ("waiting", 6)
    made.ingest([person(0) | {"extension": [{"url": EYES, "valueCode": "blue"}]}, person(20)])
    settled = service.index(made.platform, made.operator, "identified")
    assert settled[0]["counts"]["seen"] == settled[0]["counts"]["resources"] == 21
    assert found(made, "Patient?eye-color=blue") == BLUE | {"p0"}
    assert made.platform.store("identified").check().is_whole


@pytest.mark.parametrize("spoil", ["DELETE FROM idx_eq WHERE key = {key}", "INSERT INTO idx_eq VALUES ({key}, 999999)"])
def test_a_parameter_whose_count_anew_differs_stays_off(
    made: Installation, monkeypatch: pytest.MonkeyPatch, spoil: str
) -> None:
    made.ingest([person(number) for number in range(5)])
    store = made.platform.store("identified")
    before = type(store).verify_own

    def spoiled(zone: Any, own: Any) -> Any:
        key = made.platform.blind_index("identified").own("Patient", own.parameter.uses[0].slot)
        with zone._engine.begin() as connection:
            connection.exec_driver_sql(spoil.format(key=key))
        return before(zone, own)

    monkeypatch.setattr(type(store), "verify_own", spoiled)
    with pytest.raises(IntegrityError, match="1 own search parameters have entries that are not right: eye-color"):
        add(made, EYE_COLOR)
    monkeypatch.undo()
    with pytest.raises(QueryError, match="its entries are not those that the resources have"):
        found(made, "Patient?eye-color=blue")


def test_a_changed_definition_is_another_generation_and_a_removed_one_leaves_no_entry(made: Installation) -> None:
    made.ingest([person(number) for number in range(10)])
    tables = ("idx_eq", "idx_range", "token_system")
    store = made.platform.store("identified")

    def kept() -> int:
        with store.connect() as connection:
            return sum(connection.exec_driver_sql(f"SELECT count(*) FROM {one}").scalar_one() for one in tables)

    before = kept()
    add(made, EYE_COLOR)
    add(made, EYE_COLOR | {"expression": "Patient.gender"})
    assert found(made, "Patient?eye-color=female") == {f"p{number}" for number in range(10)}
    states = [one for one in service.list_parameters(made.platform, made.operator, "identified") if one["resource"]]
    assert [one["state"] for one in states] == ["on"]
    remove_definition(made.platform, made.operator, "identified", "eye-color", is_queued=False)
    with pytest.raises(QueryError, match="none of Patient's"):
        found(made, "Patient?eye-color=female")
    assert store.check().is_whole
    with store.connect() as connection:
        left = connection.exec_driver_sql(
            "SELECT count(*) FROM token_system WHERE type = 'SearchParameter'"
        ).scalar_one()
    assert kept() - before == left, "but for the systems that the SearchParameter itself had, all is as before"
    with pytest.raises(NotFound):
        remove_definition(made.platform, made.operator, "identified", "eye-color", is_queued=False)


NAMES = [
    ("phonetic=schwartzenegger", 0), ("phonetic=Moskovits", 1), ("phonetic=auerbach", 2), ("phonetic=smith", None),
    ("phonetic=zoe", "all"), ("phonetic=soe ann", "all"), ("phonetic:missing=true", None),
]  # fmt: skip


def test_names_are_found_by_their_sound(made: Installation) -> None:
    made.ingest([person(number) for number in range(6)])
    for query, rest in NAMES:
        wanted = {f"p{number}" for number in range(6) if rest == "all" or number % 3 == rest}
        assert found(made, f"Patient?{query}") == wanted, query
    for refused in ("phonetic:exact=zoe", "phonetic:contains=oe", "phonetic=12"):
        with pytest.raises(QueryError):
            found(made, f"Patient?{refused}")
    assert made.platform.store("identified").check().is_whole


def test_a_store_that_had_persons_before_is_searched_by_sound_after_a_reindex(made: Installation) -> None:
    made.ingest([person(number) for number in range(3)])
    store = made.platform.store("identified")
    with store._engine.begin() as connection:  # as the migration leaves an earlier store
        connection.exec_driver_sql("UPDATE own_parameter SET state = 'waiting' WHERE type = 'Patient'")
        for own in store.own_parameters().all:
            for code in ("645740", "474659", "479465", "097500", "097400"):
                key = made.platform.blind_index("identified").sound("Patient", own.parameter.uses[0].slot, code)
                connection.exec_driver_sql(f"DELETE FROM idx_eq WHERE key = {key}")
        connection.exec_driver_sql("UPDATE meta SET value = '7' WHERE name = 'counter.parameters'")
    with pytest.raises(QueryError, match="phonetic is not searched by now"):
        found(made, "Patient?phonetic=Moskovits")
    reindex(made.platform, made.operator, "identified", "phonetic", is_queued=False)
    assert found(made, "Patient?phonetic=Moskovits") == {"p1"}


@pytest.fixture
def one(tmp_path: Path) -> Iterator[Installation]:
    """An installation on SQLite."""
    with Installation(tmp_path) as opened:
        yield opened


KINDS: list[tuple[dict[str, Any], str, set[str]]] = [
    (definition("nick", "string", "Patient.name.given"), "Patient?nick=zo", {"p1", "p2"}),
    (definition("nick", "string", "Patient.name.given"), "Patient?nick:contains=ann", {"p1", "p2"}),
    (definition("nick", "string", "Patient.name"), "Patient?nick:exact=Moskowitz", {"p1"}),
    (definition("born", "date", "Patient.birthDate"), "Patient?born=lt1970", {"p1", "p2"}),
    (definition("born", "date", f"Patient.extension('{BIRTH}').value.ofType(dateTime)"), "Patient?born=2001-02-03",
     {"p2"}),
    (definition("seen", "date", "Observation.effective", "Observation"), "Observation?seen=ge2026&_sort=-seen", {"o1"}),
    (definition("size", "quantity", "Observation.value as Quantity", "Observation"), "Observation?size=gt70||/min",
     {"o1"}),
    (definition("pulse", "number", "Observation.value.as(Quantity).value", "Observation"), "Observation?pulse=71",
     {"o1"}),
    (definition("whose", "reference", "Observation.subject.where(resolve() is Patient)", "Observation",
                target=["Patient"]), "Observation?whose:Patient.family=moskowitz", {"o1"}),
    (definition("called", "token", "Patient.identifier | Practitioner.identifier", "Patient", "Practitioner"),
     "Patient?called=http://x.org/mrn|1", {"p2"}),
    (definition("profile-x", "uri", "Patient.meta.profile"), "Patient?profile-x:below=http://x.org/a", {"p2"}),
]  # fmt: skip


@pytest.mark.parametrize(("told", "query", "expected"), KINDS, ids=[query for _, query, _ in KINDS])
def test_every_kind_of_parameter_finds_what_its_expression_says(
    one: Installation, told: dict[str, Any], query: str, expected: set[str]
) -> None:
    other = person(2) | {
        "identifier": [{"system": "http://x.org/mrn", "value": "1"}], "meta": {"profile": ["http://x.org/a/b"]},
        "extension": [{"url": BIRTH, "valueDateTime": "2001-02-03T23:30:00-05:00"}],
    }  # fmt: skip
    one.ingest([person(1), other, OBSERVATION])
    add(one, told)
    assert found(one, query) == expected
    assert one.platform.store("identified").check().is_whole
    with one.platform.store("identified").connect() as connection:
        keys = connection.exec_driver_sql(
            "SELECT k.low FROM idx_range k JOIN resource r USING (rid) WHERE r.type = 'Patient'"
        )
        assert keys.fetchall() == [], "no birth date stands in the index as a number"


WRONG: list[tuple[dict[str, Any], str]] = [
    (definition("name", "string", "Patient.name"), "has a parameter name by the standard"),
    (definition("_own", "string", "Patient.name"), "its code is no name"),
    (definition("x", "composite", "Patient.name"), "of type composite is not indexed"),
    (definition("x", "special", "Patient.name"), "of type special is not indexed"),
    (definition("x", "token", "Patient.nothing"), "has no element nothing"),
    (definition("x", "token", "Patient.name.where("), "FHIRPath"),
    (definition("x", "token", "Patient.photo"), "its expression finds Attachment"),
    (definition("x", "token", ""), "no expression"),
    (definition("x", "token", "Observation.code"), "says nothing about Patient"),
    (definition("x", "number", "Patient.multipleBirth.ofType(integer)"), "would stand in the index as it is"),
    (definition("x", "token", "Patient.gender", "DomainResource"), "a base is no resource type"),
]


@pytest.mark.parametrize(("told", "words"), WRONG, ids=[words for _, words in WRONG])
def test_what_cannot_be_indexed_is_refused_before_it_is_stored(
    one: Installation, told: dict[str, Any], words: str
) -> None:
    with pytest.raises(CareloomError, match=words) as refused:
        parameters_of(told)
    assert isinstance(refused.value, Unprocessable)
    with pytest.raises(CareloomError):
        write(one.platform, one.operator, "identified", Change("create", "SearchParameter", resource=told))
    assert one.platform.store("identified").count() == {}


def test_a_draft_defines_nothing_and_a_code_is_defined_once(one: Installation) -> None:
    assert parameters_of(EYE_COLOR | {"status": "draft"}) == []
    add(one, EYE_COLOR)
    with pytest.raises(Conflict, match="Patient has a search parameter eye-color already"):
        add(one, EYE_COLOR | {"url": "http://example.org/other"})


def test_who_may_write_but_not_operate_defines_no_parameter(one: Installation) -> None:
    headers = one.bearer(roles=("record-author",))
    answer = one.client.post("/fhir/identified/SearchParameter", headers=headers, json=EYE_COLOR)
    assert answer.status_code == 403
    made = one.client.post("/fhir/identified/SearchParameter", headers=one.bearer(), json=EYE_COLOR)
    assert made.status_code == 201, made.text
    told = one.client.get("/fhir/identified/metadata").json["rest"][0]["resource"]
    listed = {row["type"]: {each["name"]: each for each in row["searchParam"]} for row in told}
    assert listed["Patient"]["eye-color"]["definition"] == EYE_COLOR["url"]
    assert listed["Patient"]["phonetic"]["type"] == "string"
    assert "eye-color" not in listed["Person"]
    clinician = type(one.operator)("c", frozenset({"clinician"}), frozenset({"identified"}))
    with pytest.raises(AccessError):
        reindex(one.platform, clinician, "identified", is_queued=False)


def test_an_expression_that_takes_too_much_work_finds_nothing_and_stops_no_write(one: Installation) -> None:
    slow = "Patient.name.repeat($this | %context.name).given.where(%context.descendants().count() > 0)"
    add(one, definition("slow", "string", slow))
    one.ingest([person(1) | {"name": [{"family": f"F{number}", "given": ["x"] * 20} for number in range(200)]}])
    assert found(one, "Patient?family=F7") == {"p1"}
    assert found(one, "Patient?slow=x") == set()
