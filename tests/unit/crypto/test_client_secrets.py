"""Secrets of clients: kept as hashes, checked at one price, few at once."""

import re
import time
from statistics import median

import pytest

from careloom.crypto.client_secrets import LONGEST_SECRET, PREFIX, TURNS_AT_ONCE, SecretHasher, new_secret
from careloom.errors import StateError
from careloom.runtime import Runtime
from tests.architecture.source import modules


def test_a_secret_has_256_bits_and_needs_no_escaping() -> None:
    secrets = {new_secret(Runtime().random_bytes) for _ in range(50)}
    assert len(secrets) == 50
    assert all(len(secret) == len(PREFIX) + 43 for secret in secrets)
    assert all(secret.replace("-", "").replace("_", "").isalnum() for secret in secrets)


def test_the_hash_is_argon2id_at_no_less_than_the_minimum_of_owasp() -> None:
    kept = SecretHasher().hash("abcdefgh")
    assert kept.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert "abcdefgh" not in kept


def test_no_code_of_the_platform_asks_for_another_cost() -> None:
    """Tests may; a setting or an argument of a command that leads there would be a hole."""
    for module in modules():
        if module.name != "client_secrets.py":
            text = module.read_text("utf-8")
            assert re.findall(r"SecretHasher\([^)]+\)|client_secrets import .*\bCost\b", text) == [], module


CHECKS = [
    ("right", "s3cret", "s3cret", True),
    ("wrong", "s3cret", "s3cres", False),
    ("empty", "s3cret", "", False),
    ("longer", "s3cret", "s3cret" + "x" * LONGEST_SECRET, False),
    ("cut at the longest", "x" * LONGEST_SECRET, "x" * (LONGEST_SECRET + 1), False),
    ("not text", "s3cret", "\ud800\x00", False),
    ("accented", "gew\u00f6hnlich", "gew\u00f6hnlich", True),
]


@pytest.mark.parametrize(("what", "secret", "tried", "expected"), CHECKS, ids=[row[0] for row in CHECKS])
def test_only_the_secret_itself_is_taken(what: str, secret: str, tried: str, expected: bool) -> None:
    hasher = SecretHasher()
    assert hasher.is_secret(hasher.hash(secret), tried) is expected


@pytest.mark.parametrize("kept", ["", "no hash at all"])
def test_nobody_has_a_secret(kept: str) -> None:
    assert not SecretHasher().is_secret(kept, "")


def test_asking_for_nobody_costs_what_asking_for_somebody_costs() -> None:
    hasher = SecretHasher()
    kept = hasher.hash("s3cret")

    def cost(of: str) -> float:
        begun = time.thread_time()
        hasher.is_secret(of, "guess")
        return time.thread_time() - begun

    nobody, somebody = (median(cost(of) for _ in range(5)) for of in ("", kept))
    assert 0.5 < nobody / somebody < 2


def test_a_flood_waits_its_turn_and_is_then_told_to_come_back() -> None:
    hasher = SecretHasher(wait_seconds=0.01)
    kept = hasher.hash("s3cret")
    for _ in range(TURNS_AT_ONCE):
        hasher._turns.acquire()
    with pytest.raises(StateError):
        hasher.is_secret(kept, "s3cret")
    hasher._turns.release()
    assert hasher.is_secret(kept, "s3cret")
