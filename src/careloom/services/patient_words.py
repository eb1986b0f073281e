"""By which words bytes that nobody could assign to a patient give one away."""

import re
from collections.abc import Callable, Iterable, Iterator

from careloom.fhir.drafts import Resource
from careloom.store.erasure import NamesPatient

ResourceId = Callable[[str, str, str], str]
"""(source system, resource type, the source's id) -> stored id."""

SHORTEST_WORD = 5
"""A shorter identifier is no evidence that bytes are about the patient."""

_NAMED = re.compile(r"Patient/([A-Za-z0-9\-.]{1,64})")
_HEADED = re.compile(r"(?im)^[ \t]*(?:patient[-_ ]?id|mrn)[ \t]*:[ \t]*([A-Za-z0-9\-.]{1,64})")
_OWN_ID = re.compile(r'"id"\s*:\s*"([A-Za-z0-9\-.]{1,64})"')
_TOKEN = re.compile(rf"[A-Za-z0-9\-.]{{{SHORTEST_WORD},64}}")
_DIGIT = re.compile(r"[0-9]")
_ESCAPED = re.compile(r"\\u([0-9A-Fa-f]{4})")
_BEGIN, _END = r"(?<![^\W_])", r"(?![^\W_])"
_NEAR = 64
"""Characters between the family and the given name of one person, at most."""


def names_patient(
    patient_id: str, versions: Iterable[Resource], resource_id: ResourceId, sources: Iterable[str]
) -> NamesPatient:
    """Whether bytes (a refused record, a resource under nobody's key, a file's name) name this patient.

    They do when they hold an id that their source system uses for the patient (any one of `sources` if theirs is not
    known); as a whole word an identifier, phone, mail address or street line of any version; or a family and a given
    name near each other. Case does not count.
    """
    systems = sorted(set(sources))
    words, pairs = _known(versions)
    by_word = re.compile(f"{_BEGIN}(?:{'|'.join(map(re.escape, words))}){_END}") if words else None
    by_name = [(one, two, re.compile(_near(one, two) + "|" + _near(two, one), re.DOTALL)) for one, two in pairs]

    def named(raw: bytes, source: str) -> bool:
        text = readable(raw)
        plain = text.casefold()
        if by_word is not None and by_word.search(plain):
            return True
        if any(one in plain and two in plain and near.search(plain) for one, two, near in by_name):
            return True
        own = [source] if source else systems
        return any(resource_id(system, "Patient", name) == patient_id for name in _ids(text) for system in own)

    return named


def readable(raw: bytes) -> str:
    """Bytes of an unknown encoding as text in which ASCII, UTF-8, UTF-16 and Windows-1252 words can be found."""
    plain = raw.replace(b"\0", b"")
    try:
        text = plain.decode()
    except UnicodeDecodeError:
        text = plain.decode("cp1252", "replace")
    return _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text) if "\\u" in text else text


def _ids(text: str) -> Iterator[str]:
    """What may be the source's id of a patient: named as one, or a word with a digit that stands anywhere."""
    yield from set(_NAMED.findall(text))
    yield from set(_HEADED.findall(text))
    if '"Patient"' in text:
        yield from set(_OWN_ID.findall(text))
    for token in set(_TOKEN.findall(text)):
        if _DIGIT.search(token):
            yield token
            if "." in token:
                yield token.rpartition(".")[0]


def _known(versions: Iterable[Resource]) -> tuple[list[str], list[tuple[str, str]]]:
    words: set[str] = set()
    pairs: set[tuple[str, str]] = set()
    for resource in versions:
        found = [identifier.get("value") for identifier in resource.get("identifier", [])]
        found += [telecom.get("value") for telecom in resource.get("telecom", [])]
        found += [line for address in resource.get("address", []) for line in address.get("line", [])]
        words |= {word.casefold() for word in found if isinstance(word, str) and len(word) >= SHORTEST_WORD}
        for name in resource.get("name", []):
            if "family" in name:
                pairs |= {(name["family"].casefold(), given.casefold()) for given in name.get("given", []) if given}
    return sorted(words), sorted(pairs)


def _near(one: str, two: str) -> str:
    return f"{_BEGIN}{re.escape(one)}{_END}.{{0,{_NEAR}}}?{_BEGIN}{re.escape(two)}{_END}"
