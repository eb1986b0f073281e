"""Resources without identity: what the policy keeps, renamed, shifted, and nothing else. Fails closed.

Rules are compiled once for each structure of the policy, so that a resource costs one dictionary look-up for each of
its elements.
"""

from collections import Counter
from collections.abc import Callable
from datetime import date, timedelta
from functools import lru_cache, partial
from typing import Any

import orjson

from careloom.deid import findings
from careloom.deid.declared import Secrets, rule_of
from careloom.deid.identifiers import counter_of
from careloom.deid.policy import MOMENTS, TREATED, Kept, Policy, Structure
from careloom.deid.values import MASKED, Json, Pass, Rule, Rules, masked_extension
from careloom.errors import SetupError
from careloom.fhir.validate_tables import codes_of, resource_types, type_table
from careloom.issues import Issue

ScrubText = Callable[[str | None, Json, str], str | None]
_ABSENT_SYSTEM = "http://terminology.hl7.org/CodeSystem/data-absent-reason"
_ABSENT_CODES = codes_of(_ABSENT_SYSTEM) or frozenset()
_REFUSING = ("modifierExtension", "implicitRules")
_REMEMBERED = 8192
_LABEL = ("http://terminology.hl7.org/CodeSystem/v3-ObservationValue", "PSEUDED")


class Refused(Exception):  # noqa: N818 - reads as what happened; never leaves this module
    """Raised by a rule deep in a resource that must not pass as a whole."""

    def __init__(self, issue: Issue) -> None:
        self.issue = issue


