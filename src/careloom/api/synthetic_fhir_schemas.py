"""What the routes of synthetic records, notes and downloads take, as the OpenAPI document shows it, with examples."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field

from careloom.api.answers import told
from careloom.api.schemas import RUN_PATTERN, Body, Model, no_truth
from careloom.api.synthetic_schemas import Account, Name, Seed

_Number = Annotated[float, Field(ge=-1e9, le=1e9)] | Annotated[int, Field(ge=-1_000_000_000, le=1_000_000_000)]
Options = dict[str, Annotated[_Number, BeforeValidator(no_truth)]]
_FIT: dict[str, Any] = {"example": {"name": "hospital", "options": {"epochs": 6}}}


class FhirFitBody(Body):
    """How whole records of the research zone are learnt."""

    model_config = ConfigDict(extra="forbid", json_schema_extra=_FIT)

    account: Account = Field("research", description="Of the privacy ledger.")
    epsilon: Annotated[float, Field(gt=0, le=100)] | None = Field(None, description="Null: the fit is not private.")
    delta: Annotated[float, Field(gt=0, lt=0.01)] = 1e-6
    public_patients: Annotated[int, Field(ge=10, le=10_000)] = Field(
        200, description="Of a private fit: how many are simulated to take words from."
    )
    options: Options = Field(default_factory=dict, description="Of the recipe, by name.")
    seed: Seed = 1
    name: Name = ""
    control_share: Annotated[float, Field(ge=0.05, le=0.5)] = 0.3


class NotesFitBody(FhirFitBody):
    """How annotated notes of the research zone are learnt."""

    cpu_seconds: Annotated[float, Field(ge=0, le=1e6)] = Field(
        0.0, description="Processor time after which a fit that is not private ends; 0: never."
    )


class RecordsSampleBody(Body):
    """How many patients, what they have to be like, and what is measured of them."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"patients": 500, "values": {"sex": "female"}}}
    )

    patients: Annotated[int, Field(ge=1, le=100_000)] = 100
    values: dict[str, Name] = Field(default_factory=dict, description="Category: the value of every patient.")
    small_cell: Annotated[int, Field(ge=2, le=1000)] | None = Field(None, description="Fewer patients are rare.")
    kinds: list[Literal["records", "fidelity", "detection", "utility", "privacy"]] = Field(
        ["records", "fidelity", "detection", "utility", "privacy"],
        description="What is left out is missing, and fails where a policy asks for it.",
    )


class NotesSampleBody(Body):
    """How many notes, or whose records they tell, and what is measured of them."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"notes": 200, "kind": "discharge"}})

    notes: Annotated[int, Field(ge=1, le=100_000)] = Field(100, description="Where their records grow.")
    kind: Annotated[str, Field(pattern=r"^[a-z-]{0,64}$")] = Field("", description="Of every note; empty: any.")
    records: Annotated[str, Field(pattern=f"^$|{RUN_PATTERN}")] = Field(
        "", description="A sample of whole records, each of whose encounters gets a note; empty: records grow."
    )
    small_cell: Annotated[int, Field(ge=2, le=1000)] | None = Field(None, description="Fewer patients are rare.")
    kinds: list[Literal["verbatim", "fidelity", "agreement", "identifiers", "utility", "privacy"]] = Field(
        ["verbatim", "fidelity", "agreement", "identifiers", "utility", "privacy"],
        description="What is left out is missing, and fails where a policy asks for it.",
    )


class DownloadQuery(Model):
    """As what."""

    format: Literal["ndjson", "csv", "parquet"] = told(
        "ndjson", "NDJSON of FHIR resources they themselves, of a table its rows.", "ndjson"
    )
    part: Annotated[str, Field(pattern=r"^[A-Za-z]{0,64}$")] = told(
        "", "Of FHIR a resource type; as CSV or Parquet patients, encounters, ..., notes.", "Patient"
    )
