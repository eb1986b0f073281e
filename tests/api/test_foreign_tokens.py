"""Access tokens of another issuer, in the shapes of Entra ID, served by the test itself: accepted, mapped, refused."""

from base64 import urlsafe_b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from joserfc.jwk import RSAKey

from careloom.api.app import create_app
from careloom.errors import SetupError, StateError
from careloom.services.issuer_keys import KEPT_SECONDS, RETRIED_SECONDS, IssuerKeys
from careloom.services.issuers import Issuer, read_issuers
from tests.api.issuer_kit import AUDIENCE, OID, TENANT, ServedIssuer
from tests.api.kit import Clock, Installation
from tests.api.people_kit import at

ACTOR = f"entra:{OID}"
PROGRAM: dict[str, Any] = {"scp": None, "idtyp": "app", "name": None, "preferred_username": None, "sid": None}
"""What a program's token has otherwise than a person's."""
ID_TOKEN: dict[str, Any] = {"scp": None, "azp": None, "azpacr": None, "aio": None}
"""What an id_token of the code flow has otherwise: the roles stay, and the audience is the registration itself."""


@pytest.fixture(scope="module")
def issuer() -> Iterator[ServedIssuer]:
    served = ServedIssuer()
    yield served
    served.close()


def written(folder: Path, served: str, **more: str) -> Path:
    told = {
        "issuer": f'"{served}"', "tenant": f'"{TENANT}"', "audiences": f'["{AUDIENCE}", "api://careloom"]',
        "subject": '"oid"', "roles_in": '["roles", "groups"]', "zones": '["identified"]',
        "roles": '{"Careloom.Clinician" = ["clinician"], "g-1" = ["auditor"]}',
        "scopes": '{"Records.Read" = "user/*.rs", "Counts.Read" = "careloom/monitor"}',
    } | more  # fmt: skip
    file = folder / "issuers.toml"
    file.write_text("[entra]\n" + "".join(f"{name} = {value}\n" for name, value in told.items() if value), "utf-8")
    return file


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def made(tmp_path: Path, clock: Clock, issuer: ServedIssuer) -> Iterator[Installation]:
    file = written(tmp_path, issuer.issuer)
    with Installation(tmp_path, at(clock), access={"issuers": file}) as installation:
        installation.ingest()
        yield installation


def asked(made: Installation, token: str, address: str = "/api/v1/me") -> Any:
    return made.client.get(address, headers={"Authorization": f"Bearer {token}"})


def stamp(clock: Clock) -> int:
    return int(clock.now.timestamp())


def test_a_person_of_entra_reads_with_mapped_roles_and_scopes(
    made: Installation, clock: Clock, issuer: ServedIssuer
) -> None:
    token = issuer.token(stamp(clock))
    me = asked(made, token).json
    assert (me["name"], me["kind"], me["roles"], me["zones"]) == (ACTOR, "person", ["clinician"], ["identified"])
    assert asked(made, token, "/fhir/identified/Observation").status_code == 200
    assert made.events()[-1]["actor"] == ACTOR
    assert asked(made, token, "/metrics").status_code == 403


def test_a_program_of_entra_without_scopes_may_what_its_roles_may(
    made: Installation, clock: Clock, issuer: ServedIssuer
) -> None:
    me = asked(made, issuer.token(stamp(clock), **PROGRAM)).json
    assert me["kind"] == "client"
    assert {"system/*.rs", "careloom/monitor"} <= set(me["scopes"])


def test_groups_are_mapped_too_and_unknown_ones_mean_nothing(
    made: Installation, clock: Clock, issuer: ServedIssuer
) -> None:
    token = issuer.token(stamp(clock), roles=["Other.Role"], groups=["g-1", "g-2"], scp="Counts.Read")
    assert asked(made, token).json["roles"] == ["auditor"]


REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("for somebody else", {"aud": "other"}, "token-foreign"),
    ("for nobody", {"aud": None}, "token-foreign"),
    ("of another tenant", {"tid": "other"}, "token-tenant"),
    ("of no tenant", {"tid": None}, "token-tenant"),
    ("that is over", {"exp": 1_700_000_000}, "token-expired"),
    ("that never ends", {"exp": None}, "token-expired"),
    ("whose end is a text", {"exp": "9999999999"}, "token-expired"),
    ("that does not hold yet", {"nbf": 9_999_999_999}, "token-not-yet"),
    ("that is an id_token", {"nonce": "n", "scp": None}, "token-no-access-token"),
    ("that is an id_token of the code flow", ID_TOKEN, "token-no-access-token"),
    ("that is an id_token and names a program", {"scp": None}, "token-no-access-token"),
    ("of a person without scopes", PROGRAM | {"idtyp": "user"}, "token-no-access-token"),
    ("of a program that is not named", PROGRAM | {"azp": None}, "token-no-access-token"),
    ("of a program whose name is empty", PROGRAM | {"azp": ""}, "token-no-access-token"),
    ("that vouches for an access token", PROGRAM | {"at_hash": "h"}, "token-no-access-token"),
    ("that vouches for a code", PROGRAM | {"c_hash": "h"}, "token-no-access-token"),
    ("of who signed in, without scopes", PROGRAM | {"auth_time": 1_700_000_000}, "token-no-access-token"),
    ("that has neither scope nor role", {"scp": None, "roles": None}, "token-no-access-token"),
    ("of no person", {"oid": None}, "token-subject"),
    ("of a name that is none", {"oid": "a b"}, "token-subject"),
    ("without a role that is mapped", {"roles": ["Other.Role"]}, "token-nothing-granted"),
    ("with a scope that is not mapped", {"scp": "Other"}, "token-nothing-granted"),
]


