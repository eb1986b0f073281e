"""Patients found, decided, linked and unlinked, in a real store; the audit tells of all of it."""

from collections.abc import Callable
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

from careloom.errors import AccessError, Conflict, Erased, InputError, NotFound
from careloom.fhir.validate import check
from careloom.services.access import Principal, local_operator
from careloom.services.erase import erase
from careloom.services.golden import golden
from careloom.services.linkage import run
from careloom.services.linkage_review import PairsAsk, decide, list_pairs, show_pair
from careloom.services.linkage_states import undone
from tests.api.kit import Installation

Json = dict[str, Any]
SSN = "http://hl7.org/fhir/sid/us-ssn"
HOME = {"address": [{"line": ["12 Maple Street"], "city": "Newton", "postalCode": "02458"}]}


def person(name: str, given: str = "Wilhelmina", family: str = "Quillfeather", ssn: str = "", **other: Any) -> Json:
    made = {"resourceType": "Patient", "id": name, "name": [{"family": family, "given": [given]}], "gender": "female",
            "birthDate": "1961-04-05", **HOME, **other}  # fmt: skip
    return made | ({"identifier": [{"system": SSN, "value": ssn}]} if ssn else {})


ANNA = [person("a1", ssn="517-23-4410"), person("a2", "Mina", ssn="517-23-4410")]
TWINS = [person("t1", "Beatrix", "Ottenbrook", birthDate="1999-09-09"),
         person("t2", "Cordelia", "Ottenbrook", birthDate="1999-09-09")]  # fmt: skip
FAR = [{"city": "Springfield"}]
STRANGER = person("s1", "Roderick", "Umlauft", gender="male", birthDate="1950-01-31", address=FAR)


@pytest.fixture
def installed(tmp_path: Path) -> Any:
    with Installation(tmp_path) as made:
        made.ingest([*ANNA, *TWINS, STRANGER])
        yield made


@pytest.fixture(scope="module")
def steward() -> Principal:
    return Principal("steward", frozenset({"data-steward"}), frozenset({"identified"}))


@pytest.fixture(scope="module")
def linked(tmp_path_factory: pytest.TempPathFactory, steward: Principal) -> Any:
    """The same after a run, for tests that only look."""
    with Installation(tmp_path_factory.mktemp("linked")) as made:
        made.ingest([*ANNA, *TWINS, STRANGER])
        run(made.platform, steward)
        yield made


def links(installed: Installation, name: str) -> list[tuple[str, str]]:
    patient = installed.platform.store("identified").read("Patient", installed.stored_id("Patient", name)).resource()
    assert check(patient) == []
    return [(link["type"], link["other"]["reference"]) for link in patient.get("link", [])]


def ref(installed: Installation, name: str) -> str:
    return f"Patient/{installed.stored_id('Patient', name)}"


def of(installed: Installation, who: Principal, *names: str) -> Json:
    wanted = {ref(installed, name) for name in names}
    (found,) = [one for one in list_pairs(installed.platform, who)["items"] if set(one["patients"]) == wanted]
    return found


def test_the_sure_are_linked_and_the_doubtful_wait(installed: Installation, steward: Principal) -> None:
    report = run(installed.platform, steward)
    assert (report["kind"], report["patients"], report["linked_patients"]) == ("full", 5, 2)
    assert report["pairs"] == {"review": 1, "linked": 1, "rejected": 0}
    assert {kind for kind, _ in links(installed, "a1") + links(installed, "a2")} == {"refer", "seealso"}
    assert links(installed, "t1") == links(installed, "s1") == []
    twins = of(installed, steward, "t1", "t2")
    assert (twins["state"], [one["name"] for one in twins["cautions"]]) == ("review", ["twins"])


def test_a_patient_changes_in_nothing_but_links(installed: Installation, steward: Principal) -> None:
    store = installed.platform.store("identified")
    before = store.read("Patient", installed.stored_id("Patient", "a1"))
    run(installed.platform, steward)
    after = store.read("Patient", before.id)
    assert after.version == before.version + 1
    assert after.record_id == before.record_id
    changed = {name for name in after.resource() | before.resource()
               if after.resource().get(name) != before.resource().get(name)}  # fmt: skip
    assert changed == {"link", "meta"}
    (provenance,) = [one.resource() for one in store.scan(["Provenance"])]
    assert {target["reference"] for target in provenance["target"]} == {
        f"{ref(installed, name)}/_history/2" for name in ("a1", "a2")
    }
    assert check(provenance) == []


