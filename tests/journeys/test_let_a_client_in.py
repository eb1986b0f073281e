"""An administrator lets clients in on the command line; what they are given opens the API of the same installation."""

import json
from pathlib import Path

import pytest

from careloom.api.app import create_app
from careloom.services.platform import Platform
from careloom.settings import Data, Settings
from tests.api.signing import EC, PUBLIC, STRANGER, asserted, assertion, basic
from tests.journeys.hospital import CommandLine

GRANT = {"grant_type": "client_credentials"}
WARD = ("clients", "add", "ward", "--role", "clinician", "--zone", "identified")


@pytest.fixture
def careloom(tmp_path: Path) -> CommandLine:
    return CommandLine(tmp_path)


def sign_in(careloom: CommandLine, client_id: str, secret: str) -> int:
    """The status of asking for a token."""
    with Platform(Settings(data=Data(directory=careloom.data))) as platform:
        client = create_app(platform).test_client()
        return client.post("/oauth2/token", data=GRANT, headers=basic(client_id, secret)).status_code


def test_a_client_is_let_in_stopped_and_let_in_again(careloom: CommandLine) -> None:
    added = careloom.json(*WARD, "--scope", "system/Patient.rs", "--scope", "system/Observation.s")
    assert (added["client_id"], added["state"], added["kind"]) == ("ward", "active", "client")
    assert added["scopes"] == ["system/Observation.s", "system/Patient.rs"]
    secret = added["client_secret"]
    assert sign_in(careloom, "ward", secret) == 200
    careloom.run("clients", "disable", "ward")
    assert sign_in(careloom, "ward", secret) == 401
    assert careloom.json("clients", "show", "ward")["state"] == "disabled"
    careloom.run("clients", "enable", "ward")
    assert sign_in(careloom, "ward", secret) == 200
    renewed = careloom.json("clients", "rotate-secret", "ward")["client_secret"]
    assert [sign_in(careloom, "ward", each) for each in (secret, renewed)] == [401, 200]
    assert careloom.json("audit", "verify")["verified"]


def test_a_secret_is_shown_once_and_whole_however_narrow_the_terminal(careloom: CommandLine) -> None:
    careloom.environment["COLUMNS"] = "20"
    shown = careloom.run(*WARD, "--person").stdout
    secret = next(line.removeprefix("client_secret: ") for line in shown.splitlines() if "careloom_" in line)
    assert sign_in(careloom, "ward", secret) == 200
    for words in (("clients", "show", "ward"), ("clients", "list"), ("audit", "report"), ("clients", "list", "--json")):
        assert secret not in careloom.run(*words).stdout


def test_a_client_signs_in_with_the_key_of_its_file(careloom: CommandLine) -> None:
    file = careloom.folder / "keys.json"
    file.write_text(json.dumps(PUBLIC))
    added = careloom.json(*WARD, "--jwks", file)
    assert "client_secret" not in added
    assert (added["signs_in_with"], added["keys"]) == ("key", ["ec", "rsa"])
    file.write_text(json.dumps({"keys": [{**STRANGER.as_dict(private=False), "kid": "ec"}]}))
    with Platform(Settings(data=Data(directory=careloom.data))) as platform:
        client = create_app(platform).test_client()
        now = platform.runtime.now()
        assert client.post("/oauth2/token", data=asserted(assertion("ward", now))).status_code == 200
        careloom.run("clients", "rotate-secret", "ward", "--jwks", file)
        assert client.post("/oauth2/token", data=asserted(assertion("ward", now))).status_code == 401
        new = assertion("ward", now, key=STRANGER)
        assert client.post("/oauth2/token", data=asserted(new)).status_code == 200


def test_who_was_let_in_is_listed_by_name_with_the_day_it_ends(careloom: CommandLine) -> None:
    assert "None" in careloom.run("clients", "list").stdout
    for name, days in (("zeta", "30"), ("alpha", "3650")):
        careloom.run("clients", "add", name, "--role", "data-scientist", "--zone", "research", "--days", days)
    listed = careloom.json("clients", "list")
    assert [client["name"] for client in listed] == ["alpha", "zeta"]
    assert all(client["expires"][:10] in careloom.run("clients", "list").stdout for client in listed)


PRIVATE = {"keys": [EC.as_dict(private=True)]}
REFUSED = [
    ("no role", ("clients", "add", "x", "--zone", "identified"), 2),
    ("an unknown role", ("clients", "add", "x", "--role", "king", "--zone", "identified"), 2),
    ("an unknown scope", (*WARD[:2], "x", *WARD[3:], "--scope", "openid"), 2),
    ("no days", (*WARD[:2], "x", *WARD[3:], "--days", "0"), 2),
    ("a name that is taken", WARD, 4),
    ("nobody to show", ("clients", "show", "x"), 2),
    ("nobody to stop", ("clients", "disable", "x"), 2),
    ("keys that are not there", (*WARD[:2], "x", *WARD[3:], "--jwks", "none.json"), 2),
    ("keys that are no JSON", (*WARD[:2], "x", *WARD[3:], "--jwks", "text.json"), 2),
    ("keys that are a list", (*WARD[:2], "x", *WARD[3:], "--jwks", "list.json"), 2),
    ("private keys", (*WARD[:2], "x", *WARD[3:], "--jwks", "private.json"), 2),
]


def test_what_cannot_be_says_so_and_changes_nothing(careloom: CommandLine) -> None:
    careloom.run(*WARD)
    before = careloom.json("clients", "list")
    for name, text in (("text", "{"), ("list", "[]"), ("private", json.dumps(PRIVATE))):
        (careloom.folder / f"{name}.json").write_text(text)
    for what, words, code in REFUSED:
        told = careloom.run(*words, expect=code)
        assert told.stderr, what
        assert PRIVATE["keys"][0]["d"] not in told.stderr + told.stdout
    assert careloom.json("clients", "list") == before
