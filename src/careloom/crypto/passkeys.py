"""What a passkey answers, read and checked: one that is made up, or for another place, proves nothing.

source  W3C, Web Authentication Level 2 (2021), 7.1 and 7.2; what may be synced, and frames of others, as Level 3
        (draft) has it. py_webauthn does the checking
"""

import hmac
import ipaddress
from base64 import urlsafe_b64decode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import orjson
from webauthn import (
    generate_authentication_options,
    generate_registration_options,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.helpers import decode_credential_public_key, decoded_public_key_to_cryptography, options_to_json_dict
from webauthn.helpers.cose import COSEAlgorithmIdentifier
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AttestationConveyancePreference,
    AttestationFormat,
    AuthenticatorSelectionCriteria,
    CredentialDeviceType,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from careloom.errors import Unauthenticated

LONGEST_ANSWER = 16_384
"""Letters of JSON; an answer without attestation has some hundreds."""
_LONGEST_CREDENTIAL = 1023
"""Bytes (Level 2, 7.1, step 24)."""
_NAME = "Careloom"
_ALGORITHMS = [
    COSEAlgorithmIdentifier.ECDSA_SHA_256,
    COSEAlgorithmIdentifier.EDDSA,
    COSEAlgorithmIdentifier.RSASSA_PKCS1_v1_5_SHA_256,
]
_FORMATS = {AttestationFormat.NONE, AttestationFormat.PACKED}
"""None is asked for; a self attestation may come nevertheless (Level 2, 5.1.3)."""
_WRONG = (WebAuthnException, ValueError, KeyError, TypeError, IndexError, AttributeError)
"""What py_webauthn raises for answers that nobody's browser sends."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where passkeys are good: the host (``rp.id``), and the origin whose pages may ask for them."""

    host: str
    origin: str


@dataclass(frozen=True, slots=True)
class Holder:
    """Whose a new passkey is, as the authenticator keeps it; `handle` is a keyed pseudonym, which tells nothing."""

    handle: bytes
    name: str
    full_name: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What a browser sent, before anything of it is believed."""

    challenge: bytes = field(repr=False)
    credential: bytes = field(repr=False)
    handle: bytes | None = field(repr=False)
    told: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Proof:
    """What an answer proves that was checked.

    public_key  of a new passkey, as COSE; of a known one as it was handed in
    sign_count  how often the authenticator says that it signed; 0 where it does not count
    is_synced   it may be copied to other devices of its holder
    """

    credential: bytes = field(repr=False)
    public_key: bytes = field(repr=False)
    sign_count: int
    is_synced: bool


def place_of(base_url: str) -> Place | None:
    """Where passkeys of an installation are good; None where browsers know none: under a bare address, or without TLS.

    source  Level 2, 5.1.3: an rp.id is a domain, and a page that asks is of https, or of this machine
    """
    parts = urlsplit(base_url)
    host = parts.hostname or ""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        is_safe = parts.scheme == "https" or host == "localhost" or host.endswith(".localhost")
        return Place(host, f"{parts.scheme}://{parts.netloc.lower()}") if host and is_safe else None
    return None


def options_to_make(
    place: Place, holder: Holder, challenge: bytes, known: Iterable[bytes], seconds: int
) -> dict[str, Any]:
    """What a page asks ``navigator.credentials.create`` for, as JSON; no second one beside those that are known."""
    options = generate_registration_options(
        rp_id=place.host, rp_name=_NAME, user_id=holder.handle, user_name=holder.name,
        user_display_name=holder.full_name, challenge=challenge, timeout=seconds * 1000,
        attestation=AttestationConveyancePreference.NONE, supported_pub_key_algs=_ALGORITHMS,
        exclude_credentials=[PublicKeyCredentialDescriptor(id=one) for one in known],
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.PREFERRED, user_verification=UserVerificationRequirement.REQUIRED
        ),
    )  # fmt: skip
    return options_to_json_dict(options)


def options_to_use(place: Place, challenge: bytes, known: Iterable[bytes], seconds: int) -> dict[str, Any]:
    """What a page asks ``navigator.credentials.get`` for, as JSON; one of those that are known does."""
    options = generate_authentication_options(
        rp_id=place.host, challenge=challenge, timeout=seconds * 1000,
        allow_credentials=[PublicKeyCredentialDescriptor(id=one) for one in known],
        user_verification=UserVerificationRequirement.REQUIRED,
    )  # fmt: skip
    return options_to_json_dict(options)


def read(text: str) -> Answer:
    """What a browser sent. raises Unauthenticated if it is no answer of a passkey on a page of our own"""
    if len(text) > LONGEST_ANSWER:
        raise _wrong()
    try:
        told = orjson.loads(text)
        response = told["response"]
        client = orjson.loads(_bytes(response["clientDataJSON"]))
        handle = response.get("userHandle")
        answer = Answer(
            _bytes(client["challenge"]), _bytes(told["rawId"]), None if handle is None else _bytes(handle), told
        )
        is_ours = client.get("crossOrigin", False) is False and "topOrigin" not in client
    except _WRONG:
        raise _wrong() from None
    if not is_ours or not 0 < len(answer.credential) <= _LONGEST_CREDENTIAL:
        raise _wrong()
    return answer


def proof_of_new(place: Place, answer: Answer, challenge: bytes) -> Proof:
    """What the answer to `options_to_make` proves. raises Unauthenticated if it does not hold"""
    try:
        made = verify_registration_response(
            credential=dict(answer.told), expected_challenge=challenge, expected_rp_id=place.host,
            expected_origin=place.origin, require_user_verification=True, supported_pub_key_algs=_ALGORITHMS,
        )  # fmt: skip
        decoded_public_key_to_cryptography(decode_credential_public_key(made.credential_public_key))
    except _WRONG:
        raise _wrong() from None
    if made.fmt not in _FORMATS or not hmac.compare_digest(made.credential_id, answer.credential):
        raise _wrong()
    return Proof(made.credential_id, made.credential_public_key, made.sign_count, _is_synced(made))


def proof_of_use(place: Place, answer: Answer, challenge: bytes, public_key: bytes) -> Proof:
    """What the answer to `options_to_use` proves, by the key that was kept. raises Unauthenticated if it does not hold

    The count is not compared here: whoever keeps the last one does so, and nobody counts between.
    """
    try:
        used = verify_authentication_response(
            credential=dict(answer.told), expected_challenge=challenge, expected_rp_id=place.host,
            expected_origin=place.origin, credential_public_key=public_key, credential_current_sign_count=0,
            require_user_verification=True,
        )  # fmt: skip
    except _WRONG:
        raise _wrong() from None
    return Proof(used.credential_id, public_key, used.new_sign_count, _is_synced(used))


def _is_synced(checked: Any) -> bool:
    return bool(checked.credential_device_type == CredentialDeviceType.MULTI_DEVICE)


def _bytes(text: str) -> bytes:
    """raises ValueError for anything but base64url without padding"""
    if not isinstance(text, str) or not text.isascii() or set(text) & set("+/="):
        raise ValueError("base64url is asked for")
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _wrong() -> Unauthenticated:
    return Unauthenticated("the passkey did not answer so that it holds here", "Try again, or another way.")
