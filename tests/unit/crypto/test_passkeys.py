"""What a passkey answers is read and checked, whatever a browser sends."""

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from careloom.crypto.passkeys import LONGEST_ANSWER, Place, place_of, proof_of_new, proof_of_use, read
from careloom.errors import Unauthenticated
from tests.api.passkey_kit import Device, decoded, encoded

PLACES = [
    ("https://careloom.example.org", Place("careloom.example.org", "https://careloom.example.org")),
    ("https://Careloom.Example.org:8443", Place("careloom.example.org", "https://careloom.example.org:8443")),
    ("https://careloom.example.org/under", Place("careloom.example.org", "https://careloom.example.org")),
    ("http://localhost:8080", Place("localhost", "http://localhost:8080")),
    ("http://careloom.example.org", None),
    ("http://127.0.0.1:8080", None),
    ("https://192.0.2.7", None),
    ("https://[2001:db8::7]:8443", None),
    ("", None),
]
HERE = Place("careloom.example.org", "https://careloom.example.org")
CHALLENGE = b"c" * 32
ASKED = {"challenge": encoded(CHALLENGE), "user": {"id": encoded(b"u" * 32)}}
NAMES = st.sampled_from(
    ["id", "rawId", "type", "response", "clientDataJSON", "attestationObject", "authenticatorData", "signature",
     "userHandle", "challenge", "crossOrigin"]
)  # fmt: skip
LEAVES = (
    st.none() | st.booleans() | st.integers(-10, 10) | st.text(max_size=8) | st.binary(max_size=80).map(encoded)
    | st.just("public-key") | st.just(encoded(orjson.dumps({"challenge": "YQ", "type": "webauthn.get", "origin": ""})))
)  # fmt: skip
SENT = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=6),
    max_leaves=16,
)
ANSWERS = st.fixed_dictionaries(
    {"id": LEAVES, "rawId": LEAVES, "type": LEAVES, "response": st.dictionaries(NAMES, LEAVES, max_size=8) | SENT}
)
DEVICE = Device(HERE.origin, HERE.host)


@pytest.mark.parametrize(("url", "place"), PLACES)
def test_passkeys_are_good_at_the_host_of_the_issuer_and_nowhere_without(url: str, place: Place | None) -> None:
    assert place_of(url) == place


@settings(max_examples=300, deadline=None)
@given(SENT | ANSWERS)
def test_whatever_is_sent_is_refused_and_nothing_else_happens(sent: object) -> None:
    with pytest.raises(Unauthenticated):
        proof_of_new(HERE, read(orjson.dumps(sent).decode()), CHALLENGE)
    with pytest.raises(Unauthenticated):
        proof_of_use(HERE, read(orjson.dumps(sent).decode()), CHALLENGE, DEVICE.cose())


@pytest.mark.parametrize("sent", ["", "{", "[" * 4000, '"' + "x" * LONGEST_ANSWER + '"', "nul", "{}" * 9])
def test_what_is_no_json_or_too_long_is_refused(sent: str) -> None:
    with pytest.raises(Unauthenticated):
        read(sent)


@settings(max_examples=300, deadline=None)
@given(place=st.integers(0, 2000), value=st.integers(0, 255), is_cut=st.booleans())
def test_a_new_passkey_with_a_byte_changed_is_refused_or_the_same_passkey(place: int, value: int, is_cut: bool) -> None:
    told = orjson.loads(DEVICE.make(ASKED))
    raw = bytearray(decoded(told["response"]["attestationObject"]))
    spoiled = raw[: place % len(raw)] if is_cut else raw
    if not is_cut:
        spoiled[place % len(raw)] = value
    told["response"]["attestationObject"] = encoded(bytes(spoiled))
    try:
        proof = proof_of_new(HERE, read(orjson.dumps(told).decode()), CHALLENGE)
    except Unauthenticated:
        return
    assert (proof.credential, proof.public_key) == (DEVICE.credential, DEVICE.cose())


@settings(max_examples=200, deadline=None)
@given(name=st.sampled_from(["authenticatorData", "signature", "clientDataJSON"]), place=st.integers(0, 2000),
       bit=st.integers(0, 7))  # fmt: skip
def test_an_answer_with_any_bit_changed_proves_nothing(name: str, place: int, bit: int) -> None:
    told = orjson.loads(DEVICE.use(ASKED))
    raw = bytearray(decoded(told["response"][name]))
    raw[place % len(raw)] ^= 1 << bit
    assert proof_of_use(HERE, read(orjson.dumps(told).decode()), CHALLENGE, DEVICE.cose()).sign_count == DEVICE.count
    told["response"][name] = encoded(bytes(raw))
    with pytest.raises(Unauthenticated):
        proof_of_use(HERE, read(orjson.dumps(told).decode()), CHALLENGE, DEVICE.cose())
