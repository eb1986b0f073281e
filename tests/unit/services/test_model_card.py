"""Cards of registered versions: made from what the registry keeps, kept, and asked by the gates of promotion."""

from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from lxml import etree

from careloom.errors import AccessError, FormatError, NotFound, Withheld
from careloom.mlops.card_chai import as_xml
from careloom.mlops.drift_thresholds import shipped
from careloom.services.access import Principal
from careloom.services.model_card import card_counts, facts_of, kept_card, make_card, stale_fields
from careloom.services.model_card_ask import evaluation_template
from careloom.services.models import RegisterAsk, register
from careloom.services.models_gates import findings
from careloom.services.models_kept import resolve
from careloom.services.models_promote import approve
from careloom.services.monitor import LookAsk
from careloom.services.monitor_jobs import look_now
from careloom.services.monitor_labels import Feedback, take_feedback
from tests.api.kit import Installation
from tests.models_kit import ENGINEER, GATES, MODEL, SCIENTIST, SECOND, trained
from tests.monitor_kit import BEGIN, HORIZON, VERSION, Watched
from tests.unit.mlops.card_made import MODEL as RISK_MODEL
from tests.unit.mlops.card_made import TRAINING, WEIGHTS, people, report

GATED = GATES + '[[gate]]\nmeasure = "card_stale"\nat_most = 0\n'
DECLARED = b'by = "Edda, engineer"\non = 2026-11-30\n[intended_use]\ntext = "Nothing but tests."\n'
GROUPS = report(people(300, 1), WEIGHTS, "held-out people")["subgroups"]


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Installation]:
    (tmp_path / "gates").mkdir()
    (tmp_path / "gates/small.toml").write_text(GATED)
    (tmp_path / "gates/bare.toml").write_text(GATES.replace('"small"', '"bare"'))
    (tmp_path / "cards").mkdir()
    with Installation(tmp_path, models={"gates": tmp_path / "gates", "cards": tmp_path / "cards"}) as made:
        yield made


def registered(
    place: Installation, files: Mapping[str, bytes] | None = None, *, with_groups: bool = True, gates: str = "small"
) -> Any:
    """A version of the small model, its report with groups or as measures alone."""
    one, lineage = trained(), trained().lineage
    lineage["evaluation"]["subgroups"] = GROUPS if with_groups else []
    training = {"training.json": orjson.dumps(TRAINING)}
    asked = RegisterAsk(MODEL, {**one.files, **training, **(files or {})}, lineage, gates=gates, reason="a card")
    return register(place.platform, ENGINEER, asked)


def test_a_card_is_made_of_what_the_registry_keeps(place: Installation) -> None:
    registered(place, {"card.toml": DECLARED})
    made = make_card(place.platform, ENGINEER, f"{MODEL}@1")
    measure = trained().lineage["evaluation"]["measures"]["auroc"]["value"]
    assert f"AUROC {measure:.3f}" in made.of("validity_same_source").text
    assert made.of("intended_use").text == "Nothing but tests."
    assert made.of("training_criteria").state == "computed"
    assert made.digest == resolve(place.platform, f"{MODEL}@1").body["digest"]


def test_a_card_is_kept_and_replaced_and_both_are_audited(place: Installation) -> None:
    registered(place)
    first = make_card(place.platform, ENGINEER, f"{MODEL}@1")
    second = make_card(place.platform, ENGINEER, f"{MODEL}@1")
    kept = kept_card(place.platform, resolve(place.platform, f"{MODEL}@1"))
    assert kept == orjson.loads(orjson.dumps(second.as_json()))
    assert first.answers == second.answers
    assert [one["operation"] for one in place.events()].count("models-card") == 2


def test_what_this_installation_declares_stands_over_what_came_with_the_version(
    place: Installation, tmp_path: Path
) -> None:
    registered(place, {"card.toml": DECLARED})
    own = DECLARED.replace(b"Nothing but tests.", b"Ours.") + b'[developer]\ntext = "We."\n'
    (tmp_path / "cards" / f"{MODEL}.toml").write_bytes(own)
    made = make_card(place.platform, ENGINEER, f"{MODEL}@1")
    assert (made.of("intended_use").text, made.of("developer").text) == ("Ours.", "We.")