def test_a_second_run_compares_only_what_is_new_and_changes_nothing(
    installed: Installation, steward: Principal
) -> None:
    run(installed.platform, steward)
    run(installed.platform, steward)  # the links that the first one wrote are new to it
    before = installed.platform.store("identified").content_hash()
    again = run(installed.platform, steward)
    assert (again["kind"], again["compared"], again["linked_patients"]) == ("fresh", 0, 0)
    assert installed.platform.store("identified").content_hash() == before
    installed.ingest([person("a3", ssn="517-23-4410")])
    third = run(installed.platform, steward)
    assert third["kind"] == "fresh"
    assert third["pairs"]["linked"] == 3
    assert len(links(installed, "a1") + links(installed, "a2") + links(installed, "a3")) == 4


def test_a_person_decides_and_takes_it_back(installed: Installation, steward: Principal) -> None:
    run(installed.platform, steward)
    pair = of(installed, steward, "t1", "t2")["pair"]
    accepted = decide(installed.platform, steward, pair, "accept", "same person, one name is the middle name")
    assert (accepted["state"], accepted["origin"]) == ("linked", "person")
    assert len(links(installed, "t1")) == len(links(installed, "t2")) == 1
    undid = decide(installed.platform, steward, pair, "undo")
    assert (undid["state"], undid["origin"]) == ("review", "model")
    assert links(installed, "t1") == []
    rejected = decide(installed.platform, steward, pair, "reject")
    assert rejected["state"] == "rejected"
    history = show_pair(installed.platform, steward, pair)["history"]
    assert [(one["action"], one["actor"], one["after"]) for one in history] == [
        ("accept", "steward", "linked"), ("undo", "steward", "review"), ("reject", "steward", "rejected"),
    ]  # fmt: skip
    assert history[0]["reason"] == "same person, one name is the middle name"
    with pytest.raises(Conflict):
        decide(installed.platform, steward, pair, "reject")


def test_an_automatic_link_that_was_undone_stays_undone(installed: Installation, steward: Principal) -> None:
    run(installed.platform, steward)
    pair = of(installed, steward, "a1", "a2")["pair"]
    assert decide(installed.platform, steward, pair, "undo")["state"] == "review"
    assert links(installed, "a1") == []
    run(installed.platform, steward, full=True)
    assert of(installed, steward, "a1", "a2")["state"] == "review"


def test_a_rejected_pair_comes_back_only_with_other_data(installed: Installation, steward: Principal) -> None:
    run(installed.platform, steward)
    pair = of(installed, steward, "a1", "a2")["pair"]
    decide(installed.platform, steward, pair, "reject")
    run(installed.platform, steward, full=True)
    assert of(installed, steward, "a1", "a2")["state"] == "rejected"
    installed.ingest([person("a2", "Wilhelmina", ssn="517-23-4410")])
    run(installed.platform, steward)
    back = of(installed, steward, "a1", "a2")
    assert (back["state"], back["origin"]) == ("review", "person")
    run(installed.platform, steward, full=True)
    assert of(installed, steward, "a1", "a2")["state"] == "review"
    history = show_pair(installed.platform, steward, pair)["history"]
    assert [one["action"] for one in history] == ["link", "reject", "reopen"]


def test_a_pair_that_is_no_longer_alike_is_forgotten(installed: Installation, steward: Principal) -> None:
    run(installed.platform, steward)
    installed.ingest([person("a2", "Leopold", "Brandywine", gender="male", birthDate="1944-12-12", address=FAR)])
    report = run(installed.platform, steward)
    assert report["changed"]["gone"] == 1
    assert links(installed, "a1") == links(installed, "a2") == []


def test_links_that_a_feed_overwrote_are_written_again(installed: Installation, steward: Principal) -> None:
    run(installed.platform, steward)
    installed.ingest([ANNA[0] | {"telecom": [{"system": "phone", "value": "617-555-0123"}]}])
    assert links(installed, "a1") == []
    run(installed.platform, steward)
    assert len(links(installed, "a1")) == 1


