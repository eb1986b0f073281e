"""Documents that are broken in one place or several: bytes, tags, attributes, elements, the end."""

import random
import re

DIRT = [
    "", " ", "x" * 300, "-1", "1e5", "NaN", "99999999999999999999", "20240230", "0000", "20240311081500-9900", "#",
    "#none", "2.16.840.1.113883.6.1", "not an oid", "urn:x", "Patient/1", "&lt;script&gt;", "&amp;", "&#233;", "\u6f22",
    "\u00b2", "\u2028", "a\tb", "true", "UNK", "EVN", "GOL", "completed", "PQ", "IVL_PQ", "CD", "TS", "RTO",
    "http://a b", "tel:",
]  # fmt: skip
_ATTRIBUTE = re.compile(rb'\s([\w:]+)="([^"]*)"')
_TAG = re.compile(rb"<(/?)([\w:]+)([^<>]*)>")
_LEAF = re.compile(rb"<([\w:]+)[^<>]*/>|<([\w:]+)[^<>]*>[^<]*</\2>")


def mutant(raw: bytes, rng: random.Random) -> bytes:
    """The document with one to six faults."""
    for _ in range(rng.randint(1, 6)):
        raw = rng.choice(_FAULTS)(raw, rng)
    return raw


def _pick(pattern: re.Pattern[bytes], raw: bytes, rng: random.Random) -> re.Match[bytes] | None:
    """A match at or after a place of chance."""
    return pattern.search(raw, rng.randrange(len(raw) + 1)) or pattern.search(raw)


def change_byte(raw: bytes, rng: random.Random) -> bytes:
    place = rng.randrange(len(raw) + 1)
    return raw[:place] + bytes([rng.randrange(256)]) + raw[place + 1 :]


def cut_bytes(raw: bytes, rng: random.Random) -> bytes:
    start = rng.randrange(len(raw) + 1)
    return raw[:start] + raw[start + rng.randrange(60) :]


def truncate(raw: bytes, rng: random.Random) -> bytes:
    return raw[: rng.randrange(len(raw) + 1)] if rng.random() < 0.2 else raw


def change_attribute(raw: bytes, rng: random.Random) -> bytes:
    found = _pick(_ATTRIBUTE, raw, rng)
    return raw if found is None else raw[: found.start(2)] + rng.choice(DIRT).encode() + raw[found.end(2) :]


def drop_attribute(raw: bytes, rng: random.Random) -> bytes:
    found = _pick(_ATTRIBUTE, raw, rng)
    return raw if found is None else raw[: found.start()] + raw[found.end() :]


def rename_attribute(raw: bytes, rng: random.Random) -> bytes:
    found = _pick(_ATTRIBUTE, raw, rng)
    name = rng.choice(["nullFlavor", "value", "code", "root", "unit", "typeCode"]).encode()
    return raw if found is None else raw[: found.start(1)] + name + raw[found.end(1) :]


def rename_element(raw: bytes, rng: random.Random) -> bytes:
    """Both tags of a name, everywhere or here only."""
    found = _pick(_TAG, raw, rng)
    if found is None:
        return raw
    other = _pick(_TAG, raw, rng)
    name = other[2] if other is not None else b"value"
    if rng.random() < 0.3:
        return re.sub(rb"(</?)" + re.escape(found[2]) + rb"(?=[\s/>])", rb"\g<1>" + name, raw)
    return raw[: found.start(2)] + name + raw[found.end(2) :]


def drop_leaf(raw: bytes, rng: random.Random) -> bytes:
    found = _pick(_LEAF, raw, rng)
    return raw if found is None else raw[: found.start()] + raw[found.end() :]


def repeat_leaf(raw: bytes, rng: random.Random) -> bytes:
    found = _pick(_LEAF, raw, rng)
    return raw if found is None else raw[: found.end()] + found[0] * rng.randint(1, 3) + raw[found.end() :]


def move_leaf(raw: bytes, rng: random.Random) -> bytes:
    found, place = _pick(_LEAF, raw, rng), _pick(_LEAF, raw, rng)
    return raw if found is None or place is None else raw[: place.start()] + found[0] + raw[place.start() :]


_FAULTS = [
    change_byte, cut_bytes, truncate, change_attribute, change_attribute, drop_attribute, rename_attribute,
    rename_element, drop_leaf, repeat_leaf, move_leaf,
]  # fmt: skip