def test_data_of_another_source_are_told_where_a_version_holds_them(place: Installation) -> None:
    told = report(people(300, 3), WEIGHTS, "Another hospital", party="Its quality office")
    at = place.platform.runtime.now().isoformat()
    registered(place, {"external.json": orjson.dumps(told | {"at": at})})
    made = make_card(place.platform, ENGINEER, f"{MODEL}@1")
    assert made.of("external_party").text == "Its quality office"
    assert made.of("validity_external").state == "computed"


def rules(place: Installation) -> dict[str, bool]:
    """Gate -> whether it holds now."""
    return {one["rule"]: one["passed"] for one in findings(place.platform, resolve(place.platform, f"{MODEL}@1"))}


def test_a_gate_of_promotion_asks_the_card(place: Installation) -> None:
    registered(place)
    assert stale_fields(place.platform, resolve(place.platform, f"{MODEL}@1")) == []
    assert rules(place)["card_stale at most 0"] is True


def test_a_version_whose_groups_nobody_measured_is_not_promoted(place: Installation) -> None:
    registered(place, with_groups=False)
    assert stale_fields(place.platform, resolve(place.platform, f"{MODEL}@1")) == ["fairness_same_source"]
    assert rules(place)["card_stale at most 0"] is False


@pytest.mark.parametrize("gates", ["small", "bare"])
def test_no_version_is_approved_by_a_stale_card_whether_its_gates_ask_it_or_not(
    place: Installation, gates: str
) -> None:
    registered(place, with_groups=False, gates=gates)
    with pytest.raises(Withheld, match="card_stale"):
        approve(place.platform, SECOND, f"{MODEL}@1", "in a hurry")
    registered(place, gates=gates)
    assert approve(place.platform, SECOND, f"{MODEL}@2", "looked at its card")["state"] == "approved"


def test_of_a_tagger_only_what_was_measured_and_is_out_of_date_is_asked(place: Installation) -> None:
    one = trained()
    told = {**one.lineage, "evaluation": {**one.lineage["evaluation"], "subgroups": []}}
    ask = RegisterAsk("tagger", {"tagger.json": b"{}"}, told, gates="bare")
    register(place.platform, ENGINEER, ask)
    version = resolve(place.platform, "tagger@1")
    assert stale_fields(place.platform, version) == []
    make_card(place.platform, ENGINEER, "tagger@1")
    moved = replace(version, body={**version.body, "digest": "another"})
    assert "validity_same_source" in stale_fields(place.platform, moved)


def test_a_kept_card_that_facts_moved_away_from_keeps_from_promotion(place: Installation) -> None:
    registered(place)
    one = resolve(place.platform, f"{MODEL}@1")
    make_card(place.platform, ENGINEER, f"{MODEL}@1")
    moved = replace(one, body={**one.body, "digest": "another"})
    assert stale_fields(place.platform, one) == []
    assert {"validity_same_source", "training_criteria"} <= set(stale_fields(place.platform, moved))


BROKEN = {
    "report": ({"evaluation.json": b'{"measures": {}}'}, "evaluation.json"),
    "external": ({"external.json": b'{"measures": {"auroc": {"value": 0.7}}}'}, "external.json"),
    "declared": ({"card.toml": b'[developr]\ntext = "x"\n'}, "card.toml"),
}


@pytest.mark.parametrize(("files", "name"), BROKEN.values(), ids=BROKEN)
def test_a_file_that_says_too_little_is_named(place: Installation, files: dict[str, bytes], name: str) -> None:
    registered(place, files)
    with pytest.raises(FormatError) as caught:
        make_card(place.platform, ENGINEER, f"{MODEL}@1")
    assert name in caught.value.where