def test_both_stand_side_by_side(linked: Installation, steward: Principal) -> None:
    shown = show_pair(linked.platform, steward, of(linked, steward, "a1", "a2")["pair"])
    rows = {row["trait"]: row for row in shown["sides"]}
    assert sorted(chain.from_iterable(rows["given"]["values"])) == ["Mina", "Wilhelmina"]
    assert (rows["given"]["agreement"], rows["number"]["agreement"]) == ("similar", "same")
    assert rows["generation"]["agreement"] == "unknown"
    event = linked.events()[-1]
    assert (event["operation"], len(event["subjects"])) == ("linkage-pair", 2)


def test_lists_hold_no_value_of_a_patient(linked: Installation, steward: Principal) -> None:
    text = str(list_pairs(linked.platform, steward)).lower()
    assert not any(word in text for word in ("quillfeather", "517-23-4410", "wilhelmina", "maple", "1961-04-05"))


def test_pages_follow_each_other(linked: Installation, steward: Principal) -> None:
    first = list_pairs(linked.platform, steward, PairsAsk(limit=1))
    second = list_pairs(linked.platform, steward, PairsAsk(limit=1, cursor=first["next"]))
    assert second["next"] is None
    assert len({one["pair"] for one in first["items"] + second["items"]}) == 2
    assert list_pairs(linked.platform, steward, PairsAsk(state="linked"))["items"] == first["items"]
    assert list_pairs(linked.platform, steward, PairsAsk(patient=ref(linked, "t1")))["items"] == second["items"]
    with pytest.raises(InputError):
        list_pairs(linked.platform, steward, PairsAsk(cursor="x:y"))


def test_the_golden_record_says_where_each_value_comes_from(linked: Installation, steward: Principal) -> None:
    found = golden(linked.platform, steward, ref(linked, "a2"))
    fields = {field["name"]: field for field in found["fields"]}
    assert len(found["records"]) == 2
    assert fields["birthDate"]["values"][0]["records"] == sorted([ref(linked, "a1"), ref(linked, "a2")])
    assert len(found["patient"]["name"]) == 2
    assert check(found["patient"]) == []
    alone = golden(linked.platform, steward, ref(linked, "s1"))
    assert [record["id"] for record in alone["records"]] == [ref(linked, "s1")]
    with pytest.raises(NotFound):
        golden(linked.platform, steward, "Patient/nobody")


def test_an_erased_patient_is_in_no_pair_link_or_earlier_version(installed: Installation, steward: Principal) -> None:
    run(installed.platform, steward)
    pair = of(installed, steward, "a1", "a2")["pair"]
    decide(installed.platform, steward, pair, "accept", "Quillfeather said so")
    gone, other = installed.stored_id("Patient", "a1"), installed.stored_id("Patient", "a2")
    report = erase(installed.platform, installed.operator, "Patient/a1")
    assert report["removed"]["linkage pairs"] == 1
    store = installed.platform.store("identified")
    assert [gone in version.content.decode() for version in store.history("Patient", other)].count(True) == 0
    with store.linkage() as reader:
        assert all(gone not in (one.one, one.other) for one in reader.all())
    with pytest.raises(Erased):
        golden(installed.platform, steward, f"Patient/{gone}")
    kept = b"".join(
        path.read_bytes() for path in installed.folder.rglob("*") if path.is_file() and "keys" not in str(path)
    )
    assert gone.encode() not in kept
    assert b"Quillfeather said so" not in kept
    assert store.check().is_whole
    assert store.verify_audit().is_whole


REFUSED: list[tuple[str, Callable[[Any, Principal], Any]]] = [
    ("run", run),
    ("list", list_pairs),
    ("show", lambda platform, who: show_pair(platform, who, "x")),
    ("decide", lambda platform, who: decide(platform, who, "x", "accept")),
    ("golden", lambda platform, who: golden(platform, who, "Patient/x")),
]


@pytest.mark.parametrize(("what", "use"), REFUSED, ids=[row[0] for row in REFUSED])
def test_who_may_not_is_refused_and_told_of(linked: Installation, what: str, use: Any) -> None:
    with pytest.raises(AccessError):
        use(linked.platform, Principal("scientist", frozenset({"data-scientist"}), frozenset({"research"})))
    assert linked.events()[-1]["outcome"] == "refused"


def test_an_engineer_finds_pairs_and_decides_none(linked: Installation) -> None:
    engineer = Principal("engineer", frozenset({"data-engineer"}), frozenset({"identified"}))
    run(linked.platform, engineer)
    pair = list_pairs(linked.platform, engineer)["items"][0]["pair"]
    with pytest.raises(AccessError):
        decide(linked.platform, engineer, pair, "accept")


