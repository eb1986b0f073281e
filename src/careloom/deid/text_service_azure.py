"""The de-identification service of Azure Health Data Services as a detector: texts leave this installation for it.

Off unless the settings name it and its address, and say that it may receive texts of patients. Each text is sent to be
tagged (operation ``Tag``). Whatever goes wrong stops the run: a text that was not looked at does not pass. No text
stands in an error.

source  REST API 2024-11-15, POST {endpoint}/deid: Azure/azure-rest-api-specs, HealthDataAIServices.DeidServices; the
        client azure-health-deidentification 1.0.0 (MIT) makes the same call
limits  48,000 characters a text and 50 KB a request (models_text_flow.tsp of the same); above 100 requests in five
        seconds it answers 429 (learn.microsoft.com, answers, question 5971508)
"""

import atexit
import os
import ssl
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from email.utils import parsedate_to_datetime
from functools import cache
from threading import Lock
from types import MappingProxyType
from typing import Any, Protocol

import httpx
import orjson

from careloom.client.address import base_address
from careloom.deid.text_combine import LEAST
from careloom.deid.text_detectors import Team
from careloom.deid.text_foreign import STAYS, Meaning, found_as
from careloom.deid.text_known import CLINICIAN, PATIENT, Known
from careloom.deid.text_pieces import pieces
from careloom.deid.text_spans import (
    ACCOUNT,
    AGE_OVER_89,
    BIOMETRIC,
    DATE,
    DEVICE,
    EMAIL,
    FAX,
    HEALTH_PLAN,
    IP,
    LICENSE,
    LOCATION,
    MRN,
    NAME,
    ORGANIZATION,
    OTHER_ID,
    PHONE,
    SSN,
    URL,
    VEHICLE,
    Found,
)  # fmt: skip
from careloom.errors import InputError, SetupError, StateError
from careloom.settings import Deidentify
from careloom.text.note import Span

API_VERSION = "2024-11-15"
SCOPE = "https://deid.azure.com/.default"
"""What a token is asked for (credential_scopes of the client)."""
MOST_BYTES = 45_000
"""Of one text in JSON: below 48,000 characters by every way to count them, and room for the rest of 50 KB."""
OVERLAP = 400
"""Characters that stand in two pieces of a long text, so that no identifier is cut in both."""
TRIES, FIRST_WAIT_SECONDS, MOST_WAIT_SECONDS = 6, 1.0, 60.0
TIMEOUT = httpx.Timeout(60.0, connect=10.0)
_AGAIN = frozenset({408, 429, 500, 502, 503, 504})
_RENEW_SECONDS = 300
_SHORT, _REMEMBERED = 200, 4096
WHERE = "de-identification service of Azure"

CATEGORIES: Mapping[str, Meaning] = MappingProxyType(
    {
        "Account": Meaning(ACCOUNT),
        "Age": Meaning(AGE_OVER_89),
        "BioID": Meaning(BIOMETRIC),
        "City": Meaning(LOCATION, "city"),
        "CountryOrRegion": Meaning(LOCATION, "country"),
        "Date": Meaning(DATE),
        "Device": Meaning(DEVICE),
        "Doctor": Meaning(NAME, CLINICIAN),
        "Email": Meaning(EMAIL),
        "Fax": Meaning(FAX),
        "HealthPlan": Meaning(HEALTH_PLAN),
        "Hospital": Meaning(ORGANIZATION),
        "IDNum": Meaning(OTHER_ID),
        "IPAddress": Meaning(IP),
        "License": Meaning(LICENSE),
        "LocationOther": Meaning(LOCATION),
        "MedicalRecord": Meaning(MRN),
        "Organization": Meaning(ORGANIZATION),
        "Patient": Meaning(NAME, PATIENT),
        "Phone": Meaning(PHONE),
        "Profession": STAYS,
        "SocialSecurity": Meaning(SSN),
        "State": STAYS,
        "Street": Meaning(LOCATION, "street"),
        "Unknown": Meaning(OTHER_ID),
        "Url": Meaning(URL),
        "Username": Meaning(OTHER_ID),
        "Vehicle": Meaning(VEHICLE),
        "Zip": Meaning(LOCATION, "zip"),
    }
)
"""PhiCategory of models_tagger.tsp -> ours. A profession is none of the 18 identifiers, and a state may stay (45 CFR
164.514(b)(2)(i)(B)).

A category that is not here counts as OTHER_ID, so that nothing which the service tags passes because it is new.
"""
_BY_NAME = {name.casefold(): meaning for name, meaning in CATEGORIES.items()}


class Token(Protocol):
    """An access token: `azure.core.credentials.AccessToken`."""

    @property
    def token(self) -> str: ...  # noqa: D102 - the name says it

    @property
    def expires_on(self) -> int: ...  # noqa: D102 - seconds since 1970