def test_a_version_that_holds_all_of_it_fills_31_of_31(place: Installation, tmp_path: Path) -> None:
    at = {"at": place.platform.runtime.now().isoformat()}
    own = tmp_path / "cards" / "readmission-30d.toml"
    texts = {"developer": "Data office, 1", "funding_source": "Own budget", "outcome_references": "Ward study, 2026."}
    sections = "".join(f'[{name}]\ntext = "{words}"\n' for name, words in texts.items())
    own.write_text(f'by = "Quality office"\non = 2026-11-20\n{sections}')
    outside = report(people(300, 3), WEIGHTS, "Another hospital", party="Its quality office") | at
    files = {
        "model.json": orjson.dumps(RISK_MODEL),
        "training.json": orjson.dumps(TRAINING),
        "evaluation.json": orjson.dumps(report(people(300, 1), WEIGHTS, "Held-out patients") | at),
        "external.json": orjson.dumps(outside),
        "local.json": orjson.dumps(report(people(300, 4), WEIGHTS, "Patients of the ward") | at),
    }
    lineage = trained().lineage | {"data": {"zone": "research", "snapshot": "facts version 3"}}
    asked = RegisterAsk("readmission-30d", files, lineage, gates="small", reason="a card")
    register(place.platform, ENGINEER, asked)
    made = make_card(place.platform, ENGINEER, "readmission-30d@1")
    assert [one.id for one in made.answers if not one.is_filled] == []
    assert (made.filled, made.stale) == (31, ())
    told = etree.fromstring(as_xml(made))
    assert told.findtext("{*}BasicInfo/{*}DeveloperContact") == "Data office, 1"


EXTERNAL = {
    "at": "2024-01-02T00:00:00+00:00", "data": "Another hospital", "party": "Its quality office",
    "process": "As it is.",
    "measures": {"auroc": {"value": 0.7, "low": 0.6, "high": 0.8}}, "counts": {"n": 300, "events": 40},
}  # fmt: skip


def test_what_somebody_measured_after_the_registration_stands_in_the_card_and_makes_a_kept_one_stale(
    place: Installation, tmp_path: Path
) -> None:
    registered(place)
    make_card(place.platform, ENGINEER, f"{MODEL}@1")
    name, template = evaluation_template(place.platform, ENGINEER, MODEL + "@1")
    at = place.platform.runtime.now().isoformat()
    told = template | EXTERNAL | {"subgroups": [], "at": at}
    (tmp_path / "cards" / f"{name}.external.json").write_bytes(orjson.dumps(told))
    (tmp_path / "cards" / f"{name}.local.json").write_bytes(orjson.dumps(told | {"data": "Our wards", "party": ""}))
    assert {"validity_external", "external_party"} <= set(stale_fields(place.platform, resolve(place.platform, name)))
    made = make_card(place.platform, ENGINEER, name)
    assert made.of("external_party").text == "Its quality office"
    assert made.of("external_process").text == "As it is."
    assert made.of("external_data").text == "Handed in as a file, not measured by Careloom: Another hospital"
    assert "Our wards" in made.of("validity_local").text
    registered(place)
    assert make_card(place.platform, ENGINEER, f"{MODEL}@2").of("validity_external").state == "unavailable"


def test_a_file_of_another_version_is_refused_by_name(place: Installation, tmp_path: Path) -> None:
    registered(place)
    (tmp_path / "cards" / f"{MODEL}@1.external.json").write_bytes(orjson.dumps(EXTERNAL | {"of": "another"}))
    with pytest.raises(FormatError) as caught:
        make_card(place.platform, ENGINEER, f"{MODEL}@1")
    assert caught.value.where == f"{MODEL}@1.external.json: of"


def test_what_a_place_says_of_all_its_models_stands_below_what_it_says_of_one(
    place: Installation, tmp_path: Path
) -> None:
    registered(place, {"card.toml": DECLARED})
    for name, text in (("any", '[developer]\ntext = "We, 1."\n[funding_source]\ntext = "Own budget."\n'),
                       (MODEL, '[developer]\ntext = "Ward 3, 3."\n')):  # fmt: skip
        (tmp_path / "cards" / f"{name}.toml").write_text(f'by = "Quality office"\non = 2026-11-20\n{text}')
    made = make_card(place.platform, ENGINEER, f"{MODEL}@1")
    told = [made.of(name).text for name in ("developer", "funding_source", "intended_use")]
    assert told == ["Ward 3, 3.", "Own budget.", "Nothing but tests."]
    assert made.texts["changed"] == ["developer", "funding_source"]


