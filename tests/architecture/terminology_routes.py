"""An example request for each route about codes: name -> arguments of an Example. Read by test_routes.py."""

from typing import Any

_ASKED = {
    "/fhir/terminology/CodeSystem/$lookup": "system=ICD-10-CM&code=E11.9",
    "/fhir/terminology/CodeSystem/$validate-code": "url=ICD-10-CM&code=E11.9",
    "/fhir/terminology/CodeSystem/$subsumes": "system=ICD-10-CM&codeA=E11&codeB=E11.9",
    "/fhir/terminology/ConceptMap/$translate": "system=SNOMED&code=44054006",
    "/fhir/terminology/ValueSet/$expand": "url=http://hl7.org/fhir/sid/icd-10-cm?fhir_vs=isa/E11.0",
    "/api/v1/terminology/releases": "",
    "/api/v1/terminology/concepts": "text=kidny&limit=2",
}
_CONVERSION = {"value": "5.5", "unit": "mmol/L", "to": "mg/dL", "loinc": "2345-7"}
TERMINOLOGY: dict[str, dict[str, Any]] = {f"GET {at}": {"path": f"{at}?{ask}"} for at, ask in _ASKED.items()} | {
    "POST /api/v1/terminology/conversions": {
        "path": "/api/v1/terminology/conversions", "more": {"json": _CONVERSION},
    },
}  # fmt: skip
