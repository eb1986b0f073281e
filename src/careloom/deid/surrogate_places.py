"""Places and institutions in place of others: same kind, same writing."""

import re
from collections.abc import Callable

from careloom.deid import name_lists as lists
from careloom.deid.surrogate_numbers import number_layout
from careloom.deid.text_context import STATE_NAMES, STATES
from careloom.deid.text_streets import STREET_WORDS

Number = Callable[[str, str, int], int]
_TOKEN = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")
_COUNTRIES = (
    "Austria Brazil Chile Denmark Finland Ghana Greece Hungary Ireland Italy Kenya Norway Peru Poland Portugal "
    "Spain Sweden Thailand"
).split()
# Names of streets that stand in every town.
_STREETS = (
    "Alder Ash Aspen Beech Birch Bridge Cedar Cherry Chestnut Church Dogwood Elm Forest Garden Hawthorn Hazel "
    "Hickory Juniper Lake Laurel Linden Magnolia Maple Meadow Mill Oak Orchard Park Pine Poplar Prospect River "
    "School Spring Spruce Sycamore Union Valley Walnut Willow"
).split()
_KEPT = re.compile(
    rf"(?:{STREET_WORDS}|{STATES}|{STATE_NAMES}|apartment|apt|suite|ste|unit|floor|fl|room|rm|building"
    rf"|bldg|box|p|o|po|north|south|east|west|n|s|e|w|"
    r"ne|nw|se|sw|rue|via|calle|avenida|de|la|du|des|le|the|corner|of|and|psc|apo|fpo|dpo)",
    re.IGNORECASE,
)
_KIND = re.compile(
    r"(?:hospitals?|medical|health|cent(?:er|re)|clinics?|infirmary|hospice|healthcare|system|nursing"
    r"|home|pharmacy|laborator(?:y|ies)|labs|university|"
    r"college|academy|elementary|high|middle|primary|school|church|temple|mosque|synagogue|inc|llc|ltd"
    r"|limited|corp|corporation|gmbh|ag|plc|co|company|companies|"
    r"group|associates|partners|bank|insurance|foundation|institute|orchestra|holdings|industries"
    r"|technologies|solutions|services|systems|consulting|general|memorial|"
    r"regional|community|children's|veterans|county|city|state|family|women's|surgical|surgery"
    r"|rehabilitation|care|dialysis|urgent|wellness|imaging|eye|dental|"
    r"physical|therapy|department|agency|association|union|ministry|manor|rehab|the|of|and|for|at|st)",
    re.IGNORECASE,
)


def _cased(new: str, old: str) -> str:
    if old.isupper() and len(old) > 1:
        return new.upper()
    return new.lower() if old.islower() else new


def city(number: Number, seen: str, attempt: str, part: str) -> str:
    """Another city, or another country for a country."""
    pool = _COUNTRIES if part == "country" else lists.pools()["city"]
    return _cased(pool[number("city", lists.folded(seen) + attempt, len(pool))], seen)


def street(number: Number, seen: str, attempt: str, part: str) -> str:
    """Another street and number; what kind of street, the unit and a state stay."""

    def other(found: re.Match[str]) -> str:
        word = found[0]
        if any(letter.isdigit() for letter in word):
            return number_layout(number, "street", word, attempt)
        if _KEPT.fullmatch(word):
            return word
        return _cased(_STREETS[number("street", lists.folded(word) + attempt, len(_STREETS))], word)

    return _TOKEN.sub(other, seen)


def organization(number: Number, seen: str, attempt: str) -> str:
    """Another institution of the same kind."""
    words = list(_TOKEN.finditer(seen))
    own = [word for word in words if not _KIND.fullmatch(word[0])]
    first, last = (own[0], own[-1]) if own else (words[0], words[0])
    pool = lists.pools()["family"]
    new = pool[number("organization", lists.folded(seen[first.start() : last.end()]) + attempt, len(pool))]
    return seen[: first.start()] + _cased(new, first[0]) + seen[last.end() :]