@pytest.mark.parametrize(
    ("more", "is_ours"), [({"declared": {"evaluation": {}}}, False), ({}, True), ({"task": {"name": "x"}}, True)]
)
def test_of_a_version_that_was_brought_in_nothing_is_said_of_how_it_was_trained(
    place: Installation, more: dict[str, Any], is_ours: bool
) -> None:
    lineage = trained().lineage | more
    ask = RegisterAsk("readmission-30d", {"model.json": orjson.dumps(RISK_MODEL)}, lineage, gates="small", reason="x")
    register(place.platform, ENGINEER, ask)
    made = make_card(place.platform, ENGINEER, "readmission-30d@1")
    assert made.of("intended_use").state == "declared"
    assert (made.of("bias_management").state == "declared") is is_ours


def test_counts_tell_what_is_answered_how_what_lacks_and_what_keeps_back(place: Installation) -> None:
    registered(place, {"card.toml": DECLARED}, with_groups=False)
    found = card_counts(place.platform, ENGINEER, f"{MODEL}@1")
    assert found["kept_at"] is None
    assert found["keeps_back"] == ["fairness_same_source"]
    assert {"developer", "fairness_same_source"} <= set(found["missing"])
    counts = found["counts"]
    assert counts["answered"] == counts["computed"] + counts["declared"] + counts["unavailable"]
    assert (counts["missing"], counts["asked"]) == (len(found["missing"]), 31)
    assert sum(found["tripod_ai"].values()) == 27
    assert found["texts"]["registered_sha256"] == found["texts"]["sha256"] != ""
    kept = make_card(place.platform, ENGINEER, f"{MODEL}@1")
    assert card_counts(place.platform, ENGINEER, f"{MODEL}@1")["kept_at"] == kept.made_at.isoformat()


def test_who_may_not_see_models_sees_no_card(place: Installation) -> None:
    registered(place)
    stranger = Principal("x", frozenset(), frozenset())
    for who in (stranger, SCIENTIST):
        with pytest.raises(AccessError):
            make_card(place.platform, who, f"{MODEL}@1")


def test_a_version_that_is_not_there_has_no_card(place: Installation) -> None:
    with pytest.raises(NotFound):
        make_card(place.platform, ENGINEER, f"{MODEL}@9")


def test_facts_hold_no_patient(place: Installation) -> None:
    registered(place)
    told = orjson.dumps(make_card(place.platform, ENGINEER, f"{MODEL}@1").as_json()).decode()
    assert facts_of(place.platform, resolve(place.platform, f"{MODEL}@1")).name == MODEL
    assert "p17" not in told


def looked_at(tmp_path: Path, *, outcomes: bool) -> Any:
    """The card of a version that predicted and was looked at, with outcomes that became known or without."""
    with closing(Watched(tmp_path, monitor={"every_hours": 24})) as made:
        begin = BEGIN + timedelta(days=1)
        names = made.predict(begin)
        if outcomes:
            made.clock.now = begin + timedelta(days=HORIZON + shipped().grace_days)
            take_feedback(
                made.platform, SECOND, [Feedback(name, outcome=came) for name, came in made.outcomes(names).items()]
            )
        look_now(made.platform, ENGINEER, LookAsk(VERSION))
        return make_card(made.platform, ENGINEER, VERSION)


def test_a_look_of_monitoring_is_told_by_the_card(tmp_path: Path) -> None:
    made = looked_at(tmp_path, outcomes=False)
    told = made.of("validity_monitoring")
    assert told.state == "computed"
    assert "Every day: PSI of values glucose (limit 0.1)" in told.text
    assert "compared" in made.of("training_relevance").text
    assert made.of("validity_local").state == "unavailable", "no outcome is known yet"


def test_outcomes_that_became_known_are_validity_in_local_data(tmp_path: Path) -> None:
    made = looked_at(tmp_path, outcomes=True)
    assert made.of("validity_local").state == "computed"
    assert "whose outcome is known: 300 rows, 40 patients" in made.of("validity_local").text
    assert "Sex (2 groups)" in made.of("fairness_local").text
