"""Pages that a schedule may have, and the filters of each: none that shows a patient or a single record.

What a schedule makes is kept, so that only what is told of many may be in it. Names of filters are listed, not
forbidden: whatever is new on a page is refused until somebody has judged it.
"""

import re
from urllib.parse import parse_qsl

from careloom.errors import InputError

LONGEST_PAGE = 500
FILTERS: dict[str, tuple[str, ...]] = {
    "": (),
    "runs": (),
    "quality": ("zone", "status", "type"),
    "normalize": (),
    "synthetic": (),
    "models": (),
    r"models/[A-Za-z0-9@._-]{1,100}": (),
    "operations": ("window",),
    "operations/[a-z]{1,20}": (
        "window", "state", "kind", "level", "component", "code", "cpu_hour", "gigabyte", "unit",
    ),
    "explore": ("zone", "source", "look", "against", "column", "by", "value", "sort"),
    "deidentify": (),
    "deidentify/policies/[a-z0-9-]{1,64}": ("decision",),
    "capacity": ("what", "days", "zone", "unit", "judged"),
    "deployment": (),
    "notes/runs": (),
}  # fmt: skip
"""Address without its query -> names of the filters that it may have."""
LOOKS = frozenset({"overview", "distribution", "trend", "cross", "correlations"})
"""What Explore may show: counts, not rows."""
_QUERY = re.compile(r"[A-Za-z0-9_.~=&%+-]*")
_VALUE = re.compile(r"[A-Za-z0-9_. -]{1,64}")


def refuse_page(page: str) -> None:
    """Returns for a page that a schedule may have: ``quality?zone=research``. raises InputError"""
    path, _, query = page.partition("?")
    allowed = next((names for pattern, names in FILTERS.items() if re.fullmatch(pattern, path)), None)
    is_plain = len(page) <= LONGEST_PAGE and _QUERY.fullmatch(query) is not None
    if allowed is None or not is_plain or not _are_filters(query, allowed):
        raise InputError(
            "this page may not be made by a schedule",
            "Name a page that shows no patient and no single record, with filters that only narrow what it counts: "
            "quality?zone=research, without /dashboard/.",
        )


def _are_filters(query: str, allowed: tuple[str, ...]) -> bool:
    pairs = parse_qsl(query, keep_blank_values=True)
    told = dict(pairs)
    return (
        len(told) == len(pairs) == (query.count("&") + 1 if query else 0)
        and set(told) <= set(allowed)
        and all(_VALUE.fullmatch(value) for value in told.values())
        and told.get("look", "overview") in LOOKS
    )
