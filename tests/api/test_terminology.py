"""FHIR's terminology operations over HTTP and in the SDK: the answers and the errors."""

from typing import Any

import httpx
import orjson
import pytest

from careloom.client.careloom import Careloom
from careloom.client.credentials import ClientSecret
from careloom.client.pace import Pace
from careloom.client.terminology import Counterpart
from careloom.errors import AccessError, NotFound
from careloom.services.terminology import load
from careloom.terminology.systems import DISEASE_ONTOLOGY, ICD_10_CM
from tests.api.kit import BASE_URL, Installation

BASE = "/fhir/terminology"
ANSWERS = [
    ("CodeSystem/$lookup?system=ICD-10-CM&code=E11.9", "display", "Type 2 diabetes mellitus without complications"),
    (f"CodeSystem/$lookup?system={ICD_10_CM}&code=E11&version=2026-04", "display", "Type 2 diabetes mellitus"),
    ("CodeSystem/$validate-code?url=ICD-10-CM&code=E11.9", "result", True),
    ("CodeSystem/$validate-code?url=ICD-10-CM&code=E11.99", "result", False),
    ("CodeSystem/$validate-code?url=SNOMED&code=1234567", "result", False),
    ("CodeSystem/$validate-code?url=ICD-10-CM&code=I10&display=Asthma", "result", False),
    ("CodeSystem/$subsumes?system=ICD-10-CM&codeA=E11.9&codeB=E11", "outcome", "subsumed-by"),
    ("ConceptMap/$translate?system=SNOMED&code=44054006&targetsystem=ICD-10-CM", "result", True),
    ("ConceptMap/$translate?system=ICD-10-CM&code=W52.XXXD", "result", False),
]
ERRORS = [
    ("CodeSystem/$lookup?system=ICD-10-CM&code=nothing", 404),
    ("CodeSystem/$lookup?system=nothing&code=1", 404),
    ("CodeSystem/$lookup?system=ICD-10-CM", 400),
    ("CodeSystem/$lookup?system=ICD-10-CM&code=E11&color=red", 400),
    ("CodeSystem/$subsumes?system=SNOMED&codeA=44054006&codeB=73761001", 404),
    ("ValueSet/$expand?url=http://example.org/none", 404),
    ("ValueSet/$expand?url=http://loinc.org/vs", 404),
    (f"ValueSet/$expand?url={ICD_10_CM}?fhir_vs", 413),
    (f"ValueSet/$expand?url={ICD_10_CM}?fhir_vs=isa/E11.0&count=-1", 400),
]


def asked(installation: Installation, path: str) -> Any:
    return installation.client.get(f"{BASE}/{path}", headers=installation.bearer(scopes="system/*.r"))


@pytest.mark.parametrize(("path", "name", "value"), ANSWERS)
def test_an_operation_answers_with_parameters(installation: Installation, path: str, name: str, value: object) -> None:
    answer = asked(installation, path)
    assert (answer.status_code, answer.mimetype) == (200, "application/fhir+json"), answer.text
    body = orjson.loads(answer.data)
    assert body["resourceType"] == "Parameters"
    (part,) = [part for part in body["parameter"] if part["name"] == name]
    assert next(each for key, each in part.items() if key.startswith("value")) == value


@pytest.mark.parametrize(("path", "status"), ERRORS)
def test_what_cannot_be_answered_is_an_operation_outcome(installation: Installation, path: str, status: int) -> None:
    answer = asked(installation, path)
    assert answer.status_code == status, answer.text
    assert orjson.loads(answer.data)["resourceType"] == "OperationOutcome"


def test_an_expansion_comes_in_parts(installation: Installation) -> None:
    path = f"ValueSet/$expand?url={ICD_10_CM}?fhir_vs=isa/E11.0&offset=1&count=1"
    expansion = orjson.loads(asked(installation, path).data)["expansion"]
    assert (expansion["total"], expansion["offset"]) == (3, 1)
    assert [each["code"] for each in expansion["contains"]] == ["E11.00"]
    whole = orjson.loads(asked(installation, f"ValueSet/$expand?url={ICD_10_CM}?fhir_vs=isa/E11.0").data)["expansion"]
    assert whole["contains"][0]["abstract"] is True


@pytest.fixture
def api(installation: Installation) -> Careloom:
    registered = installation.register()
    credential = ClientSecret(registered.client.id, registered.secret, scope="system/*.r")
    return Careloom(BASE_URL, credential, transport=httpx.WSGITransport(app=installation.app), pace=Pace(attempts=1))


def test_the_sdk_asks_every_question(api: Careloom) -> None:
    meaning = api.terminology.lookup("ICD-10-CM", "E11")
    assert (meaning.name, meaning.version, meaning.is_active, meaning.is_abstract) == (
        "Type 2 diabetes mellitus", "2026-04", True, True,
    )  # fmt: skip
    assert meaning.is_expired
    assert (meaning.parents, meaning.children[0]) == (("E08-E13",), "E11.0")
    assert "diabetes NOS" in meaning.names
    assert api.terminology.lookup("LOINC", "2345-7").properties["unit"] == ("mg/dL",)
    assert api.terminology.validate("ICD-10-CM", "E11.9").is_valid
    wrong = api.terminology.validate("ICD-10-CM", "E11.9", display="Asthma")
    assert not wrong.is_valid
    assert "terminology.display-differs" in wrong.message
    assert wrong.name == "Type 2 diabetes mellitus without complications"
    assert api.terminology.subsumes("ICD-10-CM", "E11", "E11.9") == "subsumes"
    (mapped,) = api.terminology.translate("SNOMED", "44054006", "ICD-10-CM")
    assert mapped == Counterpart(ICD_10_CM, "E11", "Type 2 diabetes mellitus", "equivalent", "MONDO")
    systems = {each.system for each in api.terminology.translate("SNOMED", "44054006")}
    assert {ICD_10_CM, DISEASE_ONTOLOGY} <= systems
    assert repr(api.terminology) == f"Terminology({BASE_URL})"
    with pytest.raises(NotFound):
        api.terminology.lookup("ICD-10-CM", "nothing")


def test_the_sdk_takes_all_parts_of_an_expansion(api: Careloom) -> None:
    members = api.terminology.expand(f"{ICD_10_CM}?fhir_vs=isa/S72")
    assert len(members) > 1000
    assert len({member.code for member in members}) == len(members)
    named = api.terminology.expand(f"{ICD_10_CM}?fhir_vs=isa/E11.0", text="without coma")
    assert named == []


def test_a_token_for_something_else_is_refused(installation: Installation) -> None:
    registered = installation.register(name="elsewhere")
    credential = ClientSecret(registered.client.id, registered.secret, scope="careloom/monitor")
    transport = httpx.WSGITransport(app=installation.app)
    with Careloom(BASE_URL, credential, transport=transport, pace=Pace(attempts=1)) as api, pytest.raises(AccessError):
        api.terminology.lookup("ICD-10-CM", "E11")


def test_what_was_loaded_is_served(installation: Installation, tmp_path: Any) -> None:
    system = {
        "resourceType": "CodeSystem", "url": "http://example.org/wards", "version": "1", "content": "complete",
        "concept": [{"code": "W", "display": "Ward"}],
    }  # fmt: skip
    file = tmp_path / "wards.json"
    file.write_bytes(orjson.dumps(system))
    load(installation.platform, installation.operator, file)
    answer = orjson.loads(asked(installation, "CodeSystem/$lookup?system=http://example.org/wards&code=W").data)
    assert {"name": "display", "valueString": "Ward"} in answer["parameter"]
