"""Scopes: what a token allows, as text for OAuth and as verbs for us.

``system/Observation.rs`` reads and searches Observations, ``system/*.cud`` writes everything, ``careloom/ingest``
ingests.

``patient/`` is for who is bound to one patient, and only such a principal has it: its narrowing to that compartment is
the registry's word, not the scope's.

source  SMART App Launch 2.2 (2024), scopes and launch context: ``system/``, ``user/`` and ``patient/``, the letters
        ``cruds`` in that order, and ``.read`` (``.rs``), ``.write`` (``.cud``) and ``.*`` (``.cruds``) of version 1
"""

import re
from collections.abc import Collection, Iterable
from functools import lru_cache

from careloom.errors import QueryError
from careloom.fhir.search_parameters import resource_types
from careloom.services.access import ANY, ROLES, VERBS, Scope, Verb

LETTERS: dict[str, Verb] = {"c": "create", "r": "read", "u": "update", "d": "delete", "s": "search"}
"""Letter of a SMART scope -> verb, in the order in which letters stand."""
WORDS = {"read": "rs", "write": "cud", "*": "cruds"}
"""Ending of a scope of SMART 1 -> letters."""
OF_PLATFORM: frozenset[Verb] = VERBS - set(LETTERS.values())
"""What is asked for as ``careloom/<verb>``."""
SUPPORTED: dict[str, str] = {
    "system/*.rs": "read and search resources of every type; system/Observation.rs of one type",
    "system/*.r": "read resources of every type by id",
    "system/*.s": "search resources of every type",
    "system/*.c": "create resources of every type",
    "system/*.u": "update and patch resources of every type",
    "system/*.d": "delete resources of every type",
    "system/*.cruds": "all of these",
    "user/*.rs": "the same for a person, with the same letters and types",
    "patient/*.rs": "the same within the compartment of the one patient to whom the client is bound",
    "careloom/ingest": "bring data in",
    "careloom/quarantine": "see what was refused and why",
    "careloom/link": "find which patients are one person, and see the pairs",
    "careloom/decide": "decide which patients are one person",
    "careloom/deidentify": "make the research zone",
    "careloom/preview": "see what de-identification makes of one text or resource",
    "careloom/inquire": "ask who is behind pseudonyms, and learn it once it is approved",
    "careloom/reidentify": "approve or refuse what others asked about pseudonyms",
    "careloom/erase": "erase a patient",
    "careloom/rights": "give patients what they are entitled to, hold what a court wants, remove what is old",
    "careloom/audit": "read the audit chains",
    "careloom/operate": "see, stop and restart long work",
    "careloom/monitor": "see counts, runs and health",
    "careloom/quality": "look at how good the data is",
    "careloom/annotate": "have notes and texts read, and facts written",
    "careloom/correct": "say what a note means, in place of what was found",
    "careloom/break-glass": "open the record of one patient that consent withholds",
    "careloom/train": "train, measure and register models",
    "careloom/approve": "let a model that somebody else registered answer for patients",
    "careloom/introspect": "learn what a token that somebody shows is worth",
    "careloom/administer": "decide who may come in",
}
"""What a client may ask for, and what that allows."""
LONGEST_TEXT = 8192
REMEDY = (
    "Ask for system/, user/ or patient/<type or *>. with some of the letters cruds in this order, or for careloom/ "
    "with one of: " + ", ".join(sorted(OF_PLATFORM)) + "."
)
_SMART = re.compile(
    r"(?:system|user|patient)/(\*|[A-Z][A-Za-z]{1,63})\.(cr?u?d?s?|ru?d?s?|ud?s?|ds?|s|read|write|\*)", re.ASCII
)


def parse(text: str) -> frozenset[Scope]:
    """The scopes of a text that divides them by spaces.

    raises  QueryError that counts to the one that means nothing here, and never repeats it
    """
    if len(text) > LONGEST_TEXT:
        raise QueryError("the scopes are longer than any that mean something", REMEDY)
    return _parsed(text)


