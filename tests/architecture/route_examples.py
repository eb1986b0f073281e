"""An example request of every route of the API, for `test_routes`: a new route fails there until it stands here."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from careloom.services.access import Zone
from careloom.tables.research import PATIENTS as RESEARCH_PATIENTS
from tests.architecture import (
    access_routes,
    audit_routes,
    bulk_routes,
    client_routes,
    explore_routes,
    forecast_routes,
    jobs_routes,
    lake_routes,
    linkage_routes,
    models_routes,
    monitoring_routes,
    operation_routes,
    operations_routes,
    people_routes,
    report_routes,
    risk_routes,
    score_routes,
    signing_key_routes,
    subject_routes,
    synthetic_routes,
    users_routes,
    vault_routes,
    write_routes,
)
from tests.architecture.terminology_routes import TERMINOLOGY

FORM = "application/x-www-form-urlencoded"
LINE = b'{"resourceType":"Patient","id":"later","name":[{"family":"Later"}]}\n'


@dataclass(frozen=True)
class Example:
    """One request that a route takes.

    path      with the names of `Facts` in braces
    verb      what the caller must be allowed, empty where whoever has a token may
    zones     where; a caller without the first is refused
    statuses  of the right answer
    more      further arguments of the request
    lacking   what a caller may lack to be refused; who lacks another of `LACKING` sees less instead
    also      a further scope that the example needs, as for what somebody else began
    also_in   zones that the example needs beside `zones`
    told      the scope that the document names, where it is not that of the verb
    """

    path: str
    verb: str = ""
    zones: tuple[Zone, ...] = ("identified",)
    statuses: tuple[int, ...] = (200,)
    more: Mapping[str, Any] = field(default_factory=dict)
    lacking: tuple[str, ...] = ("scope", "role", "zone")
    also: str = ""
    also_in: tuple[Zone, ...] = ()
    told: str = ""


NOTE = {
    "resourceType": "DocumentReference", "id": "n1", "status": "current", "subject": {"reference": "Patient/p1"},
    "content": [{"attachment": {"contentType": "text/plain", "data": "R291dCB0b2RheS4="}}],
}  # fmt: skip
"""Its text: Gout today."""
BOTH: tuple[Zone, ...] = ("identified", "research")
UPLOAD = {"data": LINE, "content_type": "application/fhir+ndjson"}
PATIENTS = {
    "version": 1, "table": "silver/patients", "smallest": 11, "unknown": 0, "missing": -1,
    "columns": [
        {"name": column.name, "kind": "key"} for column in RESEARCH_PATIENTS.columns
    ],
}  # fmt: skip
"""A codebook of the table of patients that leaves every column as it is."""
EXAMPLES: dict[str, Example] = {
    "GET /healthz": Example("/healthz"),
    "GET /readyz": Example("/readyz"),
    "GET /metrics": Example("/metrics", "monitor", ("landing", "identified", "research", "synthetic")),
    "POST /oauth2/token": Example(
        "/oauth2/token", more={"data": {"grant_type": "client_credentials"}, "auth": "client"}
    ),
    "POST /oauth2/revoke": Example("/oauth2/revoke", more={"data": {"token": "x"}, "auth": "client"}),
    "GET /oauth2/jwks": Example("/oauth2/jwks"),
    "GET /.well-known/oauth-authorization-server": Example("/.well-known/oauth-authorization-server"),
    "GET /fhir/metadata": Example("/fhir/metadata"),
    "GET /fhir/{zone}/metadata": Example("/fhir/identified/metadata"),
    "GET /fhir/{zone}/.well-known/smart-configuration": Example("/fhir/identified/.well-known/smart-configuration"),
    "GET /fhir/{zone}/{type}/{id}": Example("/fhir/identified/Patient/{patient}", "read"),
    "GET /fhir/{zone}/{type}/{id}/_history/{vid}": Example("/fhir/identified/Patient/{patient}/_history/1", "read"),
    "GET /fhir/{zone}/{type}": Example("/fhir/identified/Patient", "search"),
    "POST /fhir/{zone}/{type}/_search": Example(
        "/fhir/identified/Patient/_search", "search", more={"data": "gender=female", "content_type": FORM}
    ),
    "GET /fhir/{zone}": Example("/fhir/identified?_type=Patient,Group", "search"),
    "POST /fhir/{zone}/_search": Example(
        "/fhir/identified/_search", "search", more={"data": "_type=Patient", "content_type": FORM}
    ),
    **{name: Example(**told) for name, told in write_routes.EXAMPLES.items()},
    **{name: Example(**told) for name, told in lake_routes.EXAMPLES.items()},
    **{name: Example(**told) for name, told in models_routes.EXAMPLES.items()},
    **{name: Example(**told) for name, told in synthetic_routes.EXAMPLES.items()},
    **{name: Example(**told) for name, told in monitoring_routes.EXAMPLES.items()},
    **{name: Example(**told) for name, told in operations_routes.EXAMPLES.items()},
    **{name: Example(**told) for name, told in score_routes.EXAMPLES.items()},
    **{name: Example(**told) for name, told in risk_routes.EXAMPLES.items()},
    **{name: Example(**told) for name, told in report_routes.EXAMPLES.items()},
    **{name: Example(**told) for name, told in explore_routes.EXAMPLES.items()},
    **{name: Example(**told) for name, told in forecast_routes.EXAMPLES.items()},
    "GET /api/v1/me": Example("/api/v1/me"),
    "GET /api/v1/overview": Example("/api/v1/overview", "monitor", ("landing", "identified"), lacking=("scope",)),
    "POST /api/v1/ingestions": Example(
        "/api/v1/ingestions", "ingest", ("landing", "identified"), statuses=(202,), more=UPLOAD
    ),
    "GET /api/v1/ingestions": Example("/api/v1/ingestions", "monitor", ("landing",)),
    "GET /api/v1/ingestions/{run_id}": Example("/api/v1/ingestions/{run}", "monitor", ("landing",)),
    "GET /api/v1/ingestions/{run_id}/issues": Example("/api/v1/ingestions/{run}/issues", "quarantine", ("landing",)),
    "POST /api/v1/ingestions/{run_id}/cancel": Example(
        "/api/v1/ingestions/{waiting}/cancel", "ingest", ("landing", "identified"), also="careloom/operate"
    ),
    "GET /api/v1/quarantine": Example("/api/v1/quarantine?limit=5", "quarantine", ("landing",)),
    "POST /api/v1/quarantine/redrives": Example(
        "/api/v1/quarantine/redrives", "ingest", ("landing", "identified"), statuses=(202,), more={"json": {}}
    ),
    "GET /api/v1/quarantine/redrives/{run_id}": Example(
        "/api/v1/quarantine/redrives/{redrive}", "quarantine", ("landing",)
    ),
    "POST /api/v1/normalizations": Example(
        "/api/v1/normalizations", "ingest", statuses=(202,), more={"json": {"rehearsal": True}}
    ),
    "GET /api/v1/normalizations": Example("/api/v1/normalizations", "ingest"),
    "GET /api/v1/normalizations/{run_id}": Example("/api/v1/normalizations/{normalization}", "ingest"),
    "POST /api/v1/normalizations/{run_id}/cancel": Example(
        "/api/v1/normalizations/{queued}/cancel", "ingest", also="careloom/operate"
    ),
    "POST /api/v1/deidentifications": Example(
        "/api/v1/deidentifications", "deidentify", BOTH, statuses=(202,), more={"json": {"policy": "safe-harbor"}}
    ),
    "GET /api/v1/deidentifications": Example("/api/v1/deidentifications", "monitor", ("research",)),
    "GET /api/v1/deidentifications/{run_id}": Example(
        "/api/v1/deidentifications/{deidentification}", "monitor", ("research",)
    ),
    "GET /api/v1/deidentifications/{run_id}/report": Example(
        "/api/v1/deidentifications/{deidentification}/report?format=html", "monitor", ("research",)
    ),
    "POST /api/v1/deidentifications/{run_id}/cancel": Example(
        "/api/v1/deidentifications/{queued deidentification}/cancel", "deidentify", BOTH, also="careloom/operate"
    ),
    "POST /api/v1/deidentify": Example(
        "/api/v1/deidentify", "preview", BOTH, more={"json": {"text": "Seen by Dr. Oda Quillfeather.", "style": "tag"}}
    ),
    "POST /api/v1/nlp/analyze": Example(
        "/api/v1/nlp/analyze", "annotate", more={"json": {"text": "Denies chest pain."}}, lacking=("scope", "role")
    ),
    "GET /api/v1/nlp/models": Example("/api/v1/nlp/models", "annotate", lacking=("scope", "role")),
    "POST /api/v1/nlp/annotations": Example(
        "/api/v1/nlp/annotations", "annotate", statuses=(202,), more={"json": {"zone": "identified"}}
    ),
    "GET /api/v1/nlp/annotations": Example("/api/v1/nlp/annotations", "monitor", lacking=("scope",)),
    "GET /api/v1/nlp/annotations/{run_id}": Example(
        "/api/v1/nlp/annotations/{queued annotation}", "monitor", lacking=("scope",)
    ),
    "POST /api/v1/nlp/annotations/{run_id}/cancel": Example(
        "/api/v1/nlp/annotations/{queued annotation}/cancel", "monitor", lacking=("scope",), also="careloom/operate"
    ),
    "GET /api/v1/nlp/notes/{zone}/{note_id}": Example("/api/v1/nlp/notes/identified/{note}", "read"),
    "POST /api/v1/nlp/notes/{zone}/{note_id}/correction": Example(
        "/api/v1/nlp/notes/identified/{note}/correction", "correct", more={"json": {"brat": "T1\tPROBLEM 0 4\tGout\n"}}
    ),
    "POST /api/v1/nlp/corpus": Example("/api/v1/nlp/corpus", "search", more={"json": {"zone": "identified"}}),
    "POST /api/v1/nlp/facts/search": Example(
        "/api/v1/nlp/facts/search", "search", more={"json": {"zone": "identified", "labels": ["PROBLEM"]}}
    ),
    "GET /api/v1/nlp/corrections": Example(
        "/api/v1/nlp/corrections?zone=identified", "correct", also="system/*.r", also_in=("identified",)
    ),
    "POST /api/v1/nlp/notes/search": Example(
        "/api/v1/nlp/notes/search", "search", more={"json": {"zone": "identified", "text": "gout"}}
    ),
    "GET /api/v1/deidentification-policies": Example("/api/v1/deidentification-policies", "monitor", ("research",)),
    "GET /api/v1/deidentification-policies/{name}": Example(
        "/api/v1/deidentification-policies/first", "monitor", ("research",)
    ),
    "GET /api/v1/research/{table}/codebook": Example("/api/v1/research/patients/codebook", "read", ("research",)),
    "POST /api/v1/research/{table}/encoded": Example(
        "/api/v1/research/patients/encoded", "read", ("research",), more={"json": {"codebook": PATIENTS}}
    ),
    "POST /api/v1/mappings/suggest": Example(
        "/api/v1/mappings/suggest", "ingest", ("landing",), more={"data": b"a,b\n1,2\n", "content_type": "text/csv"}
    ),
    "POST /api/v1/records": Example(
        "/api/v1/records", "quarantine", ("landing",), more={"json": {"type": "ADT", "limit": 2}}
    ),
    "POST /api/v1/quality/looks": Example(
        "/api/v1/quality/looks", "quality", statuses=(202,), more={"json": {"zone": "identified"}}
    ),
    **{f"GET /api/v1/quality/{at}": Example(f"/api/v1/quality/{at}", "quality") for at in ("runs", "report", "rules")},
    "GET /api/v1/quality/runs/{run_id}": Example("/api/v1/quality/runs/{look}", "quality"),
    "GET /api/v1/quality/looks/{run_id}": Example("/api/v1/quality/looks/{look}", "quality"),
    "GET /api/v1/quality/runs/{run_id}/rules/{rule}": Example(
        "/api/v1/quality/runs/{look}/rules/text-intact", "quality"
    ),
    "GET /api/v1/quality/runs/{run_id}/export": Example("/api/v1/quality/runs/{look}/export?format=csv", "quality"),
    "GET /api/v1/records/{record_id}": Example("/api/v1/records/{record}", "quarantine", ("landing",)),
    "GET /api/v1/records/{record_id}/raw": Example(
        "/api/v1/records/{record}/raw", "quarantine", ("landing",), also="system/*.r", also_in=("identified",)
    ),
    **{name: Example(**told) for name, told in linkage_routes.EXAMPLES.items()},
    **{name: Example(**told) for name, told in vault_routes.EXAMPLES.items()},
    **{name: Example(**told) for name, told in access_routes.EXAMPLES.items()},
    **{name: Example(**told) for name, told in audit_routes.EXAMPLES.items()},
    **{name: Example(**told) for name, told in subject_routes.EXAMPLES.items()},
    **{name: Example(**told) for name, told in bulk_routes.EXAMPLES.items()},
    **{name: Example(**told) for name, told in operation_routes.EXAMPLES.items()},
    **{name: Example(**told) for name, told in people_routes.EXAMPLES.items()},
    **{name: Example(**told) for name, told in jobs_routes.EXAMPLES.items()},
    **{name: Example(**told) for name, told in client_routes.EXAMPLES.items()},
    **{name: Example(**told) for name, told in signing_key_routes.EXAMPLES.items()},
    **{name: Example(**told) for name, told in users_routes.EXAMPLES.items()},
}
EXAMPLES |= {name: Example(**told, verb="read", lacking=("scope",)) for name, told in TERMINOLOGY.items()}
