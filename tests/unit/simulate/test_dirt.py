"""What the simulator makes wrong on purpose: each thing is told once, where it is, and nothing else differs."""

import math
import re
from collections import Counter
from random import Random
from typing import Literal, get_args

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from careloom.hl7v2.parse import read
from careloom.simulate import dirt_csv, dirt_documents, dirt_fhir, dirt_hl7v2
from careloom.simulate.answers import DirtAnswer, DirtKind
from careloom.simulate.charts import Chart, charts
from careloom.simulate.dirt import Dirt, declared, rates_of
from careloom.simulate.dirt_people import with_doubles
from careloom.simulate.feed_fhir import bulk_path, resources
from careloom.simulate.feed_hl7v2 import messages
from careloom.simulate.feeds import feed_files
from careloom.simulate.history import Outcome
from careloom.simulate.pieces import FEEDS, FeedOptions, Piece
from careloom.terminology.systems import is_loinc
from tests.unit.simulate.history_support import PLACE, at, notes, rich

RECORD_KINDS = tuple(kind for kind in get_args(DirtKind) if kind != "duplicate-patient")


def north() -> Chart:
    return charts(rich(), PLACE, notes(rich()))[0]


def _bulk(chart: Chart, dirt: Dirt) -> list[Piece]:
    def path(resource: dict[str, object]) -> str:
        return bulk_path(chart.site, str(resource["resourceType"]))

    found = dirt_fhir.soiled(list(resources(chart)), dirt, path, lines=True)
    return [Piece(path(one.resource), "", dirt_fhir.line_of(one)) for one in found]


FEEDERS = {
    "hl7v2": lambda chart, dirt: list(dirt_hl7v2.soiled(chart, messages(chart, Random(1)), dirt)),
    "bulk": _bulk,
    "csv": lambda chart, dirt: list(dirt_csv.soiled(chart, dirt)),
    "ccda": lambda chart, dirt: list(dirt_documents.soiled_documents(chart, dirt)),
    "notes": lambda chart, dirt: list(dirt_documents.soiled_notes(chart, dirt)),
}
IMPOSSIBLE = {
    ("bulk", "out-of-order-message"), ("csv", "out-of-order-message"), ("ccda", "out-of-order-message"),
    ("notes", "out-of-order-message"), ("notes", "wrong-unit"), ("notes", "impossible-value"),
    ("notes", "wrong-check-digit"),
}  # fmt: skip


def emitted(feed: str, kind: str = "", share: float = 1.0, seed: int = 7) -> tuple[list[Piece], list[DirtAnswer]]:
    """The pieces of a feed of one chart with a share of its records soiled in one way."""
    dirt = Dirt("sim-0000001", {kind: share} if kind else {}, Random(seed))
    return FEEDERS[feed](north(), dirt), dirt.answers


@pytest.mark.parametrize("feed", FEEDERS)
@pytest.mark.parametrize("kind", RECORD_KINDS)
def test_every_kind_is_told_once_for_each_thing_that_differs(feed: str, kind: str) -> None:
    clean, none = emitted(feed)
    dirty, answers = emitted(feed, kind)
    assert none == []
    if (feed, kind) in IMPOSSIBLE:
        assert answers == []
        assert dirty == clean
        return
    assert answers
    assert {one.kind for one in answers} == {kind}
    assert {one.file for one in answers} <= {piece.path for piece in dirty}
    if feed == "ccda":  # entries of one document are soiled one by one
        return
    more = Counter(piece.data for piece in dirty) - Counter(piece.data for piece in clean)
    moved = {piece for piece in dirty if piece not in clean} if kind == "out-of-order-message" else set()
    assert len(answers) == sum(more.values()) + len(moved)


@pytest.mark.parametrize(
    "kind", ["wrong-unit", "impossible-value", "impossible-date", "missing-field", "wrong-check-digit"]
)
def test_a_place_in_a_message_is_the_field_that_differs(kind: str) -> None:
    clean = {_control(piece.data): piece.data for piece in emitted("hl7v2")[0]}
    dirty, answers = emitted("hl7v2", kind)
    for answer in answers:
        (found,) = [piece.data for piece in dirty if _control(piece.data) == answer.record]
        differing = set()
        counts: Counter[str] = Counter()
        for old, new in zip(clean[answer.record].split(b"\r"), found.split(b"\r"), strict=True):
            name = old[:3].decode()
            counts[name] += 1
            before, after = old.split(b"|"), new.split(b"|")
            for number in range(max(len(before), len(after))):
                if before[number : number + 1] != after[number : number + 1]:
                    differing.add(f"{name}[{counts[name]}]-{number}")
        assert {answer.place.split(".")[0]} == differing


