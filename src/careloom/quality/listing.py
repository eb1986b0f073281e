"""Whether codes stand in the releases in force, those that ship and those that were loaded."""

from collections.abc import Callable
from functools import lru_cache

from careloom.terminology.concepts import Release, Terminology
from careloom.terminology.systems import ICD_10_CM

Listed = Callable[[str, str], bool | None]
"""(system, code) -> True where the code is in force, False where it is not, None where nobody here can say."""


def listing(terminology: Terminology) -> Listed:
    """Asks the newest whole release of each system; of a system that is known in part only, every part.

    A code that only an older release has is not in force. Nobody can say for a system without a release, and for a
    code that all parts lack.
    """
    newest: dict[str, Release] = {}
    for release in terminology.releases():
        newest.setdefault(release.system, release)

    @lru_cache(maxsize=8192)
    def is_listed(system: str, code: str) -> bool | None:
        release = newest.get(system)
        if release is None:
            return None
        if system == ICD_10_CM and len(code) > 3 and "." not in code:
            code = f"{code[:3]}.{code[3:]}"
        concept = terminology.find(system, code, release.version if release.is_whole else None)
        if concept is not None:
            return concept.is_active
        return False if release.is_whole else None

    return is_listed