@lru_cache(256)
def _parsed(text: str) -> frozenset[Scope]:
    words = [word for word in text.split(" ") if word]
    return _without_covered(scope for number, word in enumerate(words, 1) for scope in _of_word(word, number))


def _of_word(word: str, number: int) -> list[Scope]:
    space, _, verb = word.partition("/")
    if space == "careloom" and verb in OF_PLATFORM:
        return [Scope(known) for known in OF_PLATFORM if known == verb]
    match = _SMART.fullmatch(word)
    if match is None or (match[1] != ANY and match[1] not in resource_types()):
        raise QueryError(f"scope {number} means nothing here", REMEDY)
    return [Scope(LETTERS[letter], match[1]) for letter in WORDS.get(match[2], match[2])]


def spaces_of(text: str) -> frozenset[str]:
    """What stands before the slashes of a text of scopes that `parse` understands: system, user, patient, careloom."""
    return frozenset(word.partition("/")[0] for word in text.split(" ") if word)


def space_for(text: str, *, is_bound: bool) -> str:
    """What SMART scopes begin with in the answer to who asked for `text`: as asked, or as the registry has it.

    is_bound  the client is bound to one patient
    raises    QueryError for ``patient/`` without a patient, and for anything else with one
    """
    asked = spaces_of(text) - {"careloom"}
    if is_bound and not asked <= {"patient"}:
        raise QueryError("this client is bound to one patient", "Ask for patient/ scopes.")
    if not is_bound and "patient" in asked:
        raise QueryError("patient/ scopes are for clients bound to one patient", "Ask for system/ or user/ scopes.")
    return "patient" if is_bound else "user" if asked == {"user"} else "system"


def words_of(scopes: Iterable[Scope], space: str = "system") -> list[str]:
    """The shortest texts that mean these scopes, sorted; `parse` of them gives the scopes again.

    space  what SMART scopes begin with: system, user or patient
    """
    kept = _without_covered(scopes)
    words = {f"careloom/{scope.verb}" for scope in kept if scope.verb in OF_PLATFORM}
    for kind in {scope.resource_type for scope in kept if scope.verb not in OF_PLATFORM}:
        letters = [letter for letter, verb in LETTERS.items() if Scope(verb, kind) in kept]
        words.add(f"{space}/{kind}.{''.join(letters)}")
    return sorted(words)


def text_of(scopes: Iterable[Scope], space: str = "system") -> str:
    """`words_of` as one text."""
    return " ".join(words_of(scopes, space))


def meaning_of(word: str) -> str:
    """What one scope of `words_of` allows, as people are asked about it."""
    if word in SUPPORTED and word.startswith("careloom/"):
        return f"{SUPPORTED[word]} ({word})"
    space, _, rest = word.partition("/")
    kind, _, letters = rest.partition(".")
    verbs = [LETTERS[letter] for letter in letters]
    whose = "of one patient" if space == "patient" else "that you may see"
    return f"{', '.join(verbs)} {'every kind of record' if kind == ANY else kind} {whose} ({word})"


def permitted(roles: Collection[str], zones: Collection[str]) -> frozenset[Scope]:
    """Everything that these roles permit in at least one of these zones."""
    return frozenset(
        Scope(verb) for role in roles for verb, places in ROLES.get(role, {}).items() if not places.isdisjoint(zones)
    )


def narrowed(asked: Iterable[Scope], granted: Iterable[Scope]) -> frozenset[Scope]:
    """What is both asked and granted: never more than either."""
    held = frozenset(granted)
    both = (_both(one, other) for one in asked for other in held)
    return _without_covered(scope for scope in both if scope is not None)


def _both(one: Scope, other: Scope) -> Scope | None:
    if one.verb != other.verb:
        return None
    if other.resource_type in (ANY, one.resource_type):
        return one
    return other if one.resource_type == ANY else None


def _without_covered(scopes: Iterable[Scope]) -> frozenset[Scope]:
    """Without those on one type whose verb is there for every type."""
    every = frozenset(scopes)
    return frozenset(scope for scope in every if scope.resource_type == ANY or Scope(scope.verb) not in every)
