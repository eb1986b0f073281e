"""Example requests of the FHIR operations, for `test_routes`, and what they name."""

from typing import Any

from careloom.services.view_export import NamedView, ViewExportAsk, export_ask
from tests.api.kit import Installation
from tests.architecture.bulk_routes import whole
from tests.architecture.write_routes import NEW, body

_READS = {"verb": "read", "also": "system/*.s", "also_in": ("identified",)}
_NOTHING = body({"resourceType": "Parameters"})

_VALIDATE = "/fhir/{zone}/{type}"
VIEW = {
    "resourceType": "ViewDefinition", "name": "people", "status": "active", "resource": "Patient",
    "select": [{"column": [{"name": "id", "path": "getResourceKey()"}, {"name": "born", "path": "birthDate"}]}],
}  # fmt: skip
_VIEWS = body({
    "resourceType": "Parameters",
    "parameter": [{"name": "view", "part": [{"name": "name", "valueString": "people"},
                                            {"name": "viewResource", "resource": VIEW}]}],
})  # fmt: skip
_EXPORT = "/fhir/{zone}/$viewdefinition-export/{export_id}"
_OWN = "/fhir/identified/$viewdefinition-export/{own_view_export}"
EXAMPLES: dict[str, dict[str, Any]] = {
    f"POST {_VALIDATE}/$validate": {
        "path": "/fhir/identified/Organization/$validate", "verb": "read", **body(NEW),
    },
    f"POST {_VALIDATE}/{{id}}/$validate": {
        "path": "/fhir/identified/Organization/o1/$validate", "verb": "read", **body(NEW),
    },
    f"GET {_VALIDATE}/{{id}}/$validate": {"path": "/fhir/identified/Patient/{patient}/$validate", "verb": "read"},
    "GET /fhir/{zone}/Patient/$everything": {"path": "/fhir/identified/Patient/$everything", **_READS},
    "GET /fhir/{zone}/Patient/{id}/$everything": {
        "path": "/fhir/identified/Patient/{patient}/$everything", **_READS,
    },
    "POST /fhir/{zone}/Patient/{id}/$everything": {
        "path": "/fhir/identified/Patient/{patient}/$everything", **_READS, **_NOTHING,
    },
    "GET /fhir/{zone}/Encounter/{id}/$everything": {
        "path": "/fhir/identified/Encounter/{encounter}/$everything", **_READS,
    },
    "POST /fhir/{zone}/Encounter/{id}/$everything": {
        "path": "/fhir/identified/Encounter/{encounter}/$everything", **_READS, **_NOTHING,
    },
    "GET /fhir/{zone}/DocumentReference/$docref": {
        "path": "/fhir/identified/DocumentReference/$docref?patient={patient}", "verb": "search",
    },
    "POST /fhir/{zone}/DocumentReference/$docref": {
        "path": "/fhir/identified/DocumentReference/$docref?patient={patient}", "verb": "search", **_NOTHING,
    },
    "POST /fhir/{zone}/$de-identify": {
        "path": "/fhir/identified/$de-identify", "verb": "preview", "zones": ("identified", "research"),
        **body(NEW | {"id": "o1"}),
    },
    "GET /fhir/{zone}/{type}/{id}/$de-identify": {
        "path": "/fhir/identified/Patient/{patient}/$de-identify", "verb": "preview",
        "zones": ("identified", "research"), "also": "system/*.r", "also_in": ("identified",),
    },
    "GET /fhir/{zone}/ViewDefinition/{view}/$run": {
        "path": "/fhir/identified/ViewDefinition/patient/$run", "verb": "search",
    },
    "GET /fhir/{zone}/ViewDefinition/$run": {
        "path": "/fhir/identified/ViewDefinition/$run?viewReference=ViewDefinition/patient", "verb": "search",
    },
    "POST /fhir/{zone}/ViewDefinition/$run": {
        "path": "/fhir/identified/ViewDefinition/$run", "verb": "search", **body(VIEW),
    },
    "POST /fhir/{zone}/$viewdefinition-export": {
        "path": "/fhir/identified/$viewdefinition-export", **_READS, "statuses": (202,),
        "more": {**_VIEWS["more"], "headers": {"Prefer": "respond-async"}},
    },
    f"GET {_EXPORT}": {"path": _OWN, "verb": "read"},
    f"DELETE {_EXPORT}": {"path": _OWN, "verb": "read", "statuses": (202,)},
    f"GET {_EXPORT}/{{view}}/{{file}}": {"path": f"{_OWN}/people/Patient.1.ndjson", "verb": "read"},
}  # fmt: skip
ENCOUNTER = {
    "resourceType": "Encounter", "id": "e1", "status": "finished",
    "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"},
    "subject": {"reference": "Patient/p1"},
}  # fmt: skip


def own_export(made: Installation, actor: str) -> str:
    """The id of a new export of one view that is done, as if `actor` had asked for it."""
    return whole(made, actor, export_ask("identified", ViewExportAsk((NamedView("people", VIEW),), "ndjson")))


BEYOND = {
    ("POST /fhir/{zone}/$viewdefinition-export", "positive_data_acceptance", 400),  # what is no view
    ("GET /fhir/{zone}/{type}/{id}/$validate", "positive_data_acceptance", 422),  # a profile of another type
    *(
        (f"POST /fhir/{{zone}}/{{type}}/{below}$validate", "positive_data_acceptance", status)
        for below in ("", "{id}/")
        for status in (400, 422)
    ),
    *(
        (f"{method} /fhir/{{zone}}/{below}$everything", "positive_data_acceptance", 400)
        for method in ("GET", "POST")
        for below in ("Patient/", "Patient/{id}/", "Encounter/{id}/")
    ),
    *(
        (name, "positive_data_acceptance", status)  # a policy that does not ship, a zone without identity
        for name in ("POST /fhir/{zone}/$de-identify", "GET /fhir/{zone}/{type}/{id}/$de-identify")
        for status in (400, 405)
    ),
    ("POST /fhir/{zone}/ViewDefinition/$run", "positive_data_acceptance", 400),  # what is no view
    *((f"{one} /fhir/{{zone}}/DocumentReference/$docref", "positive_data_acceptance", 400) for one in ("GET", "POST")),
}
"""(operation, check, status) that no campaign counts: which parameters go together, which profile is of a type
and what a Parameters resource holds, is more than a schema can say."""
