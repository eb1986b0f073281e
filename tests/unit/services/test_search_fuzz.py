"""Searches and imports of any text: answered, or refused in words that repeat nothing of what was asked or sent."""

import random
from collections.abc import Iterator

import orjson
import pytest

from careloom.errors import CareloomError
from careloom.fhir.search_own import EMITS
from careloom.fhir.search_parameters import composites, parameters, resource_types
from careloom.services.imports import refusals, show, submit
from careloom.services.jobs import work
from careloom.services.own_definitions import add_definition
from careloom.services.search import search
from careloom.services.search_types import search_types
from tests.api.kit import OBSERVATION, PATIENT, Installation

PLANTED = "Qvillfeatherstone"
"""A name that no message may repeat."""
TYPES = ("Patient", "Observation", "Encounter", "Organization", "DocumentReference", "Person", "Provenance")
NAME = f"_has:{PLANTED}:x:y"
VALUES = [
    PLANTED, f"{PLANTED}|{PLANTED}", f"http://x|{PLANTED}", f"ge{PLANTED}", f"{PLANTED}${PLANTED}",
    f"Patient/{PLANTED}", f"Patient:{PLANTED}", f"{PLANTED},{PLANTED}", "\u202e" + PLANTED,
    "ge2020", "2020-13-99", "1e999", "5.4||mg", "||", "$", "a$b$c", "\\", "\\,", ",", "%00", "\x00", "\ud800", "true",
    "*", "-", "🙂", "", "9" * 400, "Observation:subject", "'; DROP TABLE idx_eq; --",
]  # fmt: skip
MODIFIERS = [
    *[""] * 8, ":exact", ":contains", ":missing", ":not", ":text", ":in", ":above", ":below", ":of-type", ":identifier",
    ":Patient", f":{PLANTED}", ":", "::", ":iterate",
]  # fmt: skip
CONTROLS = [
    "_id", "_lastUpdated", "_source", "_count", "_sort", "_total", "_summary", "_elements", "_include", "_revinclude",
    "_tag", "_profile", "_security", "_has:Observation:subject:code", "_has:", "_type", "_text", "_filter", NAME,
    PLANTED, "subject.name", "subject:Patient.organization.name", "a.b.c.d.e.f",
]  # fmt: skip


def query(chance: random.Random) -> str:
    """A search that may mean anything."""
    kind = chance.choice([*TYPES * 3, PLANTED, ""])
    names = [*parameters(kind), *composites(kind)] if kind in resource_types() else []
    pairs = []
    for _ in range(chance.choice([1, 1, 1, 2, 4])):
        name = chance.choice(names if names and chance.random() < 0.8 else CONTROLS)
        pairs.append(f"{name}{chance.choice(MODIFIERS)}={chance.choice(VALUES)}")
    return f"{kind}?{'&'.join(pairs)}"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with Installation(tmp_path_factory.mktemp("fuzz"), ingest={"batch_records": 5}) as opened:
        opened.ingest([PATIENT | {"name": [{"family": PLANTED}]}, OBSERVATION])
        yield opened


def ask_all(made: Installation, seed: int, count: int) -> tuple[int, int]:
    """(answered, refused) of so many searches."""
    chance = random.Random(seed)
    answered, refused = 0, []
    for _ in range(count):
        asked = query(chance)
        try:
            if chance.random() < 0.1:
                pairs = [tuple(one.partition("=")[::2]) for one in asked.partition("?")[2].split("&")]
                search_types(made.platform, made.operator, "identified", pairs)  # type: ignore[arg-type]
            else:
                search(made.platform, made.operator, "identified", asked)
            answered += 1
        except CareloomError as error:
            refused.append((asked, f"{error.where} {error.remedy}"))
    assert [asked for asked, words in refused if PLANTED in words] == []
    return answered, len(refused)


def test_any_search_is_answered_or_refused_without_repeating_it(made: Installation) -> None:
    answered, refused = ask_all(made, 1, 400)
    assert min(answered, refused) > 20


@pytest.mark.long
def test_five_thousand_searches_are_answered_or_refused_without_repeating_them(made: Installation) -> None:
    ask_all(made, 2, 5_000)


BYTES = [b"", b'"', b"{", b"}", b"\x00", b"\xff", b"null", b"[]", b"1e999", b","]


def mutated(chance: random.Random, line: bytes) -> bytes:
    """A line with some bytes changed, lost, doubled or torn."""
    raw = bytearray(line)
    for _ in range(chance.randrange(1, 4)):
        at = chance.randrange(len(raw))
        raw[at : at + chance.randrange(3)] = chance.choice(BYTES)
    return bytes(raw).replace(b"\n", b"") or b"{"


def import_mutants(made: Installation, seed: int, count: int) -> None:
    chance = random.Random(seed)
    entries = [{"resource": PATIENT}, {"resource": OBSERVATION}]
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": entries}
    whole = [PATIENT | {"name": [{"family": PLANTED}]}, OBSERVATION | {"note": [{"text": PLANTED}]}, bundle]
    lines = [mutated(chance, orjson.dumps(chance.choice(whole))) for _ in range(count)]
    told = submit(made.platform, made.operator, [(f"{PLANTED}.ndjson", [b"\n".join(lines)])])
    work(made.platform, once=True)
    seen = show(made.platform, made.operator, told["id"])
    assert seen["state"] == "done", seen["error"]
    report = seen["reconciliation"]
    assert report["is_whole"]
    totals = report["totals"]
    assert totals["received"] == sum(totals[one] for one in totals if one != "received") > 0
    assert PLANTED not in str(seen)
    outcomes = b"".join(refusals(made.platform, made.operator, told["id"]))
    assert 0 < outcomes.count(b"\n") <= totals["quarantined"], "the same line twice is refused twice, and listed once"
    assert PLANTED.encode() not in outcomes


def test_mangled_resources_are_accounted_for_and_their_refusals_repeat_nothing(made: Installation) -> None:
    import_mutants(made, 3, 60)


@pytest.mark.long
def test_thousands_of_mangled_resources_are_accounted_for(made: Installation) -> None:
    import_mutants(made, 4, 3_000)


EXPRESSIONS = [
    "Patient.name", "Patient.name.", f"Patient.{PLANTED}", f"Patient.name.where(family='{PLANTED}')", "(", "a" * 3000,
    "Patient.name | Observation.code", "$this", "Patient.birthDate + 1", "%context", "Patient.repeat(*)", "",
]  # fmt: skip


def test_any_definition_of_a_parameter_is_taken_or_refused_in_our_own_words(made: Installation) -> None:
    chance = random.Random(5)
    for number in range(60):
        definition = {
            "resourceType": "SearchParameter", "url": f"http://x/{number}", "name": "X", "status": "active",
            "description": "x", "code": chance.choice([f"c{number}", "name", "_x", PLANTED]),
            "base": chance.choice([["Patient"], ["Patient", "Observation"], ["Nothing"], []]),
            "type": chance.choice([*EMITS, "composite", "special"]), "expression": chance.choice(EXPRESSIONS),
        }  # fmt: skip
        try:
            add_definition(
                made.platform, made.operator, "identified", orjson.dumps(definition).decode(), is_queued=False
            )
        except CareloomError:
            continue
    assert made.platform.store("identified").check().is_whole