def _control(data: bytes) -> str:
    return data.split(b"|")[9].decode()


def test_a_wrong_check_digit_is_wrong() -> None:
    dirty, answers = emitted("bulk", "wrong-check-digit")
    made = {f"{one['resourceType']}/{one['id']}": one for one in (orjson.loads(piece.data) for piece in dirty)}
    assert answers
    for answer in answers:
        assert not is_loinc(made[answer.record]["code"]["coding"][0]["code"])


def test_a_late_message_goes_out_behind_one_that_was_made_later() -> None:
    dirty, answers = emitted("hl7v2", "out-of-order-message", 0.2)
    assert answers
    order = [_control(piece.data) for piece in sorted(dirty, key=lambda piece: (piece.path, piece.order))]
    for answer in answers:
        assert any(control > answer.record for control in order[: order.index(answer.record)])


def test_cut_and_mangled_messages_are_refused_or_repaired_with_an_issue() -> None:
    for kind, codes in (
        ("truncated-message", set()),
        ("mangled-encoding", {"hl7v2.control-characters", "hl7v2.charset-mismatch"}),
    ):
        dirty, answers = emitted("hl7v2", kind)
        told = {answer.record: answer.detail for answer in answers}
        for piece in dirty:
            detail = told.get(_control(piece.data))
            message, issues = read(piece.data)
            if kind == "truncated-message":
                assert message is None or not message.all("PID") or not message.all("PID")[0].value(3)
            elif detail is not None and "ISO 8859-1" not in detail.partition("was read as")[2]:
                assert {issue.code for issue in issues} <= codes
                assert issues


def test_documents_that_are_cut_or_mangled_say_so_once_each() -> None:
    dirty, answers = emitted("ccda", "truncated-message")
    assert len(answers) == len(dirty)
    assert not any(piece.data.endswith(b"</ClinicalDocument>\n") for piece in dirty)


def test_a_place_in_a_document_is_an_entry_with_that_number() -> None:
    for kind in ("wrong-unit", "impossible-value", "impossible-date", "missing-field", "wrong-check-digit"):
        dirty, answers = emitted("ccda", kind, 0.3)
        files = {piece.path: piece.data for piece in dirty}
        for answer in answers:
            assert re.search(rf'extension="{re.escape(answer.record)}"'.encode(), files[answer.file])


def test_a_second_number_holds_what_the_first_does_not() -> None:
    whole = charts(rich(), PLACE, notes(rich()))
    dirt = Dirt("sim-0000001", {"duplicate-patient": 1.0}, Random(3))
    found, _ = with_doubles(whole, dirt)
    river = [chart for chart in found if chart.site.site_id == "river"]
    assert len(river) == 2
    assert len({chart.number for chart in river}) == 2
    assert river[0].person != river[1].person
    for name in ("encounters", "conditions", "observations", "medications", "appointments"):
        keys = [one.key for chart in river for one in getattr(chart.history, name)]
        assert sorted(keys) == sorted(one.key for one in getattr(whole[1].history, name))
    assert [answer.record for answer in dirt.answers] == [river[1].number]


def test_a_twin_is_somebody_else_of_the_same_house_and_day() -> None:
    found, _ = with_doubles(charts(rich(), PLACE)[1:], Dirt("sim-0000001", {"twin": 1.0}, Random(3)))
    first, twin = found[0], found[-1]
    assert twin.patient_id == "sim-0000001-twin"
    assert twin.person.given != first.person.given
    assert (twin.person.family, twin.person.birth, twin.person.addresses) == (
        first.person.family, first.person.birth, first.person.addresses,
    )  # fmt: skip
    assert twin.person.ssn == ""
    assert len(twin.history.encounters) == 1