@pytest.mark.parametrize(("what", "claims", "reason"), REFUSED, ids=[row[0] for row in REFUSED])
def test_a_token_is_refused_on_record(
    made: Installation, clock: Clock, issuer: ServedIssuer, what: str, claims: dict[str, Any], reason: str
) -> None:
    assert asked(made, issuer.token(stamp(clock), **claims)).status_code == 401
    last = made.events()[-1]
    assert (last["operation"], last["outcome"], last["detail"]["reason"]) == ("use-token", "refused", reason)


def test_a_person_s_token_may_say_when_they_signed_in(made: Installation, clock: Clock, issuer: ServedIssuer) -> None:
    assert asked(made, issuer.token(stamp(clock), auth_time=stamp(clock) - 60)).status_code == 200


@pytest.mark.parametrize("name", ["azp", "appid", "client_id"])
@pytest.mark.parametrize("typ", ["at+jwt", "application/at+jwt"])
def test_a_token_whose_type_says_access_needs_no_other_word_for_it(
    made: Installation, clock: Clock, issuer: ServedIssuer, name: str, typ: str
) -> None:
    program = PROGRAM | {"idtyp": None, "azp": None} | {name: "feed"}
    assert asked(made, issuer.token(stamp(clock), header={"typ": typ}, **program)).status_code == 200


@pytest.mark.parametrize(("program", "status"), [("feed", 200), (AUDIENCE, 401)])
def test_an_issuer_without_tenants_tells_an_id_token_by_its_audience(
    tmp_path: Path, clock: Clock, issuer: ServedIssuer, program: str, status: int
) -> None:
    file = written(tmp_path, issuer.issuer, tenant="")
    with Installation(tmp_path, at(clock), access={"issuers": file}) as made:
        token = issuer.token(stamp(clock), **PROGRAM | {"idtyp": None, "tid": None, "azp": program})
        assert asked(made, token).status_code == status


def forged(token: str, header: dict[str, Any], *, sign: str | None = None) -> str:
    """The token under another header, with its own or another signature."""
    _, body, kept = token.split(".")
    head = urlsafe_b64encode(orjson.dumps(header)).decode().rstrip("=")
    return f"{head}.{body}.{kept if sign is None else sign}"


@pytest.mark.parametrize("way", ["another key", "no signature", "no algorithm", "the key as a secret", "unknown kid"])
def test_a_token_that_the_issuer_did_not_sign_is_refused_and_leaves_no_event(
    made: Installation, clock: Clock, issuer: ServedIssuer, way: str
) -> None:
    good = issuer.token(stamp(clock))
    if way == "another key":
        other = ServedIssuer.__new__(ServedIssuer)
        other.keys, other.issuer = [RSAKey.generate_key(2048, {"kid": "k1"})], issuer.issuer
        token = other.token(stamp(clock))
    elif way == "unknown kid":
        token = issuer.token(stamp(clock), header={"kid": "k99"})
    else:
        header = {
            "no signature": {"alg": "RS256", "kid": "k1"}, "no algorithm": {"alg": "none", "kid": "k1"},
            "the key as a secret": {"alg": "HS256", "kid": "k1"},
        }[way]  # fmt: skip
        token = forged(good, header, sign="")
    before = len(made.events())
    assert asked(made, token).status_code == 401
    assert len(made.events()) == before


def test_without_the_file_no_foreign_token_is_one(tmp_path: Path, clock: Clock, issuer: ServedIssuer) -> None:
    with Installation(tmp_path, at(clock)) as made:
        assert asked(made, issuer.token(stamp(clock))).status_code == 401


def test_own_tokens_hold_beside_them(made: Installation) -> None:
    assert asked(made, made.token()).status_code == 200


class Seconds:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def of(issuer: str, *, private: bool = False) -> Issuer:
    return Issuer(issuer=issuer, audiences=[AUDIENCE], zones=["identified"], private=private)


