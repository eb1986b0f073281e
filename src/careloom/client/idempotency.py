"""Requests that create or start something get a key, so that they may be sent again without being done twice."""

import re
from dataclasses import replace
from uuid import uuid4

from careloom.client.transport import Ask

HEADER = "Idempotency-Key"
_NOT_KEPT = re.compile(
    r"/(?:audit/(?:checks|proofs)|clients(?:/[^/]+/rotate)?|deidentify|ingestions|forecasts/.*|explore/.*|mappings/suggest"
    r"|nlp/analyze|nlp/corpus|nlp/(?:facts|notes)/search|records|reidentifications/[^/]+/reveal|research/.*|risk/cohorts/.*|scores/.*"
    r"|subjects/(?:erasures(?:/preview)?|export)|synthetic/certificates/verify|terminology/.*|users(?:/.*)?)"
)
"""What the platform keeps no answer of, because it reads, or answers with patients' values or secrets; and uploads,
which may be large: to send one again is for whoever sends it to decide."""


def keyed(ask: Ask, base: str) -> Ask:
    """The same request with a key of its own, repeatable then, where the platform keeps its answer."""
    is_whole = ask.body is None or ask.body.is_new_each_time
    if ask.method != "POST" or ask.is_repeatable or not is_whole or not is_kept(ask.url, base):
        return ask
    return replace(ask, headers={**ask.headers, HEADER: f'"{uuid4()}"'}, is_repeatable=True)


def is_kept(url: str, base: str) -> bool:
    """True where a POST at this address may be sent again with its key."""
    place = url.removeprefix(f"{base}/api/v1").partition("?")[0]
    return url.startswith(f"{base}/api/v1/") and _NOT_KEPT.fullmatch(place) is None
