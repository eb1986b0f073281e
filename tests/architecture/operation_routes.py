"""Example requests of the FHIR operations, for `test_routes`, and what they name."""

from typing import Any

from tests.architecture.write_routes import NEW, body

_VALIDATE = "/fhir/{zone}/{type}"
EXAMPLES: dict[str, dict[str, Any]] = {
    f"POST {_VALIDATE}/$validate": {
        "path": "/fhir/identified/Organization/$validate", "verb": "read", **body(NEW),
    },
    f"POST {_VALIDATE}/{{id}}/$validate": {
        "path": "/fhir/identified/Organization/o1/$validate", "verb": "read", **body(NEW),
    },
    f"GET {_VALIDATE}/{{id}}/$validate": {"path": "/fhir/identified/Patient/{patient}/$validate", "verb": "read"},
}  # fmt: skip