def test_keys_are_kept_for_an_hour_and_unknown_ones_are_asked_for_once_a_minute() -> None:
    served, clock = ServedIssuer(), Seconds()
    keys = IssuerKeys(clock)
    try:
        for _ in range(20):
            assert keys.key(of(served.issuer), "k1")
            assert keys.key(of(served.issuer), "unknown") is None
        assert served.asked == 1
        served.keys.append(RSAKey.generate_key(2048, {"kid": "k2"}))
        clock.now += RETRIED_SECONDS
        assert keys.key(of(served.issuer), "k2")
        assert served.asked == 2
        served.is_down = True
        clock.now += KEPT_SECONDS
        assert keys.key(of(served.issuer), "k1")
        assert keys.key(of(served.issuer), "k2")
        assert served.asked == 3
    finally:
        served.close()


@pytest.mark.parametrize("how", ["down", "another issuer's"])
def test_an_issuer_that_does_not_answer_as_it_should_lets_nobody_in(how: str) -> None:
    served = ServedIssuer()
    served.is_down, served.claims_to_be = how == "down", "https://evil.example.org" if how != "down" else ""
    try:
        keys = IssuerKeys(Seconds())
        for _ in range(2):
            with pytest.raises(StateError):
                keys.key(of(served.issuer), "k1")
    finally:
        served.close()


ELSEWHERE = [
    ("a private network", False, ["10.0.0.7"]), ("one of two addresses private", False, ["93.184.215.14", "10.0.0.7"]),
    ("a private one in other words", False, ["::ffff:192.168.1.1"]), ("nowhere", False, []),
    ("this machine", True, ["127.0.0.1"]), ("this machine in other words", True, ["::ffff:127.0.0.1"]),
    ("the metadata of a cloud", True, ["169.254.169.254"]), ("no machine", True, ["0.0.0.0"]),
]  # fmt: skip


@pytest.mark.parametrize(("where", "private", "found"), ELSEWHERE, ids=[row[0] for row in ELSEWHERE])
def test_an_issuer_whose_name_leads_where_nothing_may_lie_is_not_asked(
    where: str, private: bool, found: list[str]
) -> None:
    looked: list[str] = []

    def look(host: str, port: int) -> list[str]:
        looked.append(f"{host}:{port}")
        return found

    with pytest.raises(StateError, match="does not answer"):
        IssuerKeys(Seconds(), look).key(of("https://login.example.org/v2.0", private=private), "k1")
    assert looked == ["login.example.org:443"]


@pytest.mark.parametrize(
    "kept_at", ["https://login.example.org/keys", "http://login.example.org/keys", "file:///etc/passwd"]
)
def test_keys_that_an_issuer_keeps_elsewhere_are_not_fetched(kept_at: str) -> None:
    served, looked = ServedIssuer(), list[str]()
    served.keys_at = kept_at

    def look(host: str, _port: int) -> list[str]:
        looked.append(host)
        return ["127.0.0.1"]

    try:
        with pytest.raises(StateError):
            IssuerKeys(Seconds(), look).key(of(served.issuer), "k1")
    finally:
        served.close()
    assert looked == ["127.0.0.1"], "only its discovery document is asked for"
    assert served.asked == 0


def test_an_issuer_that_sends_elsewhere_is_not_followed() -> None:
    served, other = ServedIssuer(), ServedIssuer()
    served.sends_to = f"{other.issuer.removesuffix('/v2.0')}/discovery/v2.0/keys"
    try:
        with pytest.raises(StateError):
            IssuerKeys(Seconds()).key(of(served.issuer), "k1")
    finally:
        served.close()
        other.close()
    assert (served.asked, other.asked) == (1, 0)


WRONG = [
    ("an unknown role", {"roles": '{"x" = ["chief"]}'}),
    ("an unknown zone", {"zones": '["moon"]'}),
    ("no audience", {"audiences": "[]"}),
    ("a scope that means nothing", {"scopes": '{"x" = "nothing"}'}),
    ("a key that nobody reads", {"role": '"clinician"'}),
    ("an issuer without TLS", {"issuer": '"http://login.example.org"'}),
    ("no TOML", {"zones": "identified"}),
]


@pytest.mark.parametrize(("what", "more"), WRONG, ids=[row[0] for row in WRONG])
def test_a_mistake_in_the_file_is_told_before_anything_is_served(
    tmp_path: Path, what: str, more: dict[str, str]
) -> None:
    file = written(tmp_path, "https://login.example.org/v2.0", **more)
    with pytest.raises(SetupError):
        read_issuers(file)
    with Installation(tmp_path, access={"issuers": file}) as made, pytest.raises(SetupError):
        create_app(made.platform)


def test_the_example_of_the_how_to_is_read() -> None:
    import re
    import tempfile

    from tests.architecture.source import ROOT

    page = (ROOT / "docs/how-to/accept-entra-tokens.md").read_text("utf-8")
    block = re.search(r"```toml\n(.*?)```", page, re.DOTALL)
    assert block
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "issuers.toml"
        file.write_text(block[1], "utf-8")
        assert read_issuers(file)["entra"].subject == "oid"
