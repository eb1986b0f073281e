"""Linkage over HTTP and by the SDK: run, list, show, decide, golden record; and what is refused."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from careloom.client.careloom import Careloom
from careloom.client.credentials import Bearer
from careloom.errors import AccessError, Conflict, InputError, NotFound, StateError
from careloom.services.jobs import work
from tests.api.kit import BASE_URL, Installation

Json = dict[str, Any]
ROUTE = "/api/v1/linkage"


def person(name: str, given: str, family: str = "Quillfeather", born: str = "1961-04-05", town: str = "Newton") -> Json:
    return {"resourceType": "Patient", "id": name, "name": [{"family": family, "given": [given]}],
            "birthDate": born, "gender": "female",
            "address": [{"line": [f"{len(town)} Maple Street"], "city": town}]}  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with Installation(tmp_path_factory.mktemp("linkage")) as installation:
        twins = [
            person(f"t{at}", name, "Ottenbrook", "1999-09-09", "Salem")
            for at, name in enumerate(("Beatrix", "Cordelia"))
        ]
        installation.ingest([person("a1", "Wilhelmina"), person("a2", "Mina"), *twins])
        yield installation


@pytest.fixture(scope="module")
def api(made: Installation) -> Iterator[Careloom]:
    with client(made, ["data-steward"]) as found:
        yield found


def client(made: Installation, roles: list[str]) -> Careloom:
    token = made.token(roles, zones=["identified"])
    return Careloom(BASE_URL, Bearer(token), transport=httpx.WSGITransport(app=made.app))


@pytest.fixture(scope="module", autouse=True)
def _linked(made: Installation, api: Careloom) -> None:
    run = api.linkage.run()
    assert run.state == "waiting"
    work(made.platform, once=True)
    report = api.linkage.wait(run.id, timeout=0.0).report
    assert report is not None
    assert (report.patients, report.pairs["linked"], report.pairs["review"]) == (4, 1, 1)


def test_pairs_are_listed_without_a_value(made: Installation, api: Careloom) -> None:
    answer = made.client.get(f"{ROUTE}/pairs", headers=made.bearer(["data-steward"], ["identified"]))
    assert answer.status_code == 200
    assert not any(word in answer.text for word in ("Quillfeather", "Ottenbrook", "1961-04-05", "Maple"))
    page = api.linkage.pairs(limit=1)
    assert page.next
    assert page.run
    assert [*page.items, *api.linkage.pairs(cursor=page.next).items] == list(api.linkage.all())


def test_a_pair_stands_side_by_side(api: Careloom) -> None:
    (pair,) = api.linkage.pairs(state="linked").items
    sides = {side.trait: side for side in api.linkage.show(pair.pair).sides}
    assert sides["family"].values == (("Quillfeather",), ("Quillfeather",))
    assert sides["given"].agreement == "similar"


def test_a_pair_is_accepted_undone_and_rejected(api: Careloom) -> None:
    (pair,) = api.linkage.pairs(state="review").items
    assert [caution.name for caution in pair.cautions] == ["twins"]
    assert api.linkage.accept(pair.pair, "one person after all").state == "linked"
    assert api.linkage.undo(pair.pair).state == "review"
    rejected = api.linkage.reject(pair.pair)
    assert [step.action for step in rejected.history] == ["accept", "undo", "reject"]
    assert rejected.history[0].reason == "one person after all"
    with pytest.raises(Conflict):
        api.linkage.reject(pair.pair)


def test_the_golden_record_comes_with_its_origin(made: Installation, api: Careloom) -> None:
    found = api.linkage.golden(f"Patient/{made.stored_id('Patient', 'a1')}")
    assert found.patient["birthDate"] == "1961-04-05"
    assert len(found.records) == 2


def test_what_is_not_there_is_not_found(api: Careloom) -> None:
    for call in (api.linkage.show, api.linkage.accept, api.linkage.golden):
        with pytest.raises(NotFound):
            call("a" * 26)
    with pytest.raises(NotFound):
        api.linkage.run_of("20261122T010203Z-abc234")


def test_who_only_runs_it_decides_nothing(made: Installation) -> None:
    with client(made, ["data-engineer"]) as engineer:
        (pair, *_) = engineer.linkage.pairs().items
        with pytest.raises(AccessError):
            engineer.linkage.accept(pair.pair)
    with client(made, ["clinician"]) as clinician, pytest.raises(AccessError):
        clinician.linkage.pairs()


def test_a_run_that_does_not_end_in_time_says_so(api: Careloom) -> None:
    with pytest.raises(StateError):
        api.linkage.wait(api.linkage.run(full=True).id, timeout=0.0)


BAD: list[tuple[str, str, Json]] = [
    ("GET", "/pairs?state=other", {}),
    ("GET", "/pairs?cursor=x", {}),
    ("GET", "/pairs?limit=0", {}),
    ("GET", "/pairs/UPPER", {}),
    ("POST", f"/pairs/{'a' * 26}/decisions", {"json": {"action": "merge"}}),
    ("POST", f"/pairs/{'a' * 26}/decisions", {"json": {"action": "accept", "reason": "x" * 501}}),
    ("POST", "/runs", {"json": {"everything": True}}),
    ("POST", "/runs", {"json": {"full": 0}}),
]


@pytest.mark.parametrize(("method", "path", "more"), BAD, ids=[f"{row[0]} {row[1]}"[:40] for row in BAD])
def test_a_request_that_breaks_the_schema_is_refused(made: Installation, method: str, path: str, more: Json) -> None:
    answer = made.client.open(
        ROUTE + path, method=method, headers=made.bearer(["data-steward"], ["identified"]), **more
    )
    assert answer.status_code == 400
    assert answer.json["code"].startswith("input")


def test_a_cursor_that_no_page_gave_is_refused(api: Careloom) -> None:
    with pytest.raises(InputError):
        api.linkage.pairs(cursor="1:2:3")


@pytest.mark.parametrize("patient", ["", "Patient/"])
def test_an_empty_patient_shows_nobody(api: Careloom, patient: str) -> None:
    with pytest.raises(InputError):
        api.linkage.pairs(patient=patient)
