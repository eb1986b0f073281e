"""What the verification of a certificate answers, as the OpenAPI document shows it."""

from datetime import datetime
from typing import Any, Literal

from pydantic import ConfigDict, Field

from careloom.api.schemas import RUN_ID, Body, Count, Model, RunId

CLAIMS: dict[str, Any] = {
    "certificate": f"patients_synthetic-{RUN_ID}", "actor": "rosa.research",
    "time": "2026-11-22T01:02:03.412000+00:00", "expires": "2027-11-22T01:02:03.412000+00:00",
    "table": "patients_synthetic", "release": RUN_ID, "rows": 10000, "sha256": "9f" * 32, "policy": "strict",
    "epsilon": 0.9998, "delta": 1e-6, "covers": "it covers neither verdict nor certificate",
}  # fmt: skip
WORTH: dict[str, Any] = {
    "verdict": "valid", "public_key": "3d" * 32, "own_key": "3d" * 32, "whole": True, "stands": True, "reason": "",
    "claims": CLAIMS, "checks": {"policy": True, "rows": True, "ledger": True, "measures": True, "landed": None},
}  # fmt: skip

CERTIFICATE: dict[str, Any] = {
    "report": {
        "kind": "careloom synthetic release certificate", "version": 1,
        **{name: CLAIMS[name] for name in ("certificate", "actor", "time", "expires", "table")},
        "lineage": {"sample": RUN_ID}, "policy": {"name": "strict"}, "policy_sha256": "4b" * 32,
        "data": {"rows": 10000, "sha256": "9f" * 32, "columns": [{"name": "synthetic_row", "type": "String"}]},
        "privacy": {name: CLAIMS[name] for name in ("epsilon", "delta", "covers")},
        "findings": [{"rule": "epsilon at most 3", "passed": True, "found": None}], "measures": None,
        "measures_digest": "1c" * 32,
        "ledger": {"account": "research", "fit": "4q2c7lq6m5v3wyf4d2y7z2k7xa", "fit_hash": "7d" * 32, "search": [],
                   "release": "5r3d8mr7n6w4xzg5e3z8a3l8yb", "release_hash": "8e" * 32},
    },
    "signature": {"algorithm": "Ed25519", "public_key": "3d" * 32, "value": "5a" * 64},
}  # fmt: skip


class CertificateBody(Body):
    """A certificate as JSON, as it was given out."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": CERTIFICATE})

    report: dict[str, Any] = Field(description="What is signed.")
    signature: dict[str, Any] = Field(description="algorithm, public_key and value.")


class CertificateClaims(Model):
    """What a certificate says of itself."""

    certificate: str
    actor: str = Field(description="Who let the rows out.")
    time: datetime
    expires: datetime
    table: str
    release: RunId
    rows: Count
    sha256: str = Field(description="Of the rows.")
    policy: str
    epsilon: float | None = Field(description="Per patient; null: no proven bound.")
    delta: float | None
    covers: str = Field(description="What the bound covers.")


class CertificateChecks(Model):
    """What else holds here; null: not looked at, or nothing to look at."""

    policy: bool | None = Field(description="Its policy lets pass what it tells.")
    rows: bool | None = Field(description="The table in the lake has the rows that it is of.")
    ledger: bool | None = Field(description="Its entries stand in the privacy ledger.")
    measures: bool | None = Field(description="The measures that are kept are those it was made of, and pass.")
    landed: bool | None = Field(description="The FHIR store holds its resources; null: a table, or withdrawn.")


class CertificateWorth(Model):
    """A certificate held against this installation."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": WORTH})

    verdict: Literal["valid", "altered", "unknown-key"] = Field(
        description="As it was signed here; not what the key that it names has signed; or signed by another key."
    )
    public_key: str = Field(description="That it names, Ed25519, hex.")
    own_key: str = Field(description="Of this installation.")
    whole: bool = Field(description="It is valid and every check holds.")
    stands: bool = Field(description="Its release may be fetched now.")
    reason: str = Field(description="Why not.")
    claims: CertificateClaims | None = Field(description="Null unless valid: anybody may have written it.")
    checks: CertificateChecks
