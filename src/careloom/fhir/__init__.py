"""FHIR R4 (4.0.1) as plain JSON: walk, check, search grammar, flatten. No storage, no HTTP."""
