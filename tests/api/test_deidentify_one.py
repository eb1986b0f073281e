"""One text or one resource without identity: the answer, what it does not say, who may ask, what is kept of it."""

from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from careloom.client.careloom import Careloom
from careloom.client.credentials import ClientSecret
from careloom.deid.policy import SHIPPED
from careloom.errors import AccessError, Erased, FormatError, NotFound, QueryError, SetupError, StateError, TooLarge
from careloom.pipeline.registry import REGISTRY
from careloom.runtime import Runtime
from careloom.services.deidentify import deidentify
from careloom.services.deidentify_one import LONGEST_TEXT, OneAsk, deidentify_alone, deidentify_one
from careloom.services.erase import erase
from careloom.settings import Settings
from tests.api.kit import BASE_URL, OBSERVATION, PATIENT, Installation
from tests.deid_detectors import ADDRESS

ROUTE = "/api/v1/deidentify"
NAMES = ("Quillfeather", "Tamsin", "Marwick", "617-555-0100", "1961-04-05", "730014")
KNOWN = PATIENT | {
    "identifier": [{"system": "urn:mrn", "value": "730014"}], "telecom": [{"system": "phone", "value": "617-555-0100"}],
}  # fmt: skip
MOTHER = {
    "resourceType": "RelatedPerson", "id": "r1", "patient": {"reference": "Patient/p1"},
    "name": [{"family": "Marwick", "given": ["Tamsin"]}],
}  # fmt: skip
SAID = "Pt quillfeather, MRN 730014, was brought by Tamsin on 03/05/2024.\nCall 617-555-0100. Lungs clear."
NOTE = {
    "resourceType": "DocumentReference", "id": "n1", "status": "current", "subject": {"reference": "Patient/p1"},
    "date": "2024-03-05T10:00:00Z", "type": {"coding": [{"system": "http://loinc.org", "code": "34117-2"}]},
    "content": [{"attachment": {"contentType": "text/plain", "data": b64encode(SAID.encode()).decode()}}],
}  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with Installation(tmp_path_factory.mktemp("one"), deidentify={"policy": "expert"}) as installation:
        installation.ingest([KNOWN, MOTHER, NOTE, OBSERVATION, KNOWN | {"id": "gone"}])
        yield installation


@pytest.fixture(scope="module")
def api(made: Installation) -> Iterator[Careloom]:
    with client_of(made) as found:
        yield found


def client_of(made: Installation, **ask: Any) -> Careloom:
    client = made.register(**ask)
    transport = httpx.WSGITransport(app=made.app)
    return Careloom(BASE_URL, ClientSecret(client.client.id, client.secret), transport=transport)


def last(made: Installation) -> dict[str, Any]:
    return [event for event in made.events() if event["operation"] == "deidentify-one"][-1]


def test_a_text_comes_back_without_names_and_its_spans_say_where(made: Installation, api: Careloom) -> None:
    text = "Ms. Oda Quillfeather, seen on 2024-03-05. Lungs clear."
    found = api.deidentifications.text(text, style="tag")
    assert found.text == "Ms. [NAME], seen on [DATE]. Lungs clear."
    assert [text[one.start : one.end] for one in found.spans] == ["Oda Quillfeather", "2024-03-05"]
    assert [found.text[one.new_start : one.new_end] for one in found.spans] == ["[NAME]", "[DATE]"]
    assert (dict(found.counts), dict(found.removed)) == ({"DATE": 1, "NAME": 1}, {"A": 1, "C": 1})
    assert (found.policy.name, found.style, found.project, found.epoch) == ("expert", "tag", "", None)
    event = last(made)
    assert (event["outcome"], event["subjects"], event["detail"]["found"]) == ("success", [], 2)


def test_what_the_record_knows_is_found_where_the_patient_is_named(made: Installation, api: Careloom) -> None:
    """The family name in lower case, the mother's given name: the record alone can tell that they are names."""
    patient = made.stored_id("Patient", "p1")
    found = api.deidentifications.text(SAID, patient=patient)
    assert found.text is not None
    assert [name for name in NAMES if name.lower() in found.text.lower()] == []
    assert {one.detector for one in found.spans} >= {"record"}
    assert found.text.endswith("Lungs clear.")
    assert last(made)["subjects"] == [made.platform.store("identified").pseudonym(patient)]


def test_no_two_answers_bear_the_same_names_unless_a_project_gives_them(made: Installation, api: Careloom) -> None:
    patient = made.stored_id("Patient", "p1")
    alone = {api.deidentifications.text(SAID, patient=patient).text for _ in range(3)}
    assert len(alone) == 3
    named = [api.deidentifications.text(SAID, patient=patient, project="research") for _ in range(2)]
    assert named[0] == named[1]
    assert (named[0].project, named[0].epoch) == ("research", 1)
    assert named[0].text not in alone


