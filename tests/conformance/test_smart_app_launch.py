"""The worked examples of SMART App Launch 2.2 for people: launch, tokens, refresh, introspection, identity, scopes.

`COVERED` names the file for each test here and in `test_smart_backend_services`, `LEFT` why a file has none.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import orjson
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, RSAKey

from careloom.api.oauth_metadata import openid_configuration, smart_configuration
from careloom.errors import QueryError
from careloom.services.authorize import offer, read
from careloom.services.scopes import parse, text_of
from tests.api.kit import BASE_URL, Clock, Installation
from tests.api.people_kit import Person, Web, app, at, challenge, person
from tests.api.signing import ASSERTION_TYPE, basic

PAGES = {
    "public": "example-app-launch-public.md",
    "symmetric": "example-app-launch-symmetric-auth.md",
    "asymmetric": "example-app-launch-asymmetric-auth.md",
}
KEYS = [f"keys/{algorithm}.{half}.json" for algorithm in ("RS384", "ES384") for half in ("private", "public")]
COVERED = {
    **dict.fromkeys(PAGES.values(), "a launch of this kind, from discovery to refresh"),
    **dict.fromkeys(KEYS, "test_smart_backend_services: the assertions of the guide"),
    "authorization-example-jwks-and-signatures.md": "test_smart_backend_services: its two assertions",
    "example-backend-services.md": "test_smart_backend_services: token and discovery",
    "backend-services.md": "the parameters and the answer of its token request",
    "client-confidential-asymmetric.md": "each header and claim that it requires",
    "conformance.md": "test_smart_backend_services and the capability sets here",
    "scopes-and-launch-context.md": "every scope that it names",
    "token-introspection.md": "its fields and its example",
    "worked_example_id_token.md": "its claims, and its own token by its own key",
}
LEFT = {
    "README.md": "says where the files come from",
    "basic-auth-example.md": "empty",
    "examples.md": "a list of the other pages",
    "example-brands.md": "User Access Brands: a directory of portals, none of which is here",
    "CodeSystem-smart-codes.json": "codes of tasks that launch applications, which nothing here makes",
    **{f"Bundle-example{number}.json": "User Access Brands" for number in range(1, 5)},
}


@pytest.fixture(scope="session")
def examples(suites: Path) -> Path:
    """The pages and keys of the guide, or a loud skip."""
    place = suites / "smart_backend_services"
    if not place.is_dir():
        pytest.skip("smart_backend_services is not among the suites")
    return place


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def made(tmp_path: Path, clock: Clock) -> Iterator[Installation]:
    with Installation(tmp_path, at(clock)) as installation:
        installation.ingest()
        yield installation


def test_every_file_is_driven_or_there_is_a_reason(examples: Path) -> None:
    files = {file.relative_to(examples).as_posix() for file in examples.rglob("*") if file.is_file()}
    assert files == COVERED.keys() | LEFT.keys()
    assert not COVERED.keys() & LEFT.keys()
    assert (len(COVERED), len(LEFT)) == (15, 9)


def page_of(examples: Path, name: str) -> str:
    return (examples / name).read_text("utf-8")


def asked_in(page: str) -> dict[str, str]:
    """The parameters of the authorization request that a page prints."""
    printed = re.search(r"/auth/authorize\?\s+(response_type=.*?)\n\n", page, re.DOTALL)
    assert printed
    return {name: values[0] for name, values in parse_qs(re.sub(r"\s", "", printed[1])).items()}


def form_in(page: str, grant: str) -> set[str]:
    """The names of the parameters of a token request that a page prints."""
    forms = re.findall(r"```\n((?:\w+=[^\n]*\n)+)```", page)
    (names,) = ({line.partition("=")[0] for line in form.split()} for form in forms if f"grant_type={grant}" in form)
    return names


def answers_in(page: str) -> list[dict[str, Any]]:
    """Every object of JSON that a page prints on lines of its own."""
    found = []
    for text in re.findall(r"^\{\n.*?^\}", page, re.DOTALL | re.MULTILINE):
        try:
            mended = re.sub(r'"\n(\s*")', r'",\n\1', text)  # the pages lack a comma here and have one too many there
            found.append(orjson.loads(re.sub(r",(\s*[\]}])", r"\1", mended)))
        except orjson.JSONDecodeError:
            continue
    return found


class Launched:
    """The application of a page, registered as the page says, with a person who may."""

    def __init__(self, made: Installation, clock: Clock, kind: str, page: str) -> None:
        self.made, self.clock, self.kind, self.page = made, clock, kind, page
        self.asked = asked_in(page)
        self.key = self._key() if kind == "asymmetric" else None
        jwks = {"keys": [self.key.as_dict(private=False)]} if self.key else None
        self.secret = app(
            made, self.asked["client_id"], redirects=[self.asked["redirect_uri"]], scopes=self.asked["scope"],
            is_public=kind == "public", jwks=jwks,
        ).secret  # fmt: skip
        self.who: Person = person(made, clock)
        self.count = 0

    def _key(self) -> ECKey:
        members = dict(re.findall(r'"(kty|crv|x|y|kid)": "([^"]+)"', self.page))
        private = re.search(r'`"d"` is `"([^"]+)"`', self.page)
        assert private
        return ECKey.import_key({**members, "d": private[1]})

    def token(self, form: dict[str, str]) -> dict[str, Any]:
        """The answer to a token request, in which the application proves itself as the page has it."""
        headers = {}
        if self.kind == "public":
            form = form | {"client_id": self.asked["client_id"]}
        elif self.kind == "symmetric":
            headers = basic(self.asked["client_id"], self.secret)
        else:
            form = form | {"client_assertion_type": ASSERTION_TYPE, "client_assertion": self.assertion()}
        assert set(form) == form_in(self.page, form["grant_type"])
        answer = self.made.client.post("/oauth2/token", data=form, headers=headers)
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.json  # type: ignore[assignment]
        return told

    def assertion(self) -> str:
        assert self.key
        self.count += 1
        name = self.asked["client_id"]
        claims = {
            "iss": name, "sub": name, "aud": f"{BASE_URL}/oauth2/token", "jti": f"jti-{self.count}",
            "exp": int(self.clock.now.timestamp()) + 290,
        }  # fmt: skip
        header = {"typ": "JWT", "kid": self.key.kid, "alg": "ES384"}
        return jwt.encode(header, claims, self.key, algorithms=["ES384"])


def verifier_in(page: str) -> str:
    found = re.search(r"^code_verifier=(\S+)$", page, re.MULTILINE)
    assert found
    return unquote(found[1])


@pytest.mark.parametrize("kind", PAGES)
def test_a_launch_goes_as_the_page_has_it_from_the_request_to_the_refresh(
    examples: Path, made: Installation, clock: Clock, kind: str
) -> None:
    page = page_of(examples, PAGES[kind])
    launched = Launched(made, clock, kind, page)
    base = f"{BASE_URL}/fhir/identified"
    config = made.client.get("/fhir/identified/.well-known/smart-configuration").json
    assert config is not None
    web = Web(made)
    web.get(config["authorization_endpoint"].removeprefix(BASE_URL), **(launched.asked | {"aud": base}))
    web.sign_in(launched.who)
    web.send(decision="allow", patient="Patient/p1")
    assert urlsplit(web.page.headers["Location"])._replace(query="").geturl() == launched.asked["redirect_uri"]
    came = web.told()
    assert (set(came), came["state"]) == ({"code", "state", "iss"}, launched.asked["state"])
    form = {
        "grant_type": "authorization_code", "code": came["code"], "code_verifier": verifier_in(page),
        "redirect_uri": launched.asked["redirect_uri"],
    }  # fmt: skip
    told = launched.token(form)
    printed = [answer for answer in answers_in(page) if "access_token" in answer]
    assert set(told) == set(printed[0]) - {"smart_style_url"}
    assert (told["token_type"], told["patient"]) == ("Bearer", made.stored_id("Patient", "p1"))
    assert set(told["scope"].split()) == set(launched.asked["scope"].split())
    found = made.client.get(
        f"/fhir/identified/Observation?code=8867-4&_count=10&patient={told['patient']}",
        headers={"Authorization": f"Bearer {told['access_token']}"},
    ).json
    assert found is not None
    assert (found["resourceType"], found["type"], len(found["entry"])) == ("Bundle", "searchset", 1)
    again = launched.token({"grant_type": "refresh_token", "refresh_token": told["refresh_token"]} | _with_code(page))
    assert set(again) == set(told)
    assert again["patient"] == told["patient"]


def _with_code(page: str) -> dict[str, str]:
    """One page prints a code beside its refresh token; it is read by nobody."""
    return {"code": "read-by-nobody"} if "code" in form_in(page, "refresh_token") else {}


@pytest.mark.parametrize("kind", PAGES)
def test_the_verifier_of_a_page_and_its_challenge_are_each_a_well_formed_one(examples: Path, kind: str) -> None:
    page = page_of(examples, PAGES[kind])
    assert challenge(verifier_in(page)) == asked_in(page)["code_challenge"]


@pytest.mark.parametrize("kind", PAGES)
def test_discovery_says_what_the_page_says_but_for_what_is_not_here(examples: Path, kind: str) -> None:
    printed = next(answer for answer in answers_in(page_of(examples, PAGES[kind])) if "capabilities" in answer)
    told = smart_configuration(BASE_URL)
    assert set(printed) <= set(told) | {"management_endpoint"}
    missing = set(printed["capabilities"]) - set(told["capabilities"])
    assert missing <= {
        "launch-ehr", "context-banner", "context-style", "context-passthrough-banner", "context-passthrough-style",
        "context-ehr-patient", "context-ehr-encounter", "context-standalone-encounter",
    }  # fmt: skip


def test_the_capability_sets_for_standalone_applications_are_whole(examples: Path) -> None:
    page = page_of(examples, "conformance.md")
    told = set(smart_configuration(BASE_URL)["capabilities"])
    for name in ("Patient Access for Standalone Apps", "Clinician Access for Standalone"):
        listed = re.search(rf"##### +{name}\n(.*?)\n\n", page, re.DOTALL)
        assert listed
        for line in listed[1].splitlines():
            assert told & set(re.findall(r"`([\w-]+)`", line)), line


NO_TYPES = {"patient/", "user/", "system/"}


def test_every_scope_of_the_page_is_understood_or_refused_as_documented(examples: Path) -> None:
    page = page_of(examples, "scopes-and-launch-context.md")
    named = set(re.findall(r"`((?:patient|user|system)/[^`]*)`", page)) - NO_TYPES
    assert len(named) >= 15
    for word in sorted(named):
        if "?" in word:
            with pytest.raises(QueryError):
                parse(word)
        else:
            assert parse(text_of(parse(word), word.partition("/")[0])) == parse(word)


SAME = [
    ("patient/AllergyIntolerance.cruds", "patient/AllergyIntolerance.*"),
    ("patient/Observation.rs", "patient/Observation.read"),
    ("patient/AllergyIntolerance.cud", "patient/AllergyIntolerance.write"),
]


@pytest.mark.parametrize(("second", "first"), SAME)
def test_scopes_of_the_first_version_mean_those_of_the_second(second: str, first: str) -> None:
    assert parse(second) == parse(first)


INTROSPECTED = {"active", "client_id", "scope", "sub", "patient", "fhirUser", "exp"}


def test_introspection_tells_what_the_page_asks_for(examples: Path, made: Installation, clock: Clock) -> None:
    page = page_of(examples, "token-introspection.md")
    printed = re.search(r"^ +\{\n(.*?)\n +\}", page, re.DOTALL | re.MULTILINE)
    assert printed
    assert set(re.findall(r'"(\w+)":', printed[1])) == INTROSPECTED
    who = person(made, clock, "pat", roles=["patient"], patient="Patient/p1", actors=[])
    app(made, scopes="openid fhirUser patient/*.rs")
    code = Web(made).code(who, scope="openid fhirUser patient/*.read")
    form = {
        "grant_type": "authorization_code", "code": code, "client_id": "growth",
        "redirect_uri": "https://growth.example.org/after",
        "code_verifier": "o28xyrYY7-lGYfnKwRjHEZWlFIPlzVnFPYMWbH-g_BsNnQNem-IAg9fDh92X0Kt",
    }  # fmt: skip
    tokens = made.client.post("/oauth2/token", data=form).json
    assert tokens is not None
    told = made.client.post(
        "/oauth2/introspect", data={"token": tokens["access_token"]}, headers=made.bearer(["service"], ["identified"])
    ).json
    assert told is not None
    assert INTROSPECTED | {"iss"} <= set(told)
    own = made.stored_id("Patient", "p1")
    assert (told["active"], told["patient"], told["sub"]) == (True, own, "pat")
    assert told["fhirUser"] == f"{BASE_URL}/fhir/identified/Patient/{own}"
    assert told["scope"] == tokens["scope"]


def test_the_id_token_of_the_page_verifies_by_its_key_and_ours_has_its_claims(
    examples: Path, made: Installation, clock: Clock
) -> None:
    page = page_of(examples, "worked_example_id_token.md")
    pem = re.search(r"-----BEGIN PUBLIC KEY-----.*?-----END PUBLIC KEY-----", page, re.DOTALL)
    token = re.search(r"^ {4}(eyJ\S+)$", page, re.MULTILINE)
    assert pem
    assert token
    key = RSAKey.import_key(re.sub(r"(?m)^ +", "", pem[0]))
    theirs = jwt.decode(token[1], key, algorithms=["RS384"]).claims
    who = person(made, clock)
    app(made)
    from tests.api.people_kit import exchanged

    ours = exchanged(made, Web(made).code(who, scope="openid fhirUser")).json
    assert ours is not None
    keys = KeySet.import_key_set(made.client.get("/oauth2/jwks").json)  # type: ignore[arg-type]
    claims = jwt.decode(ours["id_token"], keys, algorithms=["RS256"]).claims
    assert set(theirs) <= set(claims)
    assert claims["aud"] == "growth"
    assert claims["iss"] == openid_configuration(BASE_URL)["issuer"]
    assert urlsplit(claims["fhirUser"]).path.startswith("/fhir/identified/Practitioner/")


def test_a_client_that_lacks_what_the_page_requires_gets_no_token(
    examples: Path, made: Installation, clock: Clock
) -> None:
    page = page_of(examples, "client-confidential-asymmetric.md")
    required = re.findall(r"<td><code>(\w+)</code></td>\s*<td><span[^>]*>required", page)
    assert required[:8] == ["alg", "kid", "typ", "iss", "sub", "aud", "exp", "jti"]
    key = ECKey.generate_key("P-384", {"kid": "k1"})
    made.register(
        ["clinician"], ["identified"], name="bili-monitor",
        jwks={"keys": [{**key.as_dict(private=False), "kid": "k1", "alg": "ES384"}]},
    )  # fmt: skip

    def status(lacks: str) -> int:
        claims = {
            "iss": "bili-monitor", "sub": "bili-monitor", "aud": f"{BASE_URL}/oauth2/token", "jti": f"without {lacks}",
            "exp": int(clock.now.timestamp()) + 290,
        }  # fmt: skip
        header = {"alg": "ES384", "kid": "k1", "typ": "JWT"}
        claims.pop(lacks, None)
        if lacks != "alg":
            header.pop(lacks, None)
        signed = jwt.encode(header, claims, key, algorithms=["ES384"])
        form = {
            "grant_type": "client_credentials", "client_assertion_type": ASSERTION_TYPE, "client_assertion": signed,
        }  # fmt: skip
        return made.client.post("/oauth2/token", data=form).status_code

    assert {lacks: status(lacks) for lacks in ("nothing", *required[1:8])} == {
        "nothing": 200, "typ": 200, **dict.fromkeys(("kid", "iss", "sub", "aud", "exp", "jti"), 401),
    }  # fmt: skip


def test_a_token_request_of_a_backend_has_the_parameters_and_the_answer_of_the_page(examples: Path) -> None:
    page = page_of(examples, "backend-services.md")
    named = re.findall(r"<td><code>(\w+)</code></td>\s*<td><span[^>]*>required", page)
    assert {"scope", "grant_type", "client_assertion_type", "client_assertion"} <= set(named)
    from careloom.api.oauth_schemas import AccessToken, TokenRequest

    assert {"scope", "grant_type", "client_assertion_type", "client_assertion"} <= set(TokenRequest.model_fields)
    assert {"access_token", "token_type", "expires_in", "scope"} <= set(AccessToken.model_fields) & set(named)


def test_a_patient_signs_in_and_is_never_asked_for_a_patient(made: Installation, clock: Clock) -> None:
    who = person(made, clock, "pat", roles=["patient"], patient="Patient/p1", actors=[])
    app(made)
    asked = read(
        made.platform,
        {
            "client_id": "growth", "redirect_uri": "https://growth.example.org/after", "response_type": "code",
            "scope": "launch/patient patient/*.rs", "code_challenge": challenge(), "code_challenge_method": "S256",
        },
    )  # fmt: skip
    offered = offer(asked, made.platform.clients.named(who.name))
    assert (offered.needs_patient, offered.words) == (False, ["patient/*.rs"])