class Credential(Protocol):
    """What gives tokens: those of azure-identity do."""

    def get_token(self, *scopes: str) -> Token:
        """A token that holds now."""
        ...


class Connection:
    """What all detectors of one address share, in any thread: an HTTP client, a token while it holds; no text.

    credential  gives tokens for `SCOPE`; the identity needs the role *DeID Real-time Data User*
    now         tells seconds since 1970
    """

    def __init__(self, credential: Credential, *, now: Callable[[], float] = time.time) -> None:
        self.client = httpx.Client(timeout=TIMEOUT, verify=_trusted())
        self._credential = credential
        self._now = now
        self._token: Token | None = None
        self._renewing = Lock()

    def headers(self) -> dict[str, str]:
        """Those of a request, with a token that holds for some minutes."""
        with self._renewing:
            if self._token is None or self._token.expires_on - self._now() < _RENEW_SECONDS:
                self._token = self._credential.get_token(SCOPE)
            return {"Authorization": f"Bearer {self._token.token}", "Content-Type": "application/json"}

    def forget(self) -> None:
        """The token was refused: the next request asks for another."""
        self._token = None

    def close(self) -> None:
        """Ends the connections."""
        self.client.close()


class AzureDetector:
    """Asks the service about one text at a time, in pieces where it is long; may serve many texts, in one thread.

    endpoint    the service URL, ``https://NAME.api.REGION.deid.azure.com``
    connection  to it; whoever made it closes it
    wait, now   sleeps; tells seconds since 1970
    raises      SetupError if the endpoint is no address that is safe to send texts to
    """

    name = "azure"

    def __init__(
        self,
        endpoint: str,
        connection: Connection,
        *,
        wait: Callable[[float], None] = time.sleep,
        now: Callable[[], float] = time.time,
        most_bytes: int = MOST_BYTES,
    ) -> None:
        self.endpoint = _safe(endpoint)
        self._connection = connection
        self._wait = wait
        self._now = now
        self._most_bytes = most_bytes
        self._remembered: OrderedDict[str, tuple[Found, ...]] = OrderedDict()

    def find(self, text: str, known: Known) -> Sequence[Found]:
        """What the service tags. Nothing of `known` is sent; a text without a letter or digit is not sent either.

        raises  SetupError if it refuses or answers what cannot be read; StateError if it does not answer
        """
        if not any(letter.isalnum() for letter in text):
            return []
        if text in self._remembered:
            self._remembered.move_to_end(text)
            return self._remembered[text]
        found = tuple(one for piece in pieces(text, self._most_bytes, OVERLAP) for one in self._find_in(text, piece))
        if len(text) <= _SHORT:
            self._remembered[text] = found
            if len(self._remembered) > _REMEMBERED:
                self._remembered.popitem(last=False)
        return found

    def _find_in(self, text: str, piece: Span) -> list[Found]:
        sent = piece.of(text)
        answer = self._ask(sent)
        try:
            entities = answer["taggerResult"]["entities"]
            tagged = [(_span(one, sent), _meaning(one), _score(one)) for one in entities]
        except (KeyError, TypeError, ValueError, IndexError):
            raise _unreadable() from None
        moved = [
            (Span(span.start + piece.start, span.end + piece.start), meaning, score) for span, meaning, score in tagged
        ]
        found = [found_as(text, span, meaning, self.name, score) for span, meaning, score in moved]
        return [one for one in found if one is not None]

    def _ask(self, text: str) -> Any:
        """The answer to one text, asked again while the service is busy."""
        body = orjson.dumps({"inputText": text, "operation": "Tag"})
        pause, renewed = FIRST_WAIT_SECONDS, False
        for left in reversed(range(TRIES)):
            told = None
            try:
                response = self._connection.client.post(
                    f"{self.endpoint}/deid",
                    params={"api-version": API_VERSION},
                    content=body,
                    headers=self._connection.headers(),
                )
            except httpx.TransportError as error:
                why = f"it cannot be reached ({type(error).__name__})"
            else:
                if response.status_code == 200:
                    return _json(response)
                if response.status_code == 401 and not renewed:
                    self._connection.forget()
                    renewed, why = True, "it answered 401"
                    continue
                if response.status_code not in _AGAIN:
                    raise _refused(response)
                why, told = f"it answered {response.status_code}", self._told_to_wait(response)
            if not left or (told or 0) > MOST_WAIT_SECONDS:
                break
            self._wait(pause if told is None else told)
            pause = min(2 * pause, MOST_WAIT_SECONDS)
        raise StateError(
            f"{WHERE}: {why} {TRIES} times or asks to wait for longer than {MOST_WAIT_SECONDS:.0f} s",
            "No text that it did not look at was written. Run again later; a higher quota is asked for from Microsoft.",
        )

    def _told_to_wait(self, response: httpx.Response) -> float | None:
        """The seconds of Retry-After, which is a number or a date (RFC 9110, 10.2.3), or of Azure's milliseconds."""
        for name, unit in (("retry-after-ms", 0.001), ("x-ms-retry-after-ms", 0.001), ("retry-after", 1.0)):
            value = response.headers.get(name, "")
            if value.isascii() and value.isdigit():
                return int(value) * unit
        try:
            return max(0.0, parsedate_to_datetime(response.headers["retry-after"]).timestamp() - self._now())
        except (KeyError, ValueError):
            return None