def test_under_the_project_a_resource_comes_out_as_the_research_zone_has_it(made: Installation, api: Careloom) -> None:
    deidentify(made.platform, made.operator, "safe-harbor")
    zones = api.fhir("identified"), api.fhir("research")
    patient = made.stored_id("Patient", "p1")
    for kind, name in (("DocumentReference", "n1"), ("Patient", "p1"), ("Observation", "o1")):
        original = zones[0].read(kind, made.stored_id(kind, name))
        told = api.deidentifications.resource(original, policy="safe-harbor", patient=patient, project="research")
        out = told.resource
        assert out is not None
        kept = zones[1].read(kind, out["id"])
        assert {key: value for key, value in kept.items() if key != "meta"} == {
            key: value for key, value in out.items() if key != "meta"
        }


@pytest.mark.parametrize("policy", SHIPPED)
def test_every_policy_that_ships_can_be_looked_at(made: Installation, api: Careloom, policy: str) -> None:
    patient = made.stored_id("Patient", "p1")
    original = api.fhir("identified").read("Patient", patient)
    told = api.deidentifications.resource(original, policy=policy, patient=patient)
    assert told.told.policy.name == policy
    assert told.resource is not None
    assert "730014" not in str(told.resource)


def test_spans_of_a_resource_name_the_place_of_their_text(made: Installation, api: Careloom) -> None:
    found = api.deidentifications.resource(NOTE, patient="", style="mask")
    assert {one.place for one in found.told.spans} == {"DocumentReference.content[0].attachment.data"}
    assert {one.new_place for one in found.told.spans} == {"DocumentReference.content[0].attachment.data"}
    assert found.resource is not None
    assert found.resource["id"] != NOTE["id"]
    assert found.resource["subject"]["reference"] != NOTE["subject"]["reference"]  # type: ignore[index]


@pytest.mark.parametrize(
    ("resource", "code"),
    [
        (PATIENT | {"id": "x"}, "deid.patient-differs"),
        ({"resourceType": "Binary", "id": "b", "contentType": "text/plain"}, "deid.free-text-not-yet"),
        ({"resourceType": "Basic", "id": "b", "code": {"text": "x"}}, "deid.type-not-listed"),
        ({"resourceType": "Patient"}, "deid.malformed"),
    ],
    ids=lambda given: given if isinstance(given, str) else "",
)
def test_what_must_not_pass_is_none_and_says_why(
    made: Installation, api: Careloom, resource: dict[str, Any], code: str
) -> None:
    patient = made.stored_id("Patient", "p1") if code == "deid.patient-differs" else ""
    found = api.deidentifications.resource(resource, patient=patient)
    assert found.resource is None
    assert [one.code for one in found.told.issues if one.severity == "error"] == [code]
    assert last(made)["detail"]["passed"] is False


def test_a_policy_that_lets_no_text_pass_is_refused_by_name_and_passed_over_as_the_default() -> None:
    """As it is where nothing is installed, too."""
    settings, runtime = Settings(), Runtime()
    assert settings.deidentify.policy == "first"
    assert deidentify_alone(OneAsk(text="Seen by Dr. Oda Marwick."), settings, runtime).policy.name == "safe-harbor"
    assert deidentify_alone(OneAsk(resource=PATIENT), settings, runtime).policy.name == "first"
    for ask in (OneAsk(text="x", policy="first"), OneAsk(text="x", patient="p"), OneAsk(text="x", project="research")):
        with pytest.raises(QueryError):
            deidentify_alone(ask, settings, runtime)


BAD: list[tuple[dict[str, Any], int, str]] = [
    ({}, 400, "input.query"),
    ({"text": "x", "resource": PATIENT}, 400, "input.query"),
    ({"text": "x", "policy": "none"}, 400, "input.schema"),
    ({"text": "x", "style": "black"}, 400, "input.schema"),
    ({"text": "x", "Quillfeather 1961": "x"}, 400, "input.schema"),
    ({"resource": {"Quillfeather \ud800": 1}}, 400, "input.format"),
    ({"text": "\ud800"}, 400, "input.format"),
    ({"resource": {"resourceType": "Quillfeather"}}, 400, "input.format"),
    ({"resource": PATIENT | {"birthDate": "Quillfeather", "Quillfeather": "\ud800"}}, 400, "input.format"),
    ({"resource": PATIENT | {"birthDate": "Quillfeather", "Quillfeather": 1}}, 400, "input.format"),
    ({"text": "x" * (LONGEST_TEXT + 1)}, 413, "input.too-large"),
    ({"text": "x", "patient": "nobody"}, 404, "input.not-found"),
    ({"text": "x", "project": "nothing"}, 404, "input.not-found"),
]


