"""The Python SDK against the application itself, in one process."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from joserfc import jwk

from careloom.client.careloom import Careloom
from careloom.client.credentials import Bearer, ClientSecret, Credential, PrivateKey
from careloom.client.pace import Pace
from careloom.client.problems import problem_of
from careloom.errors import (
    AccessError,
    CareloomError,
    Erased,
    InputError,
    Invalid,
    NotFound,
    NotSupported,
    Precondition,
    QueryError,
    Unauthenticated,
    Unprocessable,
)
from careloom.services.erase import erase
from tests.api.kit import BASE_URL, OBSERVATION, PATIENT, Installation


def client_of(installation: Installation, credential: Credential | None = None, **ask: Any) -> Careloom:
    """A client of the installation; by default a new one that may do everything."""
    if credential is None:
        registered = installation.register(**ask)
        credential = ClientSecret(registered.client.id, registered.secret)
    return Careloom(BASE_URL, credential, transport=httpx.WSGITransport(app=installation.app), pace=Pace(attempts=1))


@pytest.fixture
def api(installation: Installation) -> Iterator[Careloom]:
    with client_of(installation) as api:
        yield api


def observations(count: int) -> list[dict[str, Any]]:
    return [OBSERVATION | {"id": f"o{number}"} for number in range(count)]


def test_a_client_signs_in_with_its_secret_and_learns_who_it_is(installation: Installation) -> None:
    me = client_of(installation, roles=("data-scientist",), zones=("research",), name="notebook").me()
    assert (me.name, me.kind, me.roles, me.zones) == ("notebook", "client", ("data-scientist",), ("research",))
    assert me.scopes
    assert me.expires > datetime.now(UTC)


def test_a_client_signs_in_with_its_private_key(installation: Installation) -> None:
    key = ec.generate_private_key(ec.SECP384R1())
    form = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    pem = key.private_bytes(serialization.Encoding.PEM, *form).decode()
    public = jwk.ECKey.import_key(pem).as_dict(private=False) | {"kid": "k1", "alg": "ES384"}
    registered = installation.register(name="warehouse", jwks={"keys": [public]})
    assert registered.secret == ""
    api = client_of(installation, PrivateKey("warehouse", pem, "k1"))
    assert api.me().name == "warehouse"


def test_a_token_allows_no_more_than_was_asked_for(installation: Installation) -> None:
    registered = installation.register()
    credential = ClientSecret(registered.client.id, registered.secret, scope="system/Patient.r")
    api = client_of(installation, credential)
    assert api.sign_in().scopes == ("system/Patient.r",)
    assert api.me().scopes == ("system/Patient.r",)
    with pytest.raises(AccessError):
        api.fhir("identified").search("Patient")


WRONG: list[tuple[str, Credential]] = [
    ("an unknown client", ClientSecret("nobody", "planted-in-a-test")),
    ("a wrong secret", ClientSecret("warehouse", "planted-in-a-test")),
    ("a token that is none", Bearer("planted.in.a-test")),
]


@pytest.mark.parametrize(("what", "credential"), WRONG, ids=[row[0] for row in WRONG])
def test_who_cannot_prove_who_it_is_is_told_so(installation: Installation, what: str, credential: Credential) -> None:
    installation.register(name="warehouse")
    with pytest.raises(Unauthenticated) as caught:
        client_of(installation, credential).me()
    assert "planted" not in str(caught.value)


def test_a_scope_that_means_nothing_is_refused(installation: Installation) -> None:
    registered = installation.register()
    with pytest.raises(AccessError):
        client_of(installation, ClientSecret(registered.client.id, registered.secret, scope="everything")).sign_in()


def test_a_token_that_was_revoked_elsewhere_is_renewed_without_a_word(
    installation: Installation, api: Careloom
) -> None:
    token = api.sign_in().text
    holder = client_of(installation, Bearer(token))
    assert holder.me().name == api.me().name
    holder.sign_out()
    with pytest.raises(Unauthenticated):
        holder.me()
    assert api.me().name
    assert api.sign_in().text != token


def test_signing_out_ends_the_token_for_everybody(installation: Installation, api: Careloom) -> None:
    holder = client_of(installation, Bearer(api.sign_in().text))
    api.sign_out()
    with pytest.raises(Unauthenticated):
        holder.me()


def test_a_patient_is_read_by_id_and_version(installation: Installation, api: Careloom) -> None:
    installation.ingest()
    patient_id = installation.stored_id("Patient", "p1")
    found = api.fhir("identified").read("Patient", patient_id)
    assert (found["id"], found["birthDate"]) == (patient_id, PATIENT["birthDate"])
    assert api.fhir("identified").vread("Patient", patient_id, found["meta"]["versionId"]) == found


ABSENT: list[tuple[str, tuple[str, str], type[CareloomError]]] = [
    ("no such patient", ("Patient", "nobody"), NotFound),
    ("no such type", ("Nonsense", "p1"), InputError),
]


@pytest.mark.parametrize(("what", "names", "kind"), ABSENT, ids=[row[0] for row in ABSENT])
def test_what_is_not_there_is_not_found(
    installation: Installation, api: Careloom, what: str, names: tuple[str, str], kind: type[CareloomError]
) -> None:
    installation.ingest()
    with pytest.raises(kind) as caught:
        api.fhir("identified").read(*names)
    problem = problem_of(caught.value)
    assert problem
    assert problem.request_id in str(caught.value)


def test_a_zone_of_others_stays_closed(installation: Installation) -> None:
    installation.ingest()
    api = client_of(installation, roles=("data-scientist",), zones=("research",))
    with pytest.raises(AccessError):
        api.fhir("identified").search("Patient")


def test_a_search_finds_by_what_stands_in_its_body(installation: Installation, api: Careloom) -> None:
    installation.ingest()
    zone = api.fhir("identified")
    for in_address in (False, True):
        page = zone.search("Patient", {"family": "Quillfeather", "gender": "female"}, in_address=in_address)
        assert [each["birthDate"] for each in page.resources] == [PATIENT["birthDate"]]
        assert zone.search("Patient", {"family": "Nobody"}, in_address=in_address).resources == ()


def test_a_search_that_means_nothing_is_refused(installation: Installation, api: Careloom) -> None:
    installation.ingest()
    with pytest.raises(QueryError):
        api.fhir("identified").search("Patient", {"shoe-size": "44"})


@pytest.mark.parametrize("count", [1, 3, 7, 50])
@pytest.mark.parametrize("in_address", [False, True])
def test_paging_visits_each_resource_once(
    installation: Installation, api: Careloom, count: int, in_address: bool
) -> None:
    installation.ingest([PATIENT, *observations(23)])
    found = api.fhir("identified").all("Observation", {"code": "8867-4"}, count=count, in_address=in_address)
    wanted = {installation.stored_id("Observation", f"o{number}") for number in range(23)}
    ids = [each["id"] for each in found]
    assert len(ids) == 23
    assert set(ids) == wanted


def test_no_address_of_a_page_holds_what_was_searched(installation: Installation, api: Careloom) -> None:
    installation.ingest([PATIENT, PATIENT | {"id": "p2"}])
    page = api.fhir("identified").search("Patient", {"family": "Quillfeather"}, count=1)
    assert page.next.startswith(BASE_URL)
    assert "uillfeather" not in page.next
    assert len(api.fhir("identified").follow(page.next).resources) == 1


def test_an_erased_patient_is_gone_for_good(installation: Installation, api: Careloom) -> None:
    installation.ingest()
    patient_id = installation.stored_id("Patient", "p1")
    erase(installation.platform, installation.operator, f"Patient/{patient_id}")
    with pytest.raises(Erased):
        api.fhir("identified").read("Patient", patient_id)


def test_capabilities_need_no_credential(installation: Installation) -> None:
    nobody = client_of(installation, ClientSecret("nobody", "planted-in-a-test"))
    assert nobody.fhir("identified").capabilities()["resourceType"] == "CapabilityStatement"


def test_a_client_of_another_address_follows_no_link(installation: Installation) -> None:
    registered = installation.register()
    installation.ingest([PATIENT, *observations(3)])
    inside = Careloom(
        "https://inside.example.org",
        ClientSecret(registered.client.id, registered.secret),
        transport=httpx.WSGITransport(app=installation.app),
    )
    pages = inside.fhir("identified").pages("Observation", count=1)
    next(pages)
    with pytest.raises(CareloomError, match="public_url"):
        next(pages)


def test_a_resource_is_written_through_its_whole_life(installation: Installation, api: Careloom) -> None:
    zone = api.fhir("identified")
    own = {"resourceType": "Organization", "name": "Lab", "identifier": [{"system": "urn:o", "value": "1"}]}
    made = zone.create(own, if_none_exist={"identifier": "urn:o|1"})
    assert zone.create(own, if_none_exist={"identifier": "urn:o|1"})["id"] == made["id"]
    anew = zone.update({**made, "active": True}, if_match=made["meta"]["versionId"])
    with pytest.raises(Precondition):
        zone.update({**made, "active": False}, if_match=made["meta"]["versionId"])
    patched = zone.patch("Organization", made["id"], [{"op": "replace", "path": "/name", "value": "Other"}])
    assert (anew["active"], patched["name"], patched["meta"]["versionId"]) == (True, "Other", "3")
    assert zone.update_where({**own, "name": "Third"}, {"identifier": "urn:o|1"})["id"] == made["id"]
    first = zone.history("Organization", made["id"], count=3)
    assert (first.total, len(first.resources), len(zone.follow(first.next).resources)) == (4, 3, 1)
    sent = [{"resource": own, "request": {"method": "POST", "url": "Organization"}}]
    answers = zone.submit({"resourceType": "Bundle", "type": "transaction", "entry": sent})
    assert answers["entry"][0]["response"]["status"] == "201 Created"
    with pytest.raises(Precondition):
        zone.delete_where("Organization", {"identifier": "urn:o|1"})
    zone.delete("Organization", made["id"])
    with pytest.raises(Erased):
        zone.read("Organization", made["id"])
    with pytest.raises(NotSupported):
        zone.update({**own, "id": "never"})
    with pytest.raises(Invalid):
        zone.create({**own, "active": "perhaps"})
    with pytest.raises(Unprocessable):
        zone.create({**own, "partOf": {"reference": "Organization/never"}})
    assert len(zone.history().resources) == 5