class Scrubber:
    """Applies one policy for one project: same policy, keys, day and resource, same bytes.

    policy      what may pass
    rename      (resource type, id in the identified zone) -> id in the project: keyed, the same for the same id
    shift_days  patient id in the identified zone -> days, as `careloom.deid.dates.shift_days` makes it; never 0
    as_of       the day on which ages are reckoned (years of birth above 89 are withheld)
    scrub_text  (patient id or None, resource, a text of it) -> the text without identity, or None where it must not
                pass; a policy that lets text pass cannot be applied without it
    secrets     keys of the project; a policy with noise or sealed values cannot be applied without them
    raises      SetupError where the policy lets text pass and nobody is there to de-identify it, or without its keys
    """

    def __init__(
        self,
        policy: Policy,
        rename: Callable[[str, str], str],
        shift_days: Callable[[str], int],
        as_of: date,
        scrub_text: ScrubText | None = None,
        secrets: Secrets | None = None,
    ) -> None:
        if policy.reads_text and scrub_text is None:
            raise SetupError(
                f"de-identification policy {policy.name} lets text pass", "Load the de-identification of text first."
            )
        if policy.needs_secrets and secrets is None:
            raise SetupError(f"de-identification policy {policy.name} perturbs or encrypts", "Give the project's keys.")
        self._policy = policy
        self._rename = rename
        self._secrets = secrets
        self._shift = lru_cache(_REMEMBERED)(lambda patient_id: timedelta(days=shift_days(patient_id)))
        self._scrub_text = scrub_text
        self._rules = Rules(policy, rename, as_of)
        self._nodes: dict[str, Rule] = {}
        self._templates: dict[str, bytes] = {}
        for name in policy.structures:
            self._nodes[name] = self._node(policy.structures[name])

    def patient_of(self, resource: Json) -> str | None:
        """As `Policy.patient_of`."""
        return self._policy.patient_of(resource)

    def scrub(
        self, resource: Json, patient_id: str | None, tally: Counter[str] | None = None
    ) -> tuple[Json | None, list[Issue]]:
        """What may pass of a resource, and what was found on the way; None and an issue that refuses, if nothing may.

        resource    valid FHIR R4; it is not changed, and nothing of it is shared with what comes back
        patient_id  the patient it belongs to (see `patient_of`); None where it is nobody's
        tally       letter of `careloom.deid.identifiers` -> how many were taken out or changed; what is found is added
        """
        kind = resource.get("resourceType")
        if not isinstance(kind, str) or kind not in self._policy.passing:
            why = self._policy.refused.get(str(kind))
            return None, [findings.type_not_listed() if why is None else findings.free_text(str(kind), why)]
        return self._pass(kind, resource, patient_id, tally)

    def outline(self, resource: Json, patient_id: str | None) -> Json | None:
        """What may be told of a resource whose type is refused but decided: of a note all but what it says.

        Meant for tables, not for a store. None where the policy decides nothing or the resource cannot pass.
        """
        kind = resource.get("resourceType")
        if not isinstance(kind, str) or kind not in self._policy.refused or kind not in self._nodes:
            return None
        return self._pass(kind, resource, patient_id)[0]

    def _pass(
        self, kind: str, resource: Json, patient_id: str | None, tally: Counter[str] | None = None
    ) -> tuple[Json | None, list[Issue]]:
        original = resource.get("id")
        if not isinstance(original, str) or not original:
            return None, [findings.malformed(kind)]
        problem = self._patient_problem(kind, resource, patient_id)
        if problem is not None:
            return None, [problem]
        shift = None if patient_id is None else self._shift(patient_id)
        at = Pass(
            resource,
            shift,
            None if self._scrub_text is None else partial(self._scrub_text, patient_id, resource),
            patient_id,
        )
        at.removed = tally if tally is not None else at.removed
        if "contained" in resource:
            at.local = _local(resource["contained"])
        try:
            body = self._nodes[kind](resource, at)
            contained = self._contained(at)
        except Refused as refused:
            return None, [refused.issue]
        system, code = _LABEL
        passed = {
            "resourceType": kind,
            "id": self._rename(kind, original),
            "meta": {"security": [{"system": system, "code": code}]},
            **({"contained": contained} if contained else {}),
            **body,
        }
        return passed, at.issues

    def _patient_problem(self, kind: str, resource: Json, patient_id: str | None) -> Issue | None:
        element, needed = self._policy.patient.get(kind, ("", False))
        own = self.patient_of(resource)
        if patient_id is None:
            if needed or own is not None:
                return findings.patient_unknown(f"{kind}.{element}")
        elif own is not None and own != patient_id:
            return findings.patient_differs(f"{kind}.{element}")
        return None

    def _contained(self, at: Pass) -> list[Json]:
        """The contained resources that something kept refers to; following them may find more."""
        passed: list[Json] = []
        done = 0
        while done < len(at.wanted):
            name, resource = at.local[list(at.wanted)[done]]
            done += 1
            kind = resource["resourceType"]
            passed.append({"resourceType": kind, "id": name, **self._nodes[kind](resource, at)})
        return passed

    def _node(self, structure: Structure) -> Rule:
        rules = {key: self._element(structure, key, kept) for key, kept in structure.kept.items()}
        extensions = self._policy.extensions.get(structure.name)
        if extensions:
            rules["extension"] = _many(self._rules.extension(dict(extensions), f"{structure.name}.extension"))
        counted, ignored = _silent(structure)
        finish, needed = self._finish(structure), structure.needed
        resource = structure.name in resource_types()
        unlisted = findings.element_unlisted(structure.name)
        siblings = {f"_{key}": key for key, kept in structure.kept.items() if not kept.many and _is_primitive(kept)}
        known = {f"_{key}" for key in ignored | set(counted) | set(structure.kept)}

        def node(source: Any, at: Pass) -> Json | None:
            if type(source) is not dict:
                return None
            out: Json = {}
            for key, value in source.items():
                rule = rules.get(key)
                if rule is not None:
                    found = rule(value, at)
                    if found is MASKED:
                        out[f"_{key}"] = {"extension": masked_extension()}
                    elif found is not None:
                        out[key] = found
                elif key in counted:
                    counted[key](value, at)
                elif key in ignored:
                    continue
                elif key in siblings and siblings[key] not in source:
                    absent = _absent(value)
                    if absent is not None:
                        out[key] = absent
                elif key in _REFUSING:
                    raise Refused(findings.modified_meaning(structure.name))
                elif key not in known:
                    at.issues.append(unlisted)
            if needed and needed.isdisjoint(out):
                return None
            return finish(source, out) if out or resource else None

        return node

    def _element(self, structure: Structure, key: str, kept: Kept) -> Rule:
        if kept.how is not None:
            rule = rule_of(kept, f"{structure.name}.{key}", self._rules, self._secrets)
        elif kept.kind in TREATED or kept.kind == "code" or kept.as_:
            rule = self._rules.of(kept, f"{structure.name}.{key}")
        else:
            nodes, kind = self._nodes, kept.kind

            def rule(value: Any, at: Pass) -> Any:
                return nodes[kind](value, at)

        return _many(rule) if kept.many else rule

    def _finish(self, structure: Structure) -> Callable[[Json, Json], Json]:
        """What is done when every element of a structure had its turn: absent values are said."""
        values = frozenset(key for key in type_table(structure.name).properties if key.startswith("value"))
        tells = "dataAbsentReason" in structure.kept
        required = [(forms, frozenset(forms) | {f"_{form}" for form in forms}) for forms in structure.required]
        identifying = self._policy.codes.is_identifying
        masked = sorted(f"_{key}" for key in structure.masked)

        def finish(source: Json, out: Json) -> Json:
            for forms, present in required:
                if present.isdisjoint(out):
                    out.update(orjson.loads(self._template(structure, forms[0])))
            for key in masked:
                out[key] = {"extension": masked_extension()}
            if tells:
                codings = out["code"].get("coding", ()) if "code" in out else ()
                if any(identifying(coding["system"], coding["code"]) for coding in codings):
                    for key in values & out.keys():
                        del out[key]
                if not values.isdisjoint(source) and values.isdisjoint(out):
                    out["dataAbsentReason"] = {"coding": [{"system": _ABSENT_SYSTEM, "code": "masked"}]}
            return out

        return finish

    def _template(self, structure: Structure, key: str) -> bytes:
        """The JSON that says that a required element was taken out."""
        place = f"{structure.name}.{key}"
        found = self._templates.get(place)
        if found is None:
            element = type_table(structure.name).properties[key]
            inner = self._policy.structures.get(element.kind)
            value: Json = {}
            for forms in inner.required if inner is not None else ():
                value |= orjson.loads(self._template(inner, forms[0]))  # type: ignore[arg-type]
            value = value or {"extension": masked_extension()}
            name = f"_{key}" if element.primitive else key
            found = self._templates[place] = orjson.dumps({name: [value] if element.many else value})
        return found


