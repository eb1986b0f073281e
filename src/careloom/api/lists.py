"""Pages of lists that a service gives whole: filtered, cut, and gone on with by a cursor.

A cursor says behind which item the next page begins, so that what is added or taken away meanwhile neither repeats nor
hides another item. It is sealed, and belongs to its address and filters.
"""

import base64
import binascii
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

import orjson
from flask import Response, request
from pydantic import Field

from careloom.api.answers import json_answer, told
from careloom.api.context import platform
from careloom.api.schemas import Model, Moment
from careloom.crypto.envelope import context_of, seal, unseal
from careloom.errors import IntegrityError, QueryError

Order = Literal["newest", "oldest", "names", "names-down"]
NEXT = Field(description="The cursor of the next page, null on the last one; the header Link has its address.")
_CURSOR = r"^[A-Za-z0-9_-]{0,600}$"
Cursor = Annotated[str, Field(pattern=_CURSOR)]
_STATE = r"^[a-z][a-z-]{0,39}$|^$"


class ListQuery(Model):
    """Which page of a list."""

    limit: Annotated[int, Field(ge=1, le=500)] = told(100, "Items of one page.", 20)
    cursor: Cursor = told("", "`next` of the page before; empty for the first.", "")


class TimesQuery(ListQuery):
    """Which page of a list of what has a time."""

    since: Moment | None = told(None, "Not what was before.", "2026-11-22T00:00:00Z")
    until: Moment | None = told(None, "Only what was before.", "2026-11-23T00:00:00Z")


class StatesQuery(TimesQuery):
    """Which page of a list of what has a state."""

    state: Annotated[str, Field(pattern=_STATE)] = told("", "Only what is in this state.", "")


def paged(
    items: Sequence[Mapping[str, Any]], query: ListQuery, *, by: str, at: str = "", order: Order = "newest"
) -> Response:
    """The answer with one page.

    items  all that the caller may see
    by     the member that names an item
    at     the member with its time; empty where it has none
    order  by time and name, or by name alone where names sort by time, or where there is no time
    raises QueryError for a cursor that was not made here for this address and these filters
    """
    kept = [item for item in items if _fits(item, query, at)]
    timed, falls = at if order in ("newest", "oldest") else "", order in ("newest", "names-down")
    kept.sort(key=lambda item: _place(item, by, timed), reverse=falls)
    context = context_for(query)
    if query.cursor:
        last = opened_place(query.cursor, context)
        kept = [item for item in kept if (_place(item, by, timed) < last) == falls and _place(item, by, timed) != last]
    page = kept[: query.limit]
    more = sealed_place(_place(page[-1], by, timed), context) if len(kept) > len(page) else None
    return json_answer({"items": page, "next": more})


def _fits(item: Mapping[str, Any], query: ListQuery, at: str) -> bool:
    state = getattr(query, "state", "")
    if state and item.get("state") != state:
        return False
    since, until = getattr(query, "since", None), getattr(query, "until", None)
    if since is None and until is None:
        return True
    text = str(item.get(at) or "")
    if not text:
        return False
    moment = datetime.fromisoformat(text)
    return (since is None or moment >= since) and (until is None or moment < until)


def _place(item: Mapping[str, Any], by: str, at: str) -> list[str]:
    return [str(item.get(at) or "") if at else "", str(item[by])]


def context_for(query: Model) -> bytes:
    """What a cursor of this list with these filters is bound to."""
    return context_of(["paging", request.path, query.model_dump_json(exclude={"limit", "cursor"})])


def sealed_place(place: list[str], context: bytes) -> str:
    """The cursor that stands for a place of a list."""
    key = platform().keys.derive("paging", "lists")
    raw = seal(key, orjson.dumps(place), context, platform().runtime.random_bytes)
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def opened_place(cursor: str, context: bytes) -> list[str]:
    """The place that a cursor stands for. raises QueryError where it is not of this list"""
    try:
        raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        place: list[str] = orjson.loads(unseal(platform().keys.derive("paging", "lists"), raw, context))
    except (binascii.Error, ValueError, IntegrityError):
        raise QueryError(
            "this cursor is not one of this list with these filters", "Begin again without it, or repeat the filters."
        ) from None
    return place
