"""The methods of Microsoft's FHIR anonymizer: each changes one node and says what it did.

source  github.com/microsoft/Tools-for-Health-Data-Anonymization, docs/FHIR-anonymization.md, "Data anonymization
        algorithms"
"""

import hmac
import re
from base64 import b64decode, b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from functools import cache
from typing import Any, Literal

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.padding import PKCS7

from careloom.deid.microsoft import Method, Parameters, Rule
from careloom.deid.microsoft_dates import OLDEST_AGE, cut_to_year, offset_days, shifted
from careloom.deid.microsoft_elements import is_primitive, put, value_of
from careloom.deid.microsoft_paths import holds, made
from careloom.errors import SetupError
from careloom.fhir.fhirpath_errors import PathError
from careloom.fhir.fhirpath_scope import Environment
from careloom.fhir.fhirpath_values import Node, children, each_below, number_of
from careloom.fhir.validate_tables import resource_types

Operation = Literal["redact", "abstract", "cryptoHash", "encrypt", "perturb", "substitute", "generalize"]
_DATES = frozenset({"date", "dateTime", "instant"})
_INTEGERS = frozenset({"integer", "positiveInt", "unsignedInt"})
_QUANTITIES = frozenset(
    {"Age", "Count", "Duration", "Distance", "Money", "MoneyQuantity", "Quantity", "SimpleQuantity"}
)
_BLOCK_BITS = 128


class ProcessingError(Exception):
    """A rule that failed on a resource; names rule and element, never a value."""

    def __init__(self, rule: Rule, why: str) -> None:
        super().__init__(f"fhirPathRules[{rule.number}] ({rule.method}): {why}")


@dataclass(frozen=True, slots=True)
class Keys:
    """The secrets of one run. Whoever has them can hash, shift and decrypt as this run did."""

    date_shift: str
    crypto_hash: str
    encrypt: bytes


@dataclass(slots=True)
class Run:
    """What methods need while one resource is worked on.

    known    what expressions may know
    prefix   what stands before the key of the date shift; empty for the id of the outermost resource
    visited  nodes that a rule has had: no other rule changes them
    """

    parameters: Parameters
    keys: Keys
    today: date
    known: Environment
    random_bytes: Callable[[int], bytes]
    prefix: str = ""
    visited: set[Node] = field(default_factory=set)


def text_of(value: Any) -> str:
    """A primitive as text, as .NET writes it: the original hashes and encrypts that."""
    if isinstance(value, bool):
        return "True" if value else "False"
    return format(value, "f") if isinstance(value, Decimal) else str(value)


def keep(node: Node, rule: Rule, run: Run) -> Operation | None:
    """Nothing changes, and no later rule changes it either."""
    return None


def redact(node: Node, rule: Rule, run: Run) -> Operation | None:
    """The value goes; of dates, ages and ZIP codes the part stays that the parameters allow."""
    if value_of(node) is None:
        return None
    parameters = run.parameters
    if node.kind in _DATES:
        return _redact_date(node, run)
    if node.kind == "decimal" and node.parent is not None and node.parent.kind == "Age":
        age = number_of(node.value)
        put(node, age if parameters.partial_ages and age is not None and age <= OLDEST_AGE else None)
        return "redact"
    if node.key == "postalCode" and parameters.partial_zip_codes:
        text = text_of(node.value)
        kept = 0 if text.startswith(parameters.restricted_zip_codes) else 3
        put(node, text[:kept] + re.sub(r"\d", "0", text[kept:]))
        return "abstract"
    put(node, None)
    return "redact"


def _redact_date(node: Node, run: Run) -> Operation:
    put(node, cut_to_year(text_of(node.value), run.today) if run.parameters.partial_dates else None)
    return "redact"


def date_shift(node: Node, rule: Rule, run: Run) -> Operation | None:
    """A date with its day moves; any other is redacted."""
    if value_of(node) is None or node.kind not in _DATES:
        return None
    days = run.parameters.date_shift_days
    if days is None:
        days = offset_days(run.prefix or _outermost_id(node), run.keys.date_shift)
    moved = shifted(text_of(node.value), days, run.today)
    if moved is None:
        return _redact_date(node, run)
    put(node, moved)
    return "perturb"


def _outermost_id(node: Node) -> str:
    while node.parent is not None:
        node = node.parent
    found = node.value.get("id")
    return "" if found is None else text_of(found)


def crypto_hash(node: Node, rule: Rule, run: Run) -> Operation | None:
    """HMAC-SHA256 in hexadecimal digits; of a literal reference only the id is hashed."""
    if value_of(node) is None:
        return None
    key = run.keys.crypto_hash.encode()

    def hashed(text: str) -> str:
        return hmac.new(key, text.encode("utf-8", "surrogatepass"), "sha256").hexdigest() if text else text

    text = text_of(node.value)
    is_reference = node.key == "reference" and node.parent is not None and node.parent.kind == "Reference"
    put(node, _hashed_reference(text, hashed) if is_reference else hashed(text))
    return "cryptoHash"


