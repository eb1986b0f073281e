"""The only room that keeps things: FHIR store, landing, audit log, lake, jobs."""
