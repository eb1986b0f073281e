"""Bodies: compressed with a known dictionary, sealed, and only opened whole."""

import hashlib
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from careloom.crypto.envelope import Sealer
from careloom.errors import IntegrityError, SetupError
from careloom.runtime import packaged
from careloom.store.seal import Bodies, dictionary_for

KEY = Sealer(bytes(range(32)))
NONCE = bytes(12)

SHIPPED = {
    "csv.zdict": "3a8d1f2b798b07a392c865c3f2952819c8c87923b225a9a8e64d77f5e71e8379",
    "fhir.zdict": "1e03e75e3d6aace7f786070b5cb1fe7fb2dbac1fe716fa8fe2be5feb4efc952e",
    "hl7v2.zdict": "8acb7e02f401cb6d34699acfa97cb2960302784174cdc04c57686bb7793751e1",
}
"""What each number stands for, for ever: a new training gets a new number in `careloom.store.seal`."""


@given(st.binary(max_size=300), st.sampled_from([0, 1, 2, 3]))
def test_a_body_opens_again_whatever_dictionary_it_was_made_with(plain: bytes, dictionary: int) -> None:
    sealed = Bodies().seal(KEY, plain, b"c", NONCE, dictionary)
    assert Bodies().open(KEY, sealed, b"c") == plain
    assert Bodies().batch_seal(dictionary)(KEY, plain, b"c", NONCE) == sealed


def test_a_repetitive_body_is_small() -> None:
    assert len(Bodies().seal(KEY, b'{"resourceType":"Patient"}' * 100, b"c", NONCE)) < 200


@pytest.mark.parametrize("packed", [b"", b"\x00", b"\x00not zstandard", b"\x01\x28\xb5\x2f\xfd\x00"])
def test_a_sealed_value_that_is_no_body_is_an_integrity_error(packed: bytes) -> None:
    with pytest.raises(IntegrityError):
        Bodies().open(KEY, KEY.seal(packed, b"c", NONCE), b"c")


def test_a_dictionary_of_a_newer_version_is_a_setup_error() -> None:
    with pytest.raises(SetupError):
        Bodies().open(KEY, KEY.seal(b"\xfeabc", b"c", NONCE), b"c")


@pytest.mark.parametrize(
    ("record_format", "number"),
    [("fhir", 1), ("fhir-ndjson", 1), ("hl7v2", 2), ("csv", 3), ("csv/synthea", 3), ("notes", 0), ("", 0)],
)
def test_a_format_has_its_dictionary(record_format: str, number: int) -> None:
    assert dictionary_for(record_format) == number


@pytest.mark.parametrize("name", sorted(SHIPPED))
def test_a_shipped_dictionary_never_changes(name: str) -> None:
    assert hashlib.sha256(packaged("store", f"dictionaries/{name}")).hexdigest() == SHIPPED[name]


def test_threads_do_not_share_compressors() -> None:
    bodies, wrong = Bodies(), []

    def work(letter: bytes) -> None:
        for number in range(300):
            plain = letter * number
            if bodies.open(KEY, bodies.seal(KEY, plain, letter, NONCE), letter) != plain:
                wrong.append(plain)

    threads = [threading.Thread(target=work, args=(letter,)) for letter in (b"a", b"b", b"c")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
