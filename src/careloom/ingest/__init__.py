"""Foreign formats to FHIR, pure once given bytes. Opens no file and stores nothing."""
