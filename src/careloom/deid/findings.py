"""What is told about a value or a resource that did not pass: one function for each kind, never a value."""

from collections.abc import Mapping
from functools import cache

from careloom.issues import Issue


def type_not_listed() -> Issue:
    """The whole resource is of a type that the policy does not list; the type may be a value, so it is not told."""
    return Issue(
        "deid.type-not-listed",
        "error",
        "",
        "The policy does not list the type of this resource.",
        "Nothing to do: the resource stays in the identified zone. To let it pass, decide the type in the policy.",
    )


def free_text(kind: str, why: str) -> Issue:
    """The whole resource is free text or an image, or a moment that may not pass."""
    return Issue(
        "deid.free-text-not-yet",
        "error",
        kind,
        f"The resource does not pass: it is or holds {why}.",
        "It stays in the identified zone. Plain-text notes pass under the policies safe-harbor and expert, "
        "appointments where dates are shifted or kept.",
    )


def malformed(kind: str) -> Issue:
    """The resource cannot be named."""
    return Issue("deid.malformed", "error", kind, "The resource has no id.", "Validate it before it is stored.")


def patient_unknown(place: str) -> Issue:
    """Nobody can say by how many days its dates are to move."""
    return Issue(
        "deid.patient-unknown",
        "error",
        place,
        "It is not known whose resource it is.",
        "Let the sender name the patient by a reference.",
    )


def patient_differs(place: str) -> Issue:
    """Moved by another patient's days, its dates would betray both."""
    return Issue(
        "deid.patient-differs",
        "error",
        place,
        "The resource names another patient than the one it is passed for.",
        "Pass each resource with the patient that it names.",
    )


def modified_meaning(place: str) -> Issue:
    """It may say the opposite of what it seems to say."""
    return Issue(
        "deid.modified-meaning",
        "error",
        place,
        "A modifier extension or implicit rule may change what the resource says and is not understood.",
        "Let the sender leave it out, or extend the policy.",
    )


def element_unlisted(place: str) -> Issue:
    """The name of the element may be a value, so only its structure is told."""
    return Issue(
        "deid.element-unlisted",
        "warning",
        place,
        "An element that FHIR does not have was removed.",
        "Validate resources before they are stored.",
    )


def extension_unlisted(place: str) -> Issue:
    """Its URL may be a value, so only its place is told."""
    return Issue(
        "deid.extension-unlisted",
        "information",
        place,
        "An extension that the policy does not list was removed.",
        "If what it holds names nobody, list it in the policy.",
    )


def code_unlisted(place: str) -> Issue:
    """A coding or code was removed."""
    return Issue(
        "deid.code-unlisted",
        "information",
        place,
        "A code of an unlisted system, or one that its system cannot have, was removed.",
        "If the codes of that system name nobody, list it in the policy's codes.",
    )


def text_only(place: str) -> Issue:
    """A CodeableConcept was removed."""
    return Issue(
        "deid.text-only",
        "information",
        place,
        "A concept without a code that passes was removed.",
        "Map the source's words to a code system.",
    )


def date_unreadable(place: str) -> Issue:
    """A date was removed."""
    return Issue(
        "deid.date-unreadable",
        "warning",
        place,
        "A date that cannot be read or moved was removed.",
        "Validate resources before they are stored.",
    )


def zip_unreadable(place: str) -> Issue:
    """A postal code was removed."""
    return Issue(
        "deid.zip-unreadable",
        "information",
        place,
        "A postal code that is no ZIP code of five or nine digits was removed.",
        "Normalize addresses first, or remove postal codes in the policy.",
    )


def postal_code_unreadable(place: str) -> Issue:
    """A postal code was removed."""
    return Issue(
        "deid.postal-code-unreadable",
        "information",
        place,
        "A postal code of no known form, or too short to leave enough of it out, was removed.",
        "Normalize addresses first, or remove postal codes in the policy.",
    )


def number_unsealed(place: str) -> Issue:
    """An identifier was removed."""
    return Issue(
        "deid.number-unsealed",
        "information",
        place,
        "An identifier without a value, or too long to be one, was removed instead of sealed.",
        "Validate resources before they are stored.",
    )


def number_too_coarse(place: str) -> Issue:
    """A number was removed."""
    return Issue(
        "deid.number-too-coarse",
        "information",
        place,
        "A number was removed, because no other number of the policy's decimals lies within its noise.",
        "Allow more decimals or more noise in the policy.",
    )


def too_few_alike(place: str) -> Issue:
    """The whole record of the patient is held back."""
    return Issue(
        "deid.target-record",
        "error",
        place,
        "The patient would look like too few others even without any trait: the policy's targets hold the record back.",
        "It stays in the identified zone. With more patients, or lower targets, it may pass.",
    )


def traits_left_out(place: str) -> Issue:
    """The Patient passes without year of birth, sex, race, address and the like."""
    return Issue(
        "deid.target-traits",
        "information",
        place,
        "The patient looks like too few others: the targets of the policy leave the traits out.",
        "Nothing to do. With more patients, or lower targets, they may pass.",
    )


def not_measured(place: str) -> Issue:
    """The Patient came or changed after the run had measured how well everybody can hide."""
    return Issue(
        "deid.target-unmeasured",
        "error",
        place,
        "The patient came or changed while the zone was de-identified.",
        "The next run takes it in.",
    )


def leak(place: str) -> Issue:
    """The whole resource is held back: the last look found what must not pass."""
    return Issue(
        "deid.leak",
        "error",
        place,
        "An identifier of a patient of the batch was found in what would have passed.",
        "The resource stays in the identified zone. Look at it there, and report what was not recognised.",
    )


def text_unkept(place: str) -> Issue:
    """A text was removed."""
    return Issue(
        "deid.text-unkept",
        "information",
        place,
        "A text that is empty, no plain text, or that could not be de-identified was removed.",
        "Read documents of other forms into text at ingestion.",
    )


def number_too_long(place: str) -> Issue:
    """A number was removed."""
    return Issue(
        "deid.number-too-long",
        "information",
        place,
        "A number too long for a count or a measurement was removed.",
        "If such numbers are measurements, raise the limit in the policy.",
    )


def quantity_unkept(place: str) -> Issue:
    """A quantity was removed."""
    return Issue(
        "deid.quantity-unkept",
        "information",
        place,
        "A quantity in an unlisted unit, too long, or of 90 years and more was removed.",
        "Write the unit in UCUM, or list it in the policy's codes.",
    )


def reference_unkept(place: str) -> Issue:
    """A reference was removed."""
    return Issue(
        "deid.reference-unkept",
        "information",
        place,
        "A reference to something that does not pass, or that is not written Type/id, was removed.",
        "Ingestion writes references as Type/id where it can tell the target.",
    )


@cache
def by_code() -> Mapping[str, Issue]:
    """Every finding of this room by its code, in general words and without a place."""
    every = (
        type_not_listed(), free_text("", "free text or an image"), malformed(""), patient_unknown(""),
        patient_differs(""), modified_meaning(""), element_unlisted(""), extension_unlisted(""), code_unlisted(""),
        text_only(""), date_unreadable(""), zip_unreadable(""), text_unkept(""), number_too_long(""),
        quantity_unkept(""), reference_unkept(""), leak(""), postal_code_unreadable(""), number_unsealed(""),
        number_too_coarse(""), too_few_alike(""), traits_left_out(""), not_measured(""),
    )  # fmt: skip
    return {issue.code: issue for issue in every}
