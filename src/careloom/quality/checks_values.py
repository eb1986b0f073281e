"""Checks of presence, values, references and text."""

import re
from typing import Any

import orjson

from careloom.errors import InputError
from careloom.fhir.drafts import Resource
from careloom.fhir.validate_tables import resource_types
from careloom.quality.checking import Check, Setting
from careloom.quality.paths import WHOLE, codings_of, compiled
from careloom.quality.rules import Rule

ABSENT = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"
_REASONS = frozenset(
    {
        "http://terminology.hl7.org/CodeSystem/data-absent-reason",
        "http://terminology.hl7.org/CodeSystem/v3-NullFlavor",
    }
)
"""Code systems of why there is no code (FHIR R4, data-absent-reason; HL7 V3, NullFlavor)."""
_FINAL = frozenset({"final", "amended", "corrected", "appended"})
_DAMAGE = re.compile(
    "\ufffd"
    "|[\u0080-\u009f]"
    "|[\u00c3\u00c2][\u0080-\u00bf\u0152\u0153\u0160\u0161\u0178\u017d\u017e\u0192\u02c6\u02dc\u2013-\u2122]"
    "|\u00e2\u20ac[\u0080-\u00bf\u0152\u0153\u02dc\u2013-\u2122]?"
    r"|\\[FSTRE]\\|\\X[0-9A-F]{2,}\\"
    r"|&(?:amp|lt|gt|quot|apos|#[0-9]{1,6});"
)
"""What is left of text that was read in another encoding than it was written in: the replacement character, C1
controls, UTF-8 read as Latin-1 or Windows-1252, escapes of HL7 v2 (chapter 2.7) and entities of XML that nobody undid.
Source: Unicode 15.1 chapter 23; WHATWG Encoding, windows-1252; HL7 v2.5.1 chapter 2."""
_NOT_TEXT = frozenset({"data", "div", "url"})
"""Elements whose own syntax has entities or escapes."""


def present(setting: Setting) -> Check:
    """The path leads to something, or to an extension that says why there is nothing."""
    find = compiled(setting.path)
    last = setting.path.partition("|")[0].split(".")
    reasons = compiled(".".join([*last[:-1], f"_{last[-1]}", "extension", "url"]))

    def check(resource: Resource) -> bool:
        return bool(find(resource)) or ABSENT in reasons(resource)

    return check


def names_something(setting: Setting) -> Check:
    """The path leads to something, and not to a code that only says that nobody knows, nor to words that repeat it."""
    find = compiled(setting.path)

    def check(resource: Resource) -> bool:
        return any(not _is_unknown(value) for value in find(resource))

    return check


def _is_unknown(value: Any) -> bool:
    """Whether a concept or a coding is a reason why there is none."""
    codings = codings_of(value)
    if not codings or any(coding.get("system") not in _REASONS for coding in codings):
        return False
    text = value.get("text")
    said = {str(coding.get(key, "")).casefold() for coding in codings for key in ("code", "display")}
    return not isinstance(text, str) or text.casefold() in said


def valid(setting: Setting) -> Check:
    """The validator of FHIR R4 raises none of these issues (by code, or by the part of a code before ``*``)."""
    wanted = tuple(setting.rule.parameters.get("issues", ()))
    spared = tuple(setting.rule.parameters.get("except_issues", ()))
    scene = setting.scene

    def check(resource: Resource) -> bool:
        issues = scene.issues(resource)
        if not issues:
            return True
        if wanted:
            return not any(issue.code in wanted for issue in issues)
        return not any(issue.code not in spared for issue in issues)

    return check


def allowed(setting: Setting) -> Check:
    """Every value at the path is one of those listed."""
    find, values = compiled(setting.path), frozenset(setting.rule.parameters["values"])

    def check(resource: Resource) -> bool | None:
        found = find(resource)
        return all(isinstance(value, str) and value in values for value in found) if found else None

    return check


def unlike(setting: Setting) -> Check:
    """No text at the path holds anything that matches `pattern`."""
    find, search = compiled(setting.path), _pattern(setting.rule).search

    def check(resource: Resource) -> bool | None:
        found = [value for value in find(resource) if isinstance(value, str)]
        return not any(search(value) for value in found) if found else None

    return check


def _pattern(rule: Rule) -> re.Pattern[str]:
    try:
        return re.compile(rule.parameters["pattern"])
    except re.error:
        raise InputError(f"rule {rule.id}: pattern is no regular expression", "Correct it.") from None


def number(setting: Setting) -> Check:
    """Every number at the path lies between low and high, both included."""
    find = compiled(setting.path)
    low = setting.rule.parameters.get("low", float("-inf"))
    high = setting.rule.parameters.get("high", float("inf"))

    def check(resource: Resource) -> bool | None:
        found = [value for value in find(resource) if isinstance(value, int | float)]
        return all(low <= value <= high for value in found) if found else None

    return check


def resolves(setting: Setting) -> Check:
    """Every literal reference within this zone (``Type/id``) leads to a resource that is there."""
    known, types, scene = setting.scene.known, resource_types(), setting.scene
    find = None if setting.path == WHOLE else compiled(setting.path)

    def check(resource: Resource) -> bool | None:
        references = scene.references(resource) if find is None else find(resource)
        is_any = False
        for reference in references:
            text = reference.get("reference") if isinstance(reference, dict) else None
            if isinstance(text, str) and text.partition("/")[0] in types:
                is_any = True
                if text.partition("/_history/")[0] not in known:
                    return False
        return True if is_any else None

    return check


def refers_to(setting: Setting) -> Check:
    """Every literal reference at the path names a resource of one of these types."""
    find, types = compiled(setting.path), frozenset(setting.rule.parameters["types"])

    def check(resource: Resource) -> bool | None:
        texts = [reference.get("reference") for reference in find(resource) if isinstance(reference, dict)]
        kinds = [text.rpartition("/")[0].rpartition("/")[2] for text in texts if isinstance(text, str) and "/" in text]
        kinds = [kind for kind in kinds if kind in resource_types()]
        return all(kind in types for kind in kinds) if kinds else None

    return check


def text_intact(setting: Setting) -> Check:
    """No string of the resource shows traces of a wrong encoding or of escapes that nobody undid."""
    damage = _DAMAGE.search

    def check(resource: Resource) -> bool:
        text = orjson.dumps(resource)
        if text.isascii() and b"\\\\" not in text and b"&" not in text:
            return True
        todo: list[Any] = [resource]
        while todo:
            node = todo.pop()
            if node.__class__ is str:
                if (not node.isascii() or "\\" in node or "&" in node) and damage(node):
                    return False
            elif node.__class__ is dict:
                todo += [value for name, value in node.items() if name not in _NOT_TEXT]
            elif node.__class__ is list:
                todo += node
        return True

    return check


def value_or_reason(setting: Setting) -> Check:
    """A finished Observation holds a value, components, members, or says why there is none."""

    def check(resource: Resource) -> bool | None:
        if resource.get("status") not in _FINAL:
            return None
        if "hasMember" in resource or "dataAbsentReason" in resource:
            return True
        components = resource.get("component")
        if components:
            return all("dataAbsentReason" in one or _has_value(one) for one in components)
        return _has_value(resource)

    return check


def _has_value(node: dict[str, Any]) -> bool:
    return any(name.startswith(("value", "_value")) for name in node)