@cache
def _references() -> tuple[re.Pattern[str], ...]:
    types = "|".join(sorted(resource_types()))
    name = r"[A-Za-z0-9\-.]{1,64}"
    return (
        re.compile(rf"((?:https?://[A-Za-z0-9\\/.:%$]*)?(?:{types})/)({name})(/_history/{name})?"),
        re.compile(r"(urn:oid:)([0-2](?:\.(?:0|[1-9][0-9]*))+)()"),
        re.compile(r"(urn:uuid:)([0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})()"),
    )


def _hashed_reference(text: str, hashed: Callable[[str], str]) -> str:
    if text.startswith("#"):
        return f"#{hashed(text[1:])}"
    for pattern in _references():
        found = pattern.fullmatch(text)
        if found:
            return f"{found[1]}{hashed(found[2])}{found[3] or ''}"
    return hashed(text)


def encrypt(node: Node, rule: Rule, run: Run) -> Operation | None:
    """AES in CBC mode with PKCS #7 padding; Base64 of the random initialization vector and the ciphertext."""
    if value_of(node) is None:
        return None
    vector = run.random_bytes(16)
    padder = PKCS7(_BLOCK_BITS).padder()
    padded = padder.update(text_of(node.value).encode("utf-8", "surrogatepass")) + padder.finalize()
    encryptor = Cipher(AES(run.keys.encrypt), CBC(vector)).encryptor()
    put(node, b64encode(vector + encryptor.update(padded) + encryptor.finalize()).decode())
    return "encrypt"


def decrypted(text: str, key: bytes) -> str:
    """What `encrypt` made of a text, back again. raises ValueError where it was not made with this key"""
    sealed = b64decode(text, validate=True)
    decryptor = Cipher(AES(key), CBC(sealed[:16])).decryptor()
    unpadder = PKCS7(_BLOCK_BITS).unpadder()
    padded = decryptor.update(sealed[16:]) + decryptor.finalize()
    return (unpadder.update(padded) + unpadder.finalize()).decode()


def perturb(node: Node, rule: Rule, run: Run) -> Operation | None:
    """Uniform noise on a number, or on the number of a quantity."""
    setting = rule.perturb
    target = next(iter(children(node, "value")), None) if node.kind in _QUANTITIES else node
    if setting is None or target is None or target in run.visited or target.kind not in _INTEGERS | {"decimal"}:
        return None
    given = number_of(target.value)
    if given is None:
        return None
    places = 0 if target.kind in _INTEGERS else setting.places
    with localcontext(prec=80):
        original = Decimal(given)
        width = setting.span * abs(original) if setting.proportional else setting.span
        share = Decimal(int.from_bytes(run.random_bytes(8), "big")) / (1 << 64)
        noisy = original + (share - Decimal("0.5")) * width
        if -int(noisy.as_tuple().exponent) > places:
            noisy = noisy.quantize(Decimal(1).scaleb(-places), ROUND_HALF_EVEN)
        least = {"positiveInt": 1, "unsignedInt": 0}.get(target.kind)
        noisy = noisy if least is None else max(noisy, Decimal(least))
    put(target, int(noisy) if target.kind in _INTEGERS else noisy)
    run.visited.update(each_below([node]))
    return "perturb"


def generalize(node: Node, rule: Rule, run: Run) -> Operation | None:
    """The value of the first case whose condition holds; what none fits is removed or kept.

    raises  ProcessingError where an expression fails; SetupError where the node is no primitive
    """
    setting = rule.generalize
    if not is_primitive(node):
        place = f"Microsoft anonymizer configuration: fhirPathRules[{rule.number}].path"
        raise SetupError(place, f"generalize is for primitive elements; this path reaches {node.kind}")
    if setting is None or node.value is None:
        return None
    try:
        for condition, value in setting.cases:
            if holds(condition, node, run.known):
                put(node, made(value, node, run.known))
                return "generalize"
    except PathError as error:
        raise ProcessingError(rule, error.where) from None
    if not setting.keeps_others:
        put(node, None)
    return "generalize"


HANDLERS: dict[Method, Callable[[Node, Rule, Run], Operation | None]] = {
    "keep": keep,
    "redact": redact,
    "dateShift": date_shift,
    "cryptoHash": crypto_hash,
    "encrypt": encrypt,
    "perturb": perturb,
    "generalize": generalize,
}
"""What each method does to one node; `substitute` changes a whole fragment and stands in its own module."""