def test_nothing_decided_is_nothing_to_undo(installed: Installation, steward: Principal) -> None:
    run(installed.platform, steward)
    pair = of(installed, steward, "t1", "t2")["pair"]
    with pytest.raises(Conflict):
        decide(installed.platform, steward, pair, "undo")
    with pytest.raises(NotFound):
        decide(installed.platform, steward, "x" * 26, "accept")
    with pytest.raises(InputError):
        decide(installed.platform, steward, pair, "accept", "x" * 501)
    with installed.platform.store("identified").linkage() as reader, pytest.raises(Conflict):
        undone(reader.find(pair), [], "steward")


ADT = "MSH|^~\\&|REG|MAIN|||20261101||ADT^{0}|{1}|P|2.5.1\rEVN|{0}|20261101\r"
PID = "PID|1||{0}^^^MAIN^MR||{1}^{2}||19610405|F|||12 Maple Street^^Newton^MA^02458\r"
MERGE = ADT.format("A40", "{0}") + PID.format("M1", "Quillfeather", "Wilhelmina") + "MRG|M2^^^MAIN^MR\r"


def send(installed: Installation, *messages: str) -> None:
    for message in messages:
        installed.ingest(message.encode())


@pytest.fixture
def merged(tmp_path: Path) -> Any:
    """Two numbers of one patient, merged by the feed."""
    with Installation(tmp_path) as made:
        send(made, ADT.format("A04", "1") + PID.format("M1", "Quillfeather", "Wilhelmina"),
             ADT.format("A04", "2") + PID.format("M2", "Quilfeather", "Mina"),
             MERGE.format("3"))  # fmt: skip
        yield made


def test_a_merge_of_the_feed_is_a_decision_that_can_be_undone(merged: Installation) -> None:
    who = local_operator("operator")
    store = merged.platform.store("identified")
    report = run(merged.platform, who)
    assert report["changed"]["merge"] == 1
    (pair,) = list_pairs(merged.platform, who)["items"]
    assert (pair["state"], pair["origin"]) == ("linked", "feed")
    (step,) = show_pair(merged.platform, who, pair["pair"])["history"]
    assert (step["action"], step["actor"]) == ("merge", "feed")
    patients = {one.id: one.resource() for one in store.scan(["Patient"])}
    (prior,) = [name for name, one in patients.items() if one["active"] is False]
    assert "birthDate" not in patients[prior]

    assert decide(merged.platform, who, pair["pair"], "undo", "sent by mistake")["state"] == "review"
    after = {one.id: one.resource() for one in store.scan(["Patient"])}
    assert all("link" not in one for one in after.values())
    assert after[prior]["birthDate"] == "1961-04-05"
    assert after[prior].get("active") is not False
    run(merged.platform, who)
    assert of_state(merged, who) == ["review"]

    send(merged, MERGE.format("4"))
    run(merged.platform, who)
    assert of_state(merged, who) == ["linked"]


def of_state(installed: Installation, who: Principal) -> list[str]:
    return [one["state"] for one in list_pairs(installed.platform, who)["items"]]


def test_a_link_of_the_feed_is_a_decision_until_the_feed_undoes_it(tmp_path: Path) -> None:
    who = local_operator("operator")
    both = PID.format("M1", "Quillfeather", "Wilhelmina") + PID.format("M2", "Quilfeather", "Mina")
    with Installation(tmp_path) as made:
        send(made, ADT.format("A24", "1") + both)
        assert run(made.platform, who)["changed"]["merge"] == 1
        (pair,) = list_pairs(made.platform, who)["items"]
        assert (pair["state"], pair["origin"]) == ("linked", "feed")
        send(made, ADT.format("A37", "2") + both)
        for _ in range(2):
            run(made.platform, who, full=True)
            (pair,) = list_pairs(made.platform, who)["items"]
            assert (pair["state"], pair["origin"]) == ("review", "feed")


def test_a_merge_that_the_feed_takes_back_goes_to_a_person(merged: Installation) -> None:
    who = local_operator("operator")
    run(merged.platform, who)
    send(merged, ADT.format("A08", "5") + PID.format("M2", "Quilfeather", "Mina"))
    run(merged.platform, who)
    (pair,) = list_pairs(merged.platform, who)["items"]
    assert (pair["state"], pair["origin"]) == ("review", "feed")
    assert "merge-gone" in [one["name"] for one in pair["cautions"]]
