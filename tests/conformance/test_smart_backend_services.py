"""The worked examples of SMART Backend Services (SMART App Launch 2.2): their keys, assertions and discovery."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from careloom.api.oauth_metadata import smart_configuration
from careloom.errors import QueryError
from careloom.services.assertions import Unfit, proven, read
from careloom.services.client_keys import checked_keys
from tests.api.kit import Installation
from tests.api.signing import ASSERTION_TYPE

ALGORITHMS = ("RS384", "ES384")
CLIENT = "https://bili-monitor.example.com"
AUDIENCE = "https://authorize.smarthealthit.org/token"
EXPIRES = datetime.fromtimestamp(1422568860, UTC)
IN_TIME = EXPIRES - timedelta(minutes=4)


@pytest.fixture(scope="session")
def examples(suites: Path) -> Path:
    """The pages and keys of the guide, or a loud skip."""
    place = suites / "smart_backend_services"
    if not place.is_dir():
        pytest.skip("smart_backend_services is not among the suites")
    return place


def key_set(examples: Path, algorithm: str, half: str) -> dict[str, Any]:
    told: dict[str, Any] = orjson.loads((examples / "keys" / f"{algorithm}.{half}.json").read_bytes())
    return told


def example(examples: Path, algorithm: str) -> str:
    """The assertion that the guide prints for this algorithm."""
    page = (examples / "authorization-example-jwks-and-signatures.md").read_text("utf-8")
    found = re.search(rf"### Encoded JWT with {algorithm} Signature\s+(\S+)", page)
    assert found
    return found[1]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_assertion_of_the_guide_is_proven_by_the_keys_of_the_guide(examples: Path, algorithm: str) -> None:
    keys = checked_keys(key_set(examples, algorithm, "public"))
    claimed = read(example(examples, algorithm))
    assert claimed.client_id == CLIENT
    says = proven(claimed, keys, AUDIENCE, IN_TIME)
    assert says.jti == "random-non-reusable-jwt-id-123"
    assert says.expires >= EXPIRES


UNFIT = [
    ("after its time", AUDIENCE, EXPIRES + timedelta(seconds=5), "assertion-expired"),
    ("six minutes ahead of it", AUDIENCE, EXPIRES - timedelta(minutes=6), "assertion-too-long"),
    ("at another address", "https://other.example.org/token", IN_TIME, "assertion-audience"),
]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize(("where", "audience", "now", "reason"), UNFIT, ids=[row[0] for row in UNFIT])
def test_the_assertion_of_the_guide_proves_nothing(
    examples: Path, algorithm: str, where: str, audience: str, now: datetime, reason: str
) -> None:
    keys = checked_keys(key_set(examples, algorithm, "public"))
    with pytest.raises(Unfit) as unfit:
        proven(read(example(examples, algorithm)), keys, audience, now)
    assert unfit.value.reason == reason


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_assertion_of_the_guide_does_not_fit_the_other_key(examples: Path, algorithm: str) -> None:
    other = next(name for name in ALGORITHMS if name != algorithm)
    keys = checked_keys(key_set(examples, other, "public"))
    with pytest.raises(Unfit):
        proven(read(example(examples, algorithm)), keys, AUDIENCE, IN_TIME)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_private_keys_of_the_guide_are_not_registered(examples: Path, algorithm: str) -> None:
    with pytest.raises(QueryError):
        checked_keys(key_set(examples, algorithm, "private"))


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_client_of_the_guide_gets_a_token_with_the_fields_of_the_guide(
    examples: Path, tmp_path: Path, algorithm: str
) -> None:
    private = next(key for key in key_set(examples, algorithm, "private")["keys"] if "sign" in key["key_ops"])
    key = (RSAKey if algorithm == "RS384" else ECKey).import_key(private)
    with Installation(tmp_path, api={"public_url": "https://authorize.example.org"}) as installation:
        installation.register(
            ["clinician"], ["identified"], name="bili-monitor", client_id=CLIENT,
            jwks=key_set(examples, algorithm, "public"),
        )  # fmt: skip
        config = smart_configuration("https://authorize.example.org")
        claims = {
            "iss": CLIENT, "sub": CLIENT, "aud": config["token_endpoint"], "jti": "random-non-reusable-jwt-id-123",
            "exp": int(installation.platform.runtime.now().timestamp()) + 290,
        }  # fmt: skip
        header = {"alg": algorithm, "kid": private["kid"], "typ": "JWT"}
        form = {
            "grant_type": "client_credentials",
            "scope": "system/*.rs",
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": jwt.encode(header, claims, key, algorithms=[algorithm]),
        }
        answer = installation.client.post("/oauth2/token", data=form)
    assert answer.status_code == 200
    told = answer.json
    assert told is not None
    printed = re.search(r'"token_type".*?"access_token"', _page(examples, "example-backend-services.md"), re.DOTALL)
    assert printed
    assert set(re.findall(r'"(\w+)":', printed[0] + ":")) == set(told)
    assert (told["token_type"].lower(), told["scope"]) == ("bearer", "system/*.rs")


def _page(examples: Path, name: str) -> str:
    return (examples / name).read_text("utf-8")


def test_the_discovery_document_has_what_the_guide_requires_and_nothing_it_does_not_know(examples: Path) -> None:
    page = _page(examples, "conformance.md")
    required = set(re.findall(r"- `(\w+)`\s*: \*\*REQUIRED\*\*", page))
    known = set(re.findall(r"- `(\w+)`\s*:\s*\*\*", page))
    assert {"token_endpoint", "grant_types_supported", "capabilities"} <= required
    told = smart_configuration("https://careloom.example.org")
    assert required <= set(told) <= known | {"token_endpoint_auth_signing_alg_values_supported"}
    assert set(told["capabilities"]) <= set(re.findall(r"`([\w-]+)`", page))
    assert set(told["token_endpoint_auth_methods_supported"]) <= set(re.findall(r'"(\w+)"', page))


def test_the_discovery_document_says_all_that_the_example_says(examples: Path) -> None:
    page = _page(examples, "example-backend-services.md")
    printed = re.search(r"^\{\n.*?^\}", page, re.DOTALL | re.MULTILINE)
    assert printed
    example_told = orjson.loads(re.sub(r",(\s*[\]}])", r"\1", printed[0]))  # the page has commas too many
    told = smart_configuration("https://careloom.example.org")
    assert set(example_told) <= set(told)
    for name, values in example_told.items():
        if isinstance(values, list):
            assert set(values) <= set(told[name]), name
