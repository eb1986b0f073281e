"""What the route of one text or resource takes and gives, as the OpenAPI document shows it, with an example of each."""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from careloom.api.deidentifications_schemas import POLICY_PATTERN, PolicyName
from careloom.api.reidentifications_schemas import PROJECT_PATTERN
from careloom.api.schemas import Count, Model

ID_PATTERN = r"^[A-Za-z0-9.-]{0,64}$"
Style = Literal["surrogate", "tag", "mask"]
SPAN: dict[str, Any] = {
    "place": "", "new_place": "", "start": 4, "end": 16, "new_start": 4, "new_end": 10, "label": "NAME", "letter": "A",
    "part": "", "detector": "names", "score": 0.95,
}  # fmt: skip
ANSWER: dict[str, Any] = {
    "text": "Ms. [NAME] was seen on [DATE].", "resource": None,
    "spans": [SPAN, SPAN | {
        "start": 29, "end": 39, "new_start": 23, "new_end": 29, "label": "DATE", "letter": "C", "detector": "dates",
    }],
    "counts": {"DATE": 1, "NAME": 1}, "removed": {"A": 1, "C": 1}, "issues": [],
    "policy": {"name": "safe-harbor", "version": "1", "digest": "0f343b0931126a20f133d67c2b018a3b"},
    "style": "tag", "detectors": [{"name": "rules", "version": "0.1.0", "sends_to": ""}], "project": "", "epoch": None,
}  # fmt: skip


class DeidentifyOneAsk(Model):
    """A text or a resource, one of them. At most 100,000 characters of text; a resource of one megabyte."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"example": {"text": "Ms. Quillfeather was seen on 2024-03-05.", "style": "tag"}},
    )

    text: str | None = Field(None, description="A text. Offsets in the answer count its code points as sent.")
    resource: dict[str, Any] | None = Field(None, description="A valid resource of FHIR R4 with an id.")
    policy: Annotated[str, Field(pattern=POLICY_PATTERN)] = Field(
        "",
        description="One that ships, by its name; that of the installation's settings where empty, or safe-harbor for "
        "a text where that one lets no text pass.",
    )
    style: Style | None = Field(
        None, description="What stands in texts in place of what identifies; as the policy says where null."
    )
    patient: Annotated[str, Field(pattern=ID_PATTERN)] = Field(
        "",
        description="Stored id of a patient of the identified zone, whom the caller may read: what the record knows "
        "is looked for, too.",
    )
    project: Annotated[str, Field(pattern=PROJECT_PATTERN)] = Field(
        "",
        description="Whose pseudonyms, dates and surrogates the answer bears: as the research zone has them, which "
        "needs careloom/deidentify. Where empty they are made for this answer alone.",
    )


class OneSpan(Model):
    """Where something identified; never what."""

    place: str = Field(description="FHIRPath of the text in the resource; empty for a text alone.")
    new_place: str = Field(description="The same in what came out; empty where the text did not pass.")
    start: Count = Field(description="Code points of the old text, half-open; of an attachment, of what its data say.")
    end: Count
    new_start: Count = Field(description="Where its replacement stands in the new text.")
    new_end: Count
    label: str = Field(description="As NAME, DATE, PHONE.")
    letter: str = Field(description="(A) to (R) of 45 CFR 164.514(b)(2)(i); empty for an organization.")
    part: str = Field(description="What it is more closely, as `patient` of a NAME; or empty.")
    detector: str = Field(description="Who found it.")
    score: float = Field(description="How sure that is, between 0 and 1.")


class OneIssue(Model):
    """What did not pass, and why."""

    code: str
    severity: Literal["fatal", "error", "warning", "information"]
    place: str = Field(description="FHIRPath; never a value.")
    message: str
    remedy: str


class OneTeam(Model):
    """What looked for identity in texts."""

    name: str
    version: str
    sends_to: str = Field(description="The address that received texts; empty where none left the platform.")


class DeidentifiedOne(Model):
    """What came out. Nothing of it is kept."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": ANSWER})

    text: str | None = Field(description="Null where a resource was sent, and where the text must not pass.")
    resource: dict[str, Any] | None = Field(description="Null where a text was sent, and where it must not pass.")
    spans: list[OneSpan] = Field(description="What was found in texts, in their order.")
    counts: dict[str, Count] = Field(description="Label -> how many were found in texts.")
    removed: dict[str, Count] = Field(
        description="Letter of the eighteen identifiers, or `text` -> how many were taken out or changed."
    )
    issues: list[OneIssue] = Field(description="One of severity error says why nothing passed.")
    policy: PolicyName
    style: Style
    detectors: list[OneTeam] = Field(description="Empty under a policy that lets no text pass.")
    project: str = Field(description="Empty where the answer bears names of its own.")
    epoch: Annotated[int, Field(ge=1)] | None = Field(description="Of the project; null without one.")
