"""The validator's issues: stable codes, one sentence each without any value."""

from careloom.fhir.validate_tables import human
from careloom.issues import Issue

MAX_ISSUES = 200

TEXTS: dict[str, str] = {
    "fhir.array-expected": "The element repeats: its value must be a JSON array.",
    "fhir.array-unexpected": "The element does not repeat: its value must not be a JSON array.",
    "fhir.attachment-size": "The stated size is not the size of the data.",
    "fhir.binding": "The code is not in the value set that the element is bound to",
    "fhir.bundle-entry-unreachable": "No chain of references from the first entry reaches this entry of a document.",
    "fhir.bundle-full-url-mismatch": "The fullUrl is the RESTful url of another resource than the one in the entry.",
    "fhir.bundle-full-url-missing": "Each entry must have a fullUrl, except in transactions and batches.",
    "fhir.bundle-full-url-relative": "The fullUrl must be an absolute url.",
    "fhir.bundle-link-repeated": "A link relation of this kind can stand only once in a Bundle.",
    "fhir.bundle-reference-ambiguous": "More than one entry matches the reference.",
    "fhir.bundle-reference-target": "The entry that the reference names is of a type that is not allowed here.",
    "fhir.bundle-reference-unresolved": "The entry that the reference names is not in the Bundle.",
    "fhir.bundle-search-type": "A match in a search result must be of the type that was searched.",
    "fhir.bundle-search-without-id": "A resource in a search result must have an id.",
    "fhir.bundle-signature": "The signature is not base64.",
    "fhir.canonical-target": "The canonical names a resource of a type that is not allowed here.",
    "fhir.choice-repeated": "Only one form of a choice element may be there.",
    "fhir.code-unknown": "The code is not in its code system, which is complete.",
    "fhir.codesystem-content": "The concepts contradict the stated content of the code system.",
    "fhir.codesystem-count": "The stated count is not the number of concepts of a complete code system.",
    "fhir.coding-system-relative": "A system must be an absolute uri.",
    "fhir.coding-system-valueset": "The system names a value set where a code system is meant.",
    "fhir.contained-duplicate-id": "Two contained resources have the same id.",
    "fhir.contained-without-id": "A contained resource must have an id.",
    "fhir.empty": "Objects, arrays and values must not be empty or null.",
    "fhir.enable-when": "An enableWhen must name a question that stands before it and not inside it.",
    "fhir.extension-url": "Outside of another extension the url must be an absolute uri without version.",
    "fhir.extension-modifier": "The extension may stand only in modifierExtension, or only outside of it.",
    "fhir.extension-unknown": "The url differs from one of the specification in upper and lower case only.",
    "fhir.extension-value": "The extension's definition does not allow this type of value.",
    "fhir.format": "The value is not well-formed for its type",
    "fhir.identifier-uri": "An identifier whose system is urn:ietf:rfc:3986 must have an absolute uri as its value.",
    "fhir.object-expected": "A JSON object is expected.",
    "fhir.reference-format": "The reference is neither absolute nor of the form Type/id.",
    "fhir.reference-target": "The reference names a resource of a type that is not allowed here.",
    "fhir.json-duplicate-key": "A JSON object has the same property twice.",
    "fhir.json-invalid": "The bytes are no JSON text in UTF-8.",
    "fhir.json-too-deep": "The JSON text is nested too deeply.",
    "fhir.profiles-unchecked": "Whether the resource meets the profiles that it claims was not looked at.",
    "fhir.required-missing": "A required element is missing.",
    "fhir.expression-syntax": "The FHIRPath expression has unbalanced brackets or quotes.",
    "fhir.search-parameter-base": "The base is not one of the search parameter that this one is derived from.",
    "fhir.search-parameter-type": "The type is not that of the search parameter definition named.",
    "fhir.too-deep": "The objects are nested too deeply.",
    "fhir.unknown-element": "The object has a property that its type does not know.",
    "fhir.unknown-resource-type": "resourceType is missing or names no resource type of FHIR R4.",
    "fhir.xhtml-invalid": "The narrative must be one well-formed div in the XHTML namespace.",
}
"""Issue code to its sentence; invariants have ``fhir.invariant-<key>`` and the specification's own sentence."""


class Report:
    """The issues of one resource, at most `MAX_ISSUES` of either kind.

    issues  what refuses the resource
    advice  what is doubtful but does not refuse it
    """

    __slots__ = ("advice", "issues")

    def __init__(self) -> None:
        self.issues: list[Issue] = []
        self.advice: list[Issue] = []

    def add(self, code: str, place: str, detail: str = "") -> None:
        """A refusing issue by its code; the detail is a name from the specification, never a value."""
        text = TEXTS[code]
        self._put(Issue(code, "error", place, f"{text}: {detail}." if detail else text))

    def advise(self, code: str, place: str) -> None:
        """A doubt by its code."""
        if len(self.advice) < MAX_ISSUES:
            self.advice.append(Issue(code, "warning", place, TEXTS[code]))

    def broken(self, key: str, place: str) -> None:
        """A broken invariant of the specification."""
        self._put(Issue(f"fhir.invariant-{key}", "error", place, human(key)))

    def found(self, code: str, place: str) -> None:
        """A refusing issue by its code, an invariant's included."""
        if code.startswith("fhir.invariant-"):
            self.broken(code.removeprefix("fhir.invariant-"), place)
        else:
            self.add(code, place)

    def _put(self, issue: Issue) -> None:
        if len(self.issues) < MAX_ISSUES:
            self.issues.append(issue)