def _silent(structure: Structure) -> tuple[dict[str, Callable[[Any, Pass], None]], frozenset[str]]:
    """The elements that do not pass by decision: what counts each that identifies somebody, and all others."""

    def of(key: str) -> Callable[[Any, Pass], None] | None:
        count = counter_of(structure.name, key, properties[key])
        return None if count is None else lambda value, at: count(value, at.removed)

    properties = type_table(structure.name).properties
    unlisted = findings.extension_unlisted(f"{structure.name}.extension")
    decided = {key: of(key) for key in structure.removed | structure.masked}
    counted = {key: count for key, count in decided.items() if count is not None}
    ignored = {"resourceType", "id", "meta", "contained", *decided} - set(counted) - {"extension"}
    return counted | {"extension": lambda value, at: at.issues.append(unlisted)}, frozenset(ignored)


def _many(rule: Rule) -> Rule:
    def each(value: Any, at: Pass) -> list[Any] | None:
        if type(value) is not list:
            return None
        return [found for item in value if (found := rule(item, at)) is not None] or None

    return each


def _is_primitive(kept: Kept) -> bool:
    return kept.kind in MOMENTS or kept.kind == "code" or kept.kind[0].islower()


def _absent(sibling: Any) -> Json | None:
    """The data-absent-reason of an element without a value, and nothing else of it."""
    extensions = sibling.get("extension") if isinstance(sibling, dict) else None
    for extension in extensions if isinstance(extensions, list) else ():
        code = extension.get("valueCode") if isinstance(extension, dict) else None
        if isinstance(code, str) and code in _ABSENT_CODES and extension.get("url") == masked_extension()[0]["url"]:
            return {"extension": [{"url": extension["url"], "valueCode": code}]}
    return None


def _local(contained: Any) -> dict[str, tuple[str, Json]]:
    found: dict[str, tuple[str, Json]] = {}
    for item in contained if isinstance(contained, list) else ():
        name = item.get("id") if isinstance(item, dict) else None
        if isinstance(name, str):
            found.setdefault(f"#{name}", (f"c{len(found) + 1}", item))
    return found
