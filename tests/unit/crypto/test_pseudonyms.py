"""Keyed names: stable, valid as FHIR ids, not to be linked without the key."""

import base64
import hashlib
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from careloom.crypto.keys_local import LocalKeys
from careloom.crypto.pseudonyms import KeyedNames, digest_of, name_of, project_key, project_names

KEY = bytes(range(32))


@given(st.binary(min_size=16, max_size=16))
def test_a_name_is_lower_case_base32_and_has_an_inverse(digest: bytes) -> None:
    assert name_of(digest) == base64.b32encode(digest).decode().lower().rstrip("=")
    assert digest_of(name_of(digest)) == digest


@pytest.mark.parametrize("text", ["", "a" * 25, "a" * 27, "a" * 25 + "b", "A" * 26, "1" * 26])
def test_other_text_is_no_name(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        digest_of(text)


def test_a_resource_id_is_the_documented_hash() -> None:
    head = b"".join(len(raw).to_bytes(4, "big") + raw for raw in (b"synthea", b"Patient"))
    expected = hashlib.blake2b(head + b"123", digest_size=16, key=KEY).digest()
    assert KeyedNames(KEY).resource_id("synthea", "Patient", "123") == name_of(expected)


@given(st.text(), st.text(), st.text())
def test_a_resource_id_is_a_fhir_id_and_stable(source: str, kind: str, original: str) -> None:
    name = KeyedNames(KEY).resource_id(source, kind, original)
    assert re.fullmatch(r"[a-z2-7]{26}", name)
    assert KeyedNames(KEY).resource_id(source, kind, original) == name


def test_parts_cannot_be_shifted_into_each_other() -> None:
    names = KeyedNames(KEY)
    cases = [("a", "b", "c"), ("ab", "", "c"), ("a", "bc", ""), ("", "ab", "c"), ("a|b", "", "c"), ("a", "b", "c ")]
    assert len({names.resource_id(*case) for case in cases}) == len(cases)


def test_a_record_is_named_by_format_and_bytes() -> None:
    names = KeyedNames(KEY)
    assert names.record_id("fhir", b"x") == name_of(names.record_hash("fhir", b"x"))
    assert len({names.record_id(kind, raw) for kind in ("fhir", "csv") for raw in (b"", b"x")}) == 4


def test_other_keys_give_other_names() -> None:
    assert KeyedNames(KEY).resource_id("s", "Patient", "1") != KeyedNames(KEY[::-1]).resource_id("s", "Patient", "1")


def test_projects_and_zones_cannot_link_their_patients(tmp_path: Path) -> None:
    keys = LocalKeys.open(tmp_path / "keys")
    names = {
        project_names(keys, zone=zone, project=project).resource_id("", "Patient", "p1")
        for zone in ("research", "synthetic")
        for project in ("a", "b")
    }
    assert len(names) == 4
    assert project_names(keys, zone="research", project="a").resource_id("", "Patient", "p1") in names


def test_every_salt_purpose_and_scope_has_a_key_of_its_own(tmp_path: Path) -> None:
    keys = LocalKeys.open(tmp_path / "keys")
    salt = bytes(16)
    cases = [("pseudonym", "research/a", b""), ("pseudonym", "research/a", salt), ("pseudonym", "research/a", b"1"),
             ("pseudonym", f"{salt.hex()}/research/a", b""), ("date-shift", "a", b""), ("date-shift", "a", salt),
             ("pseudonym-epoch", "research/a", b"")]  # fmt: skip
    assert len({project_key(keys, *case) for case in cases}) == len(cases)
    assert project_key(keys, "pseudonym", "research/a") == keys.derive("pseudonym", "research/a")
