"""FHIR operations of one zone: what the API does beside reading, searching and writing."""

import json
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlencode

from careloom.client.address import segment
from careloom.client.payload import JsonBody
from careloom.client.reports import Page, Resource
from careloom.client.session import Session
from careloom.client.transport import FHIR_JSON, Ask
from careloom.errors import QueryError, SetupError


class FhirOperations:
    """The operations of one zone, as the client's token allows."""

    def __init__(self, session: Session, below: str) -> None:
        self._session = session
        self._below = below

    def __repr__(self) -> str:
        return f"FhirOperations({self._session.base}{self._below})"

    def validate(self, resource: Resource, *, mode: str = "", resource_id: str = "") -> Resource:
        """The OperationOutcome of a resource: its issues say what refuses it, and what is doubtful.

        mode         create or update: also whether that would be done as things stand; empty for the resource alone
        resource_id  of the resource that is meant, where it is one that is there
        raises       AccessError; QueryError
        """
        path = f"{type_of(str(resource.get('resourceType', '')))}/"
        path += f"{segment(resource_id, 'id')}/" if resource_id else ""
        query = f"?{urlencode({'mode': mode})}" if mode else ""
        return self._document("POST", f"{path}$validate{query}", resource)

    def validate_stored(self, resource_type: str, resource_id: str, *, mode: str = "") -> Resource:
        """The OperationOutcome of a stored resource; mode delete: also whether it could be deleted.

        raises  NotFound, Erased; AccessError
        """
        query = f"?{urlencode({'mode': mode})}" if mode else ""
        return self._document("GET", f"{type_of(resource_type)}/{segment(resource_id, 'id')}/$validate{query}")

    def everything(  # noqa: PLR0913 - the parameters of the operation
        self,
        patient_id: str = "",
        *,
        encounter_id: str = "",
        start: str = "",
        end: str = "",
        since: str = "",
        types: Iterable[str] = (),
        count: int | None = None,
    ) -> Page:
        """The first page of everything of a patient, of an encounter, or of all patients; `FhirZone.follow` the others.

        start, end  FHIR dates: when the care took place
        since       FHIR instant: what was updated later
        types       names of resource types; all that the token lets search without
        raises      NotFound, Erased; AccessError; QueryError
        """
        pairs = [("start", start), ("end", end), ("_since", since), ("_type", ",".join(types))]
        pairs += [] if count is None else [("_count", str(count))]
        query = urlencode([pair for pair in pairs if pair[1]])
        kind, name = ("Encounter", encounter_id) if encounter_id else ("Patient", patient_id)
        path = f"{kind}/{segment(name, 'id')}/$everything" if name else f"{kind}/$everything"
        return page_of(self._document("GET", f"{path}?{query}" if query else path))

    def documents(
        self,
        patient_id: str,
        *,
        start: str = "",
        end: str = "",
        types: Iterable[str] = (),
        profile: str = "",
    ) -> Page:
        """A patient's DocumentReferences: of care between two dates, or without dates the newest of each type.

        types    tokens: ``http://loinc.org|34133-9``
        profile  what the format of a document's content says
        raises   QueryError; AccessError
        """
        pairs = [("patient", patient_id), ("start", start), ("end", end), ("type", ",".join(types))]
        query = urlencode([pair for pair in (*pairs, ("profile", profile)) if pair[1]])
        return page_of(self._document("GET", f"DocumentReference/$docref?{query}"))

    def deidentify(self, resource: Resource, *, policy: str = "", style: str = "", project: str = "") -> Resource:
        """Parameters with the resource without identity as ``return``, or why nothing passed as ``outcome``.

        raises  AccessError; QueryError, Invalid; TooLarge
        """
        return self._document("POST", f"$de-identify{_asked(policy, style, project)}", resource)

    def deidentify_stored(
        self, resource_type: str, resource_id: str, *, policy: str = "", style: str = "", project: str = ""
    ) -> Resource:
        """The same of a stored resource, with what the record knows of its patient. raises NotFound, Erased, too"""
        path = f"{type_of(resource_type)}/{segment(resource_id, 'id')}"
        return self._document("GET", f"{path}/$de-identify{_asked(policy, style, project)}")

    def run_view(
        self,
        view: Resource | str,
        *,
        patients: Iterable[str] = (),
        since: str = "",
        limit: int | None = None,
    ) -> list[dict[str, Any]]:
        """The rows of a ViewDefinition, or of one that ships, by its name; at most 10,000.

        patients  ids of the only patients wanted
        since     FHIR instant: what was updated later
        raises    QueryError, Unprocessable for the view; NotFound; AccessError
        """
        pairs = [("patient", ",".join(patients)), ("_since", since), ("_limit", "" if limit is None else str(limit))]
        query = urlencode([("_format", "json"), *(pair for pair in pairs if pair[1])])
        named = f"{segment(view, 'name of a view')}/" if isinstance(view, str) else ""
        ask = Ask(
            method="GET" if named else "POST",
            url=f"{self._session.base}{self._below}ViewDefinition/{named}$run?{query}",
            body=None if isinstance(view, str) else JsonBody(view, FHIR_JSON),
        )
        rows: list[dict[str, Any]] = json.loads(self._session.content(ask))
        return rows

    def _document(self, method: str, path: str, content: object = None) -> Resource:
        body = None if content is None else JsonBody(content, FHIR_JSON)
        url = f"{self._session.base}{self._below}{path}"
        return self._session.document(Ask(method=method, url=url, accept=FHIR_JSON, body=body))


def _asked(policy: str, style: str, project: str) -> str:
    query = urlencode([pair for pair in (("policy", policy), ("style", style), ("project", project)) if pair[1]])
    return f"?{query}" if query else ""


def type_of(name: str) -> str:
    """The name of a resource type as it stands in an address. raises QueryError"""
    text = segment(name, "resource type")
    if not text.isalpha():
        raise QueryError("that is no resource type", "Write it as FHIR does: Patient, Observation, ...")
    return text


def page_of(bundle: Resource) -> Page:
    """The page that a Bundle is. raises SetupError for what is none"""
    entries, links = bundle.get("entry", []), bundle.get("link", [])
    if bundle.get("resourceType") != "Bundle" or not isinstance(entries, list) or not isinstance(links, list):
        raise SetupError("the answer to the search is no Bundle", "Look at the base URL.")
    held = [entry for entry in entries if isinstance(entry, dict) and isinstance(entry.get("resource"), dict)]
    resources = tuple(entry["resource"] for entry in held if _mode(entry) not in ("outcome", "include"))
    following = [link.get("url") for link in links if isinstance(link, dict) and link.get("relation") == "next"]
    total = bundle.get("total")
    return Page(
        bundle,
        resources,
        total if isinstance(total, int) and not isinstance(total, bool) else None,
        next((url for url in following if isinstance(url, str)), ""),
        tuple(entry["resource"] for entry in held if _mode(entry) == "include"),
    )


def _mode(entry: Resource) -> object:
    search = entry.get("search")
    return search.get("mode") if isinstance(search, dict) else None
