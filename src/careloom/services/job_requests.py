"""What jobs are asked to do, sealed while they lie in the queue."""

from base64 import b64decode, b64encode
from collections.abc import Mapping
from typing import Any

import orjson

from careloom.crypto.envelope import seal, unseal
from careloom.services.platform import Platform

_CONTEXT = b"careloom/jobs/request"


def sealed(platform: Platform, request: Mapping[str, Any]) -> dict[str, str]:
    """The request as the queue keeps it."""
    key = platform.keys.derive("seal", "jobs")
    return {"sealed": b64encode(seal(key, orjson.dumps(request), _CONTEXT)).decode()}


def unsealed(platform: Platform, request: Mapping[str, Any]) -> dict[str, Any]:
    """The request as it was asked. raises IntegrityError if it was changed."""
    kept = b64decode(request["sealed"])
    asked: dict[str, Any] = orjson.loads(unseal(platform.keys.derive("seal", "jobs"), kept, _CONTEXT))
    return asked
