"""An administrator at the command line: keys that sign tokens are listed, renewed, revoked, also after an upgrade."""

import os
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from careloom.crypto import id_tokens
from careloom.crypto.access_tokens import TokenSigner
from careloom.crypto.envelope import context_of, seal
from careloom.services.platform import Platform
from careloom.settings import Data, Settings
from careloom.store.audit_log import microseconds
from careloom.store.signing_keys import KeptKey
from tests.journeys.hospital import CommandLine

Json = dict[str, Any]
FIELDS = {"kid", "use", "algorithm", "state", "created", "signs_from", "until"}


@pytest.fixture
def line(tmp_path: Path) -> CommandLine:
    return CommandLine(tmp_path)


def states(found: list[Json]) -> list[tuple[str, str]]:
    return [(key["use"], key["state"]) for key in found]


def of(found: list[Json], use: str, state: str) -> Json:
    (one,) = [key for key in found if (key["use"], key["state"]) == (use, state)]
    return one


def test_keys_are_made_when_first_asked_for_and_stay(line: CommandLine) -> None:
    first = line.json("keys", "list")
    assert states(first) == [("access", "current"), ("identity", "current")]
    assert [key["algorithm"] for key in first] == ["Ed25519", "RS256"]
    assert all(key.keys() == FIELDS and key["until"] is None for key in first)
    assert line.json("keys", "list") == first
    shown = line.run("keys", "list").stdout
    assert all(key["kid"] in shown for key in first)


def test_a_new_key_of_one_use_waits_until_everybody_has_seen_it(line: CommandLine) -> None:
    line.environment["CARELOOM__ACCESS__KEY_OVERLAP_HOURS"] = "5"
    before = line.json("keys", "list")
    after = line.json("keys", "rotate", "--use", "identity")
    assert states(after) == [("access", "current"), ("identity", "next"), ("identity", "current")]
    made, old = of(after, "identity", "next"), of(after, "identity", "current")
    assert old["kid"] == of(before, "identity", "current")["kid"] != made["kid"]
    waits = datetime.fromisoformat(made["signs_from"]) - datetime.fromisoformat(made["created"])
    assert timedelta(hours=4, minutes=59) < waits <= timedelta(hours=5)
    assert datetime.fromisoformat(old["until"]) - datetime.fromisoformat(made["signs_from"]) == timedelta(days=1)
    assert "[state.conflict]" in line.run("keys", "rotate", expect=4).stderr
    assert line.json("keys", "list") == after


def test_a_revoked_key_is_gone_and_another_signs_at_once(line: CommandLine) -> None:
    before = of(line.json("keys", "list"), "access", "current")
    after = line.json("keys", "revoke", before["kid"])
    assert states(after) == [("access", "current"), ("identity", "current")]
    assert before["kid"] not in {key["kid"] for key in after}
    gone = line.run("keys", "revoke", before["kid"], expect=2)
    assert "there is no signing key of this kid" in gone.stderr
    assert line.json("keys", "list") == after
    told = line.run("audit", "report", "--json").stdout
    assert told.count("revoke-signing-key") == 1
    assert told.count("list-signing-keys") == 2
    assert line.json("audit", "verify")["verified"]


def test_a_kid_that_begins_as_an_option_does_is_a_kid(line: CommandLine) -> None:
    with Platform(Settings(data=Data(directory=line.data))) as platform:
        raw = next(
            seed
            for seed in (number.to_bytes(32, "big") for number in range(10_000))
            if TokenSigner(seed).key_id.startswith("-")
        )
        kid = TokenSigner(raw).key_id
        sealed = seal(platform.keys.derive("tokens", "signing-keys"), raw, context_of(("signing-key", "9")), os.urandom)
        now = datetime.now(UTC)
        assert platform.signing_keys.add(KeptKey(9, "access", kid, sealed, now, now), now, now + timedelta(days=1))
    assert of(line.json("keys", "list"), "access", "current")["kid"] == kid
    line.json("keys", "revoke", kid)
    assert kid not in {key["kid"] for key in line.json("keys", "list")}
    for words in ((kid,), ("--", kid)):
        assert "[input.not-found]" in line.run("keys", "revoke", *words, expect=2).stderr


def test_a_use_that_no_key_has_is_refused_with_those_there_are(line: CommandLine) -> None:
    refused = line.run("keys", "rotate", "--use", "session", expect=2)
    assert "Say access, identity or all." in refused.stderr
    assert len(line.json("keys", "list")) == 2


OF_VERSION_4 = """
DROP TABLE signing_key;
CREATE TABLE signing_key (
    number INTEGER NOT NULL, sealed BLOB NOT NULL, created BIGINT NOT NULL, until BIGINT, PRIMARY KEY (number)
);
ALTER TABLE browser_session DROP COLUMN ways;
ALTER TABLE browser_session DROP COLUMN provider;
ALTER TABLE app_grant DROP COLUMN ways;
ALTER TABLE browser_session DROP COLUMN hint;
DROP TABLE passkey;
DROP TABLE passkey_challenge;
DROP TABLE account_identity;
DROP TABLE provider_attempt;
UPDATE access_version SET version = 4;
"""
"""Of a registry of today's version one as it was before keys of access tokens were kept, and keys had kids."""


def made_before(line: CommandLine) -> list[str]:
    """Makes the registry one of version 4 with two keys of id_tokens, the older still shown; the kids, newest first.

    The last kid is of the key that signed access tokens then.
    """
    line.json("keys", "list")
    now = datetime.now(UTC)
    kids, rows = [], list[tuple[Any, ...]]()
    with Platform(Settings(data=Data(directory=line.data))) as platform:
        for number, until in ((2, None), (1, now + timedelta(hours=20))):
            raw = id_tokens.new_key()
            kids.append(str(id_tokens.public_key(raw)["kid"]))
            key, context = platform.keys.derive("tokens", "signing-keys"), context_of(("signing-key", str(number)))
            sealed = seal(key, raw, context, platform.runtime.random_bytes)
            created = now - timedelta(days=200 / number)
            rows.append((number, sealed, microseconds(created), None if until is None else microseconds(until)))
        kids.append(TokenSigner(platform.keys.derive("tokens", "signing")).key_id)
    with closing(sqlite3.connect(line.data / "access" / "access.db")) as raw_file:
        raw_file.executescript(OF_VERSION_4)
        raw_file.executemany("INSERT INTO signing_key VALUES (?, ?, ?, ?)", rows)
        raw_file.commit()
    return kids


def test_keys_of_a_registry_from_before_rotation_sign_on_and_are_renewed_and_revoked(line: CommandLine) -> None:
    newest, older, derived = made_before(line)
    found = line.json("keys", "list")
    assert [(key["kid"], key["use"], key["state"]) for key in found] == [
        (derived, "access", "current"), (newest, "identity", "current"), (older, "identity", "retired"),
    ]  # fmt: skip
    kept = of(found, "identity", "current")
    assert kept["signs_from"] == kept["created"]
    assert kept["until"] is None
    assert of(found, "identity", "retired")["until"] is not None
    renewed = line.json("keys", "rotate")
    assert of(renewed, "identity", "current")["kid"] == newest
    left = {key["kid"] for key in line.json("keys", "revoke", of(renewed, "identity", "next")["kid"])}
    assert newest in left
    left = {key["kid"] for key in line.json("keys", "revoke", newest)}
    assert not left & {newest}
    assert derived in left
