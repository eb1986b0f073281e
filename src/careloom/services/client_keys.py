"""Public keys of clients that sign their own assertions: checked when registered, chosen when an assertion comes.

source  SMART App Launch 2.2 (2024), client-confidential-asymmetric; RFC 7517 (2015), JSON Web Key
"""

from collections.abc import Mapping
from typing import Any

import orjson
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey

from careloom.errors import QueryError

KEY_TYPE = {"RS384": "RSA", "ES384": "EC"}
"""Algorithm of an assertion -> type of the key that may sign it."""
ALGORITHMS = tuple(KEY_TYPE)
_CURVE = "P-384"
_RSA_BITS = range(2048, 8193)
_PRIVATE = {"d", "p", "q", "dp", "dq", "qi", "oth", "k"}
_MOST_KEYS = 10
_LONGEST = 65536
_PUBLIC = ("kty", "kid", "alg", "use", "n", "e", "crv", "x", "y")


def checked_keys(jwks: Mapping[str, Any]) -> str:
    """The public keys as they are kept: JSON of a JWK Set without anything but what verifies.

    raises  QueryError if a key is private, of another kind than RS384 and ES384 take, too short, or shares its kid
    """
    keys = jwks.get("keys")
    if not isinstance(keys, list) or not 1 <= len(keys) <= _MOST_KEYS or not _is_short(jwks):
        raise QueryError("this is no JWK Set of one to ten keys", 'Give {"keys": [...]}, as RFC 7517 has it.')
    checked = [_checked(key, number) for number, key in enumerate(keys, 1)]
    if len({key["kid"] for key in checked}) != len(checked):
        raise QueryError("two keys have the same kid", "Give each key a kid of its own.")
    return orjson.dumps({"keys": checked}).decode()


def _is_short(jwks: Mapping[str, Any]) -> bool:
    """Also false for what JSON cannot hold, such as half a surrogate."""
    try:
        return len(orjson.dumps(dict(jwks))) <= _LONGEST
    except orjson.JSONEncodeError:
        return False


def _checked(key: object, number: int) -> dict[str, str]:
    if not isinstance(key, dict):
        raise QueryError(f"key {number} is no JSON object", "See RFC 7517.")
    if not _PRIVATE.isdisjoint(key):
        raise QueryError(f"key {number} is a private one", "Give public keys only, and replace this one: it was shown.")
    public = {name: key[name] for name in _PUBLIC if name in key}
    if not all(isinstance(value, str) and len(value) <= 2048 for value in public.values()):
        raise QueryError(f"key {number} has members that are no texts", "See RFC 7517.")
    if not 1 <= len(public.get("kid", "")) <= 256:
        raise QueryError(f"key {number} has no kid", "SMART asks for one: it names the key in the assertion.")
    if public.get("use", "sig") != "sig" or KEY_TYPE.get(public.get("alg", "RS384")) is None:
        raise QueryError(f"key {number} is not for signing with RS384 or ES384", "Make one that is.")
    if public.get("alg") and KEY_TYPE[public["alg"]] != public.get("kty"):
        raise QueryError(f"key {number} is of another type than its algorithm", "Correct kty or alg.")
    _import(public, number)
    return public


def _import(public: dict[str, str], number: int) -> RSAKey | ECKey:
    remedy = "Use RSA of 2048 to 8192 bits for RS384, or EC on P-384 for ES384."
    try:
        if public.get("kty") == "RSA":
            rsa = RSAKey.import_key(dict(public))
            if rsa.public_key.key_size in _RSA_BITS and rsa.public_key.public_numbers().e >= 65537:
                return rsa
        elif public.get("kty") == "EC" and public.get("crv") == _CURVE:
            return ECKey.import_key(dict(public))
    except (JoseError, ValueError, TypeError, KeyError):
        pass
    raise QueryError(f"key {number} cannot verify RS384 or ES384", remedy)


def key_for(jwks: str, kid: str, algorithm: str) -> RSAKey | ECKey | None:
    """The one registered key with this kid that may sign with this algorithm."""
    keys: list[dict[str, str]] = orjson.loads(jwks)["keys"] if jwks else []
    fits = [key for key in keys if key["kid"] == kid and key["kty"] == KEY_TYPE.get(algorithm)]
    return _import(fits[0], 1) if len(fits) == 1 else None
