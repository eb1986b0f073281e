"""Refusals: problem documents, OperationOutcomes and OAuth errors as the errors of `careloom.errors`.

source  RFC 9457 (2023) problem documents; FHIR R4 (4.0.1) OperationOutcome; RFC 6749 (2012) 5.2 and RFC 6750 (2012) 3.1
"""

import json
from collections.abc import Iterable
from typing import Any

import httpx

from careloom.errors import (
    AccessError,
    BudgetSpent,
    CareloomError,
    Conflict,
    Erased,
    FormatError,
    Held,
    InputError,
    IntegrityError,
    Invalid,
    NotFound,
    NotSupported,
    Precondition,
    QueryError,
    SetupError,
    StateError,
    TimedOut,
    TooLarge,
    Unauthenticated,
    Unavailable,
    Unprocessable,
    Withheld,
)

CODES: dict[str, type[CareloomError]] = {
    kind.code: kind
    for kind in (
        AccessError,
        BudgetSpent,
        Conflict,
        Erased,
        FormatError,
        Held,
        InputError,
        IntegrityError,
        Invalid,
        NotFound,
        NotSupported,
        Precondition,
        QueryError,
        SetupError,
        StateError,
        TimedOut,
        TooLarge,
        Unauthenticated,
        Unavailable,
        Unprocessable,
        Withheld,
    )
}
"""Code of an answer -> class. A longer code (``input.schema``) is of the family that it begins with (``input``)."""

STATUSES: dict[int, type[CareloomError]] = {
    401: Unauthenticated, 403: AccessError, 404: NotFound, 408: StateError, 409: StateError, 410: Erased,
    412: Precondition, 413: TooLarge, 422: Unprocessable, 423: Conflict, 425: StateError, 429: StateError,
}  # fmt: skip
"""HTTP status -> class where the code tells nothing; other 4xx are of the input, all else of the set-up."""

OAUTH: dict[str, type[CareloomError]] = {
    "invalid_client": Unauthenticated, "invalid_grant": Unauthenticated, "invalid_token": Unauthenticated,
    "invalid_scope": AccessError, "insufficient_scope": AccessError, "unauthorized_client": AccessError,
    "access_denied": AccessError, "server_error": SetupError, "temporarily_unavailable": SetupError,
}  # fmt: skip
"""Error of OAuth -> class; any other is of the input."""

LONGEST_TEXT = 500
REMEDIES: dict[type[CareloomError], str] = {
    AccessError: "Ask an administrator for this right.",
    Unauthenticated: "Sign in again, with a credential that holds.",
    StateError: "Try again in a while.",
    SetupError: "Look at the base URL, or tell the operator of the platform.",
}
_PROBLEM_SYSTEM = "urn:careloom:problem"


class Problem(Exception):  # noqa: N818 - reads as what happened
    """What a refusing answer said; stands as ``__cause__`` of the error that a caller catches.

    status      HTTP status
    code        stable code as the server gave it, e.g. ``input.schema``; of OAuth ``oauth.invalid_scope``;
                ``http.502`` where the answer was no document
    request_id  by which the operator finds the request in log and audit chain; empty where none came
    """

    def __init__(self, status: int, code: str, detail: str, remedy: str, request_id: str) -> None:
        super().__init__(f"HTTP {status}, {code}" + (f", request {request_id}" if request_id else ""))
        self.status = status
        self.code = code
        self.detail = detail
        self.remedy = remedy
        self.request_id = request_id


def problem_of(error: BaseException) -> Problem | None:
    """What the server said, if it is the reason of an error; None where no answer came or the client refused."""
    return error.__cause__ if isinstance(error.__cause__, Problem) else None


def error_of(response: httpx.Response, *, hide: Iterable[str] = ()) -> CareloomError:
    """The error that an answer stands for, with its `Problem` as cause.

    hide  secrets and tokens: they appear in no error, whatever an answer repeats
    """
    said = {part: clean(text, hide) for part, text in _said(response).items()}
    said["detail"] = said["detail"] or f"the platform refused with HTTP status {response.status_code}"
    request_id = clean(response.headers.get("X-Request-Id", ""), hide)[:64]
    kind = _kind(said["code"], response.status_code)
    remedy = said["remedy"] or REMEDIES.get(kind, "")
    problem = Problem(response.status_code, said["code"], said["detail"], remedy, request_id)
    error = kind(said["detail"], f"{remedy} (request {request_id})".lstrip() if request_id else remedy)
    error.__cause__ = problem
    return error


def clean(text: object, hide: Iterable[str] = ()) -> str:
    """A server's text on one line, without secrets and without what a terminal would obey."""
    if not isinstance(text, str):
        return ""
    for secret in hide:
        if secret:
            text = text.replace(secret, "[hidden]")
    line = " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
    return line if len(line) <= LONGEST_TEXT else line[: LONGEST_TEXT - 1] + "…"


def _kind(code: str, status: int) -> type[CareloomError]:
    if code.startswith("oauth."):
        return OAUTH.get(code.removeprefix("oauth."), InputError)
    family = code
    while family:
        if family in CODES:
            return CODES[family]
        family = family.rpartition(".")[0]
    return STATUSES.get(status, InputError if 400 <= status < 500 else SetupError)


def _said(response: httpx.Response) -> dict[str, object]:
    try:
        document: Any = json.loads(response.content)
    except (ValueError, RecursionError):
        document = None
    if isinstance(document, dict):
        if document.get("resourceType") == "OperationOutcome":
            return _of_outcome(document, response.status_code)
        if isinstance(document.get("code"), str) and isinstance(document.get("detail"), str):
            return {part: document.get(part, "") for part in ("code", "detail", "remedy")}
        if isinstance(document.get("error"), str):
            text = document.get("error_description") or document["error"]
            return {"code": f"oauth.{document['error']}", "detail": text, "remedy": ""}
    return _without_words(response.status_code)


def _of_outcome(document: dict[str, Any], status: int) -> dict[str, object]:
    issues = document.get("issue")
    first = next((issue for issue in issues if isinstance(issue, dict)), {}) if isinstance(issues, list) else {}
    found = first.get("details")
    details: dict[str, Any] = found if isinstance(found, dict) else {}
    codings = details.get("coding")
    codes = [
        coding["code"]
        for coding in (codings if isinstance(codings, list) else [])
        if isinstance(coding, dict) and coding.get("system") == _PROBLEM_SYSTEM and isinstance(coding.get("code"), str)
    ]
    text, more = details.get("text"), first.get("diagnostics")
    if not text and not more:
        return _without_words(status)
    code = codes[0] if codes else f"http.{status}"
    return {"code": code, "detail": text or more, "remedy": more if text and more != text else ""}


def _without_words(status: int) -> dict[str, object]:
    return {"code": f"http.{status}", "detail": "", "remedy": ""}