@pytest.mark.parametrize(("body", "status", "code"), BAD, ids=range(len(BAD)))
def test_a_bad_question_is_refused_without_a_value(
    made: Installation, body: dict[str, Any], status: int, code: str, caplog: pytest.LogCaptureFixture
) -> None:
    answer = made.client.post(ROUTE, json=body, headers=made.bearer())
    assert (answer.status_code, answer.get_json()["code"]) == (status, code)
    assert "Quillfeather" not in answer.text
    assert "Quillfeather" not in caplog.text


@pytest.mark.parametrize("depth", [300, 20_000])
def test_json_that_nests_too_deeply_is_the_asker_s_fault(made: Installation, depth: int) -> None:
    body = b'{"resource": {"a": ' + b"[" * depth + b"]" * depth + b"}}"
    answer = made.client.post(ROUTE, data=body, headers=made.bearer(), content_type="application/json")
    assert answer.status_code == 400


def test_texts_of_a_resource_are_limited_together(api: Careloom) -> None:
    long = b64encode(b"word " * (LONGEST_TEXT // 8)).decode()
    content = [{"attachment": {"contentType": "text/plain", "data": long}} for _ in range(2)]
    with pytest.raises(TooLarge):
        api.deidentifications.resource(NOTE | {"content": content})
    with pytest.raises(TooLarge):
        api.deidentifications.resource(NOTE | {"description": "x" * 1_000_000})


@pytest.mark.parametrize("name", ["finder", "failing"])
def test_whom_texts_go_to_is_in_the_chain_before_one_is_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setitem(REGISTRY, f"detector.{name}", f"tests.deid_detectors:{name}")
    with Installation(tmp_path, deidentify={"detectors": ["rules", name]}) as made:
        ask = OneAsk(text="Tolerates Zaubernuss well.")
        if name == "finder":
            assert deidentify_one(made.platform, made.operator, ask).text == "Tolerates [OTHER_ID] well."
        else:
            with pytest.raises(StateError):
                deidentify_one(made.platform, made.operator, ask)
        sent, done = [one for one in made.events() if one["operation"] == "deidentify-one"]
        assert sent["detail"] == {"texts_sent_to": [ADDRESS]}
        assert done["outcome"] == ("success" if name == "finder" else "failed")
        with pytest.raises(SetupError):
            deidentify_alone(ask, made.platform.settings, Runtime())


def test_an_erased_patient_is_gone(made: Installation, api: Careloom) -> None:
    gone = made.stored_id("Patient", "gone")
    erase(made.platform, made.operator, f"Patient/{gone}")
    with pytest.raises(Erased):
        api.deidentifications.text("x", patient=gone)


@pytest.mark.parametrize(
    ("ask", "more"),
    [
        ({"roles": ["data-scientist"]}, {}),
        ({"roles": ["clinician"]}, {}),
        ({"zones": ["research"]}, {}),
        ({"zones": ["identified"]}, {}),
        ({"scopes": "careloom/deidentify system/*.rs"}, {}),
        ({"scopes": "careloom/preview"}, {"patient": "p"}),
        ({"scopes": "careloom/preview system/Observation.r"}, {"patient": "p"}),
        ({"roles": ["privacy-officer"]}, {"project": "research"}),
    ],
    ids=str,
)
def test_who_may_not_is_refused_and_that_is_audited(
    made: Installation, ask: dict[str, Any], more: dict[str, str]
) -> None:
    with client_of(made, **ask) as api, pytest.raises(AccessError):
        api.deidentifications.text("Oda", **more)
    assert last(made)["outcome"] == "refused"


def test_a_privacy_officer_may_look_and_make_nothing(made: Installation) -> None:
    with client_of(made, roles=["privacy-officer"], zones=["identified", "research"]) as api:
        assert api.deidentifications.text("Dr. Oda Marwick", patient=made.stored_id("Patient", "p1")).counts


def test_nothing_of_it_is_kept_and_the_chain_holds_no_word(made: Installation, api: Careloom) -> None:
    def files() -> dict[str, bytes]:
        kept = made.folder / "data"
        return {str(file): file.read_bytes() for file in kept.rglob("*") if file.is_file()}

    before = {name for name in files() if "audit" not in name}
    api.deidentifications.text("Seen by Dr. Zebulon Xanthopoulos in Tewksbury.")
    after = files()
    assert {name for name in after if "audit" not in name} == before
    assert [name for name, raw in after.items() if b"Xanthopoulos" in raw or b"Zebulon" in raw] == []
    with pytest.raises(NotFound):
        api.deidentifications.text("Xanthopoulos", patient="Xanthopoulos")
    assert not [event for event in made.events() if "Xanthopoulos" in str(event)]
    with pytest.raises(FormatError):
        api.deidentifications.resource({"resourceType": "Xanthopoulos"})