@pytest.mark.parametrize("level", ["none", "some", "much"])
def test_the_same_seed_gives_the_same_bytes_and_answers(level: str) -> None:
    options = FeedOptions(11, FEEDS, level)  # type: ignore[arg-type]
    first, second = (feed_files(rich(), PLACE, options, notes(rich())) for _ in range(2))
    assert first[0] == second[0]
    assert first[1] == second[1]
    if level == "none":
        assert first[1].dirt == []


ALWAYS = ("hl7v2", "bulk", "csv", "notes")
"""Feeds of which every record can have some kind; an entry of a document or a resource of a Bundle may have none."""


@settings(max_examples=12)
@given(share=st.sampled_from([0.02, 0.1, 0.3, 0.7]), seed=st.integers(0, 10_000), feed=st.sampled_from(ALWAYS))
def test_a_share_of_dirt_hits_that_share_of_the_records(share: float, seed: int, feed: str) -> None:
    """Within five standard deviations of the binomial distribution; each that is hit is told once."""
    records, hit = 0, 0
    for number in range(6):
        dirt = Dirt("sim-0000001", rates_of(share), Random(f"{seed}|{number}"), insists=True)
        FEEDERS[feed](north(), dirt)
        records += len(emitted(feed)[0])
        hit += len(dirt.answers)
    assert abs(hit - records * share) <= 5.0 * math.sqrt(records * share * (1.0 - share))


def test_of_all_records_a_share_of_one_leaves_none_clean() -> None:
    for feed in ALWAYS:
        dirt = Dirt("sim-0000001", rates_of(1.0), Random(4), insists=True)
        FEEDERS[feed](north(), dirt)
        assert len(dirt.answers) == len(emitted(feed)[0])


@given(share=st.floats(0.0, 1.0))
def test_a_share_is_spread_over_the_kinds_as_in_some(share: float) -> None:
    made, some = rates_of(share), rates_of("some")
    usual = sum(some[kind] for kind in RECORD_KINDS)
    assert sum(made[kind] for kind in RECORD_KINDS) == pytest.approx(share)
    for kind, rate in some.items():
        assert made[kind] == pytest.approx(min(1.0, rate * share / usual))


@pytest.mark.parametrize("level", ["none", 0.0])
def test_what_is_not_dirty_is_clean(level: Literal["none"] | float) -> None:
    pieces, answers = feed_files(rich(), PLACE, FeedOptions(11, FEEDS, level), notes(rich()))
    assert answers.dirt == []
    assert pieces == feed_files(rich(), PLACE, FeedOptions(11, FEEDS), notes(rich()))[0]


def test_every_identifier_that_a_feed_carries_is_in_the_answers() -> None:
    pieces, answers = feed_files(rich(), PLACE, FeedOptions(5, ("bulk",), "none"))
    told = {(one.system, one.value) for one in answers.identities}
    sent = {
        (number["system"], number["value"])
        for piece in pieces
        if piece.path.endswith("/Patient.ndjson")
        for number in orjson.loads(piece.data)["identifier"]
    }
    assert sent == told
    assert {one.patient_id for one in answers.identities} == {"sim-0000001"}


def test_an_outcome_names_its_visit_as_the_feeds_do() -> None:
    pieces, answers = feed_files(rich(), PLACE, FeedOptions(5, ("bulk",), "none"))
    numbers = {
        orjson.loads(piece.data)["identifier"][0]["value"]
        for piece in pieces
        if piece.path.endswith(("/Encounter.ndjson", "/Appointment.ndjson"))
    }
    assert len(answers.outcomes) == 2
    assert {one.about for one in answers.outcomes} <= numbers


def test_an_outcome_before_the_first_visit_is_an_answer_too() -> None:
    history = rich()
    history.outcomes.append(Outcome("mortality_1_year", at("2023-06-01T00:00:00"), "", 0.01, 0.0))
    _, answers = feed_files(history, PLACE, FeedOptions(5, ("bulk",), "none"))
    assert len(answers.outcomes) == len(history.outcomes)
    assert [one.about for one in answers.outcomes].count("") == 1


def test_every_kind_has_a_meaning_and_no_rate_is_without_one() -> None:
    assert set(declared()["meaning"]) == set(get_args(DirtKind))
    for level in ("none", "some", "much"):
        assert set(rates_of(level)) - {"twin"} <= set(get_args(DirtKind))
        assert sum(rate for kind, rate in rates_of(level).items() if kind in RECORD_KINDS) < 0.15
