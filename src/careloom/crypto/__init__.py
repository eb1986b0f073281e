"""Bytes and keys: sealing, wrapping, pseudonyms and blind-index tokens. Knows no record and no FHIR."""
