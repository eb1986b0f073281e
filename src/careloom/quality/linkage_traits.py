"""What two patients are compared by: the traits of a FHIR Patient, written alike. Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from typing import Any

from careloom.quality import linkage_words as words
from careloom.quality.linkage_words import name_parts, name_word, plain, sound

Resource = dict[str, Any]
_NAME_USES = ("official", "usual", "", "temp", "nickname", "anonymous", "maiden", "old")
_ADDRESS_USES = ("home", "", "temp", "work", "billing", "old")
_LAST = len(_NAME_USES)
MOST_VALUES = 20
"""Names, lines, numbers of one patient that count, so that one with thousands slows nobody else down."""


@dataclass(frozen=True, slots=True)
class Traits:
    """One patient as the comparisons see them. None and empty lists mean not known: such a trait is neutral.

    id            the stored id
    given         the first given name as one word; `given_full`: names that it may stand for
    family        the family name as one word
    others        further names: middle and previous ones, nicknames, parts of hyphenated ones
    generation    2 for Jr., 1 for Sr., 3 for III
    birth         YYYYMMDD; `birth_swapped` with day and month exchanged; `birth_year`
    house         house number; `street` the first line without it; `lines` all lines, each as one word
    contacts      telephone digits and e-mail addresses; `phone` the first number
    person        a number that is one person's for life (Social Security number); `ids` every ``system|value``
    """

    id: str
    given: str | None = None
    given_full: tuple[str, ...] = ()
    given_sound: str | None = None
    given_initial: str | None = None
    family: str | None = None
    family_sound: str | None = None
    others: tuple[str, ...] = ()
    generation: int | None = None
    birth: str | None = None
    birth_swapped: str | None = None
    birth_year: str | None = None
    sex: str | None = None
    house: str | None = None
    street: str | None = None
    lines: tuple[str, ...] = ()
    city: str | None = None
    state: str | None = None
    postcode: str | None = None
    phone: str | None = None
    contacts: tuple[str, ...] = ()
    person: str | None = None
    ids: tuple[str, ...] = ()


COLUMNS = tuple(field.name for field in fields(Traits))


def traits_of(patient: Resource) -> Traits:
    """The traits of a Patient resource; whatever is not as FHIR says is left out, never an error."""
    birth = words.birth_of(_text(patient.get("birthDate")))
    given, family, others, generation = _names(patient)
    person, ids = _numbers(patient)
    phones, contacts = _contacts(patient)
    sex = _text(patient.get("gender"))
    return Traits(
        id=_text(patient.get("id")),
        given=given or None,
        given_full=tuple(words.full_names(given)) if given else (),
        given_sound=sound(given) or None,
        given_initial=given[:1] or None,
        family=family or None,
        family_sound=sound(family) or None,
        others=others,
        generation=generation,
        birth=birth or None,
        birth_swapped=words.swapped(birth) or None,
        birth_year=birth[:4] or None,
        sex=sex if sex in ("male", "female") else None,
        phone=phones[0] if phones else None,
        contacts=contacts,
        person=person or None,
        ids=ids,
        **_address(patient),
    )


def _names(patient: Resource) -> tuple[str, str, tuple[str, ...], int | None]:
    """(given, family, other names, generation): the best name of the Patient first, the others as further names."""
    given = family = ""
    generation = None
    others: list[str] = []
    for name in _by_use(patient.get("name"), _NAME_USES):
        first, middle, last, which = _one_name(name)
        generation = generation if generation is not None else which
        if not family and not given:
            given, family = first, last
        elif not given and first:
            given = first
        others += [first, *middle, last, *name_parts(_text(name.get("family")))]
    kept = dict.fromkeys(other for other in others if len(other) > 1 and other not in (given, family))
    return given, family, tuple(kept)[:MOST_VALUES], generation


def _one_name(name: Resource) -> tuple[str, list[str], str, int | None]:
    givens = [_text(each) for each in _list(name.get("given"))]
    family = _text(name.get("family"))
    suffixes = [_text(each) for each in _list(name.get("suffix"))]
    if not givens and not family:
        *givens, family = name_parts(_text(name.get("text"))) or [""]
    which = next((found for each in suffixes if (found := words.generation(each)) is not None), None)
    last_word = family.rpartition(" ")[2]
    if which is None and last_word != family and len(last_word) > 1:
        which = words.generation(last_word)
        family = family if which is None else family.rpartition(" ")[0]
    first = name_word(givens[0]) if givens else ""
    parts = [part for given in givens for part in name_parts(given)]
    return first, [part for part in parts if part != first], name_word(family), which


def _address(patient: Resource) -> dict[str, Any]:
    found: dict[str, Any] = {}
    lines: list[str] = []
    for address in _by_use(patient.get("address"), _ADDRESS_USES):
        own = [_text(line) for line in _list(address.get("line"))]
        streets = [words.street_of(line) for line in own]
        lines += [house + street for house, street in streets if len(street) > 3]
        if found:
            continue
        house, street = next(((house, street) for house, street in streets if house and street), ("", ""))
        if not street and streets:
            house, street = streets[0]
        found = {
            "house": house or None,
            "street": street or None,
            "city": "".join(plain(_text(address.get("city"))).split()) or None,
            "state": plain(_text(address.get("state"))).strip() or None,
            "postcode": "".join(plain(_text(address.get("postalCode"))).split())[:5] or None,
        }
    return found | {"lines": tuple(dict.fromkeys(lines))[:MOST_VALUES]}


def _contacts(patient: Resource) -> tuple[list[str], tuple[str, ...]]:
    phones, mails = [], []
    for telecom in _objects(patient.get("telecom")):
        value = _text(telecom.get("value"))
        if telecom.get("system") == "email":
            mails.append(value.strip().lower())
        elif telecom.get("system") in ("phone", "sms", None):
            phones.append(words.phone_of(value))
    phones = [phone for phone in dict.fromkeys(phones) if phone]
    return phones, (*phones, *dict.fromkeys(mail for mail in mails if "@" in mail))[:MOST_VALUES]


def _numbers(patient: Resource) -> tuple[str, tuple[str, ...]]:
    """(number of the person, every identifier as ``system|value``)."""
    person = ""
    ids = []
    known = words.words()
    for identifier in _objects(patient.get("identifier")):
        system, value = _text(identifier.get("system")), words.number_of(_text(identifier.get("value")))
        if not value:
            continue
        codings = _objects((identifier.get("type") or {}).get("coding")) if _is_object(identifier.get("type")) else []
        types = {_text(coding.get("code")) for coding in codings}
        is_person = system in known.person_systems or any(
            kind in known.person_types or (len(kind) == 5 and kind[:2] in known.person_types) for kind in types
        )
        if is_person and not person:
            person = value
        if system:
            ids.append(f"{system}|{value}")
    return person, tuple(dict.fromkeys(ids))[:MOST_VALUES]


def _by_use(value: Any, uses: tuple[str, ...]) -> list[Resource]:
    """The objects of a list in order of their use; the order of the list among equals."""
    return sorted(_objects(value), key=lambda one: uses.index(use) if (use := _text(one.get("use"))) in uses else _LAST)


def _objects(value: Any) -> list[Resource]:
    return [one for one in _list(value) if isinstance(one, dict)][:MOST_VALUES]


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _is_object(value: Any) -> bool:
    return isinstance(value, dict)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def columns_of(patients: Iterable[Traits]) -> dict[str, list[Any]]:
    """Traits as columns, in the order of `COLUMNS`: what a table of them is made from."""
    rows: Iterator[tuple[Any, ...]] = (tuple(getattr(one, name) for name in COLUMNS) for one in patients)
    columns = list(zip(*rows, strict=True))
    return {name: list(columns[at]) if columns else [] for at, name in enumerate(COLUMNS)}