def team(settings: Deidentify) -> Team:
    """The service as the settings name it.

    raises  SetupError if they do not name it in full, or azure-identity is not installed
    """
    if not settings.azure_may_receive_texts:
        raise SetupError(
            "settings: deidentify.detectors names azure, and deidentify.azure_may_receive_texts is false",
            "Texts of patients would leave this installation. Set it to true where your contract covers that.",
        )
    detector = AzureDetector(settings.azure_endpoint, shared(_safe(settings.azure_endpoint)))
    return Team(detector.name, f"api {API_VERSION}", (detector,), sends_to=detector.endpoint)


_OPEN: dict[str, Connection] = {}
_OPENING = Lock()
os.register_at_fork(after_in_child=_OPEN.clear)  # a child must not talk over its parent's sockets


def shared(endpoint: str, identity: Callable[[], Credential] | None = None) -> Connection:
    """The connection of this process to an address: opened at the first call, closed when the process ends."""
    with _OPENING:
        if endpoint not in _OPEN:
            _OPEN[endpoint] = Connection((identity or _identity)())
            atexit.register(_OPEN[endpoint].close)
        return _OPEN[endpoint]


def _identity() -> Credential:
    """Whoever this process is to Azure: its managed or workload identity, variables, or the command line's user."""
    try:
        from azure.core.exceptions import AzureError  # noqa: PLC0415 - the extra may not be there
        from azure.identity import DefaultAzureCredential  # noqa: PLC0415
    except ModuleNotFoundError:
        raise SetupError(
            f"{WHERE}: azure-identity is not installed", "Install the extra: pip install 'careloom[azure]'."
        ) from None
    identity = DefaultAzureCredential()

    class Identity:
        def get_token(self, *scopes: str) -> Token:
            try:
                given: Token = identity.get_token(*scopes)
                return given
            except AzureError:
                raise SetupError(
                    f"{WHERE}: no identity that Azure knows",
                    "Give this machine a managed identity, or set AZURE_CLIENT_ID, AZURE_TENANT_ID and a secret.",
                ) from None

    return Identity()


@cache
def _trusted() -> ssl.SSLContext:
    """The authorities that certificates are checked against; reading them takes a fifth of a second."""
    return httpx.create_ssl_context()


def _safe(endpoint: str) -> str:
    try:
        return base_address(endpoint, has_own_transport=False)
    except InputError as error:
        raise SetupError(
            f"settings: deidentify.azure_endpoint: {error.where}",
            "Write the service URL of the resource, https://NAME.api.REGION.deid.azure.com.",
        ) from None


def _json(response: httpx.Response) -> Any:
    try:
        return orjson.loads(response.content)
    except orjson.JSONDecodeError:
        raise _unreadable() from None


def _span(entity: Mapping[str, Any], sent: str) -> Span:
    """The place in code points, as told, and checked against the text that the service says stands there."""
    start, length = entity["offset"]["codePoint"], entity["length"]["codePoint"]
    if not (type(start) is type(length) is int and start >= 0 and length > 0 and start + length <= len(sent)):
        raise ValueError
    span, said = Span(start, start + length), entity.get("text")
    if isinstance(said, str) and said.strip() != span.of(sent).strip():
        raise ValueError
    return span


def _meaning(entity: Mapping[str, Any]) -> Meaning:
    return _BY_NAME.get(str(entity["category"]).casefold(), Meaning(OTHER_ID))


def _score(entity: Mapping[str, Any]) -> float:
    """How sure the service is; never so little that what it tags would not count."""
    score = entity.get("confidenceScore")
    return max(LEAST, float(score)) if isinstance(score, int | float) else 0.85


def _unreadable() -> SetupError:
    return SetupError(
        f"{WHERE}: its answer is not in the form of API version {API_VERSION}",
        "Check that deidentify.azure_endpoint is the service URL of a de-identification service.",
    )


def _refused(response: httpx.Response) -> SetupError:
    remedies = {
        401: "Check the identity and tenant that this process runs under.",
        403: "Give the identity the role DeID Real-time Data User on the service, and let this network reach it.",
        404: "Check that deidentify.azure_endpoint is the service URL of a de-identification service.",
    }
    status = response.status_code
    return SetupError(
        f"{WHERE}: it refused a request ({status})", remedies.get(status, "Tell whoever runs the service.")
    )
