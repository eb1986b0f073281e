"""A de-identification policy: the allow-list of a TOML file, checked against FHIR R4 when it is read."""

import hashlib
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from careloom.deid.codes import CodeBook
from careloom.deid.policy_targets import PolicyTargets, read_targets
from careloom.deid.policy_treatments import Declared, Encrypt, Perturb, fits, read_treatments
from careloom.deid.text_replace import Style
from careloom.errors import SetupError
from careloom.fhir.validate_tables import Element, plain_codes, resource_types, type_table
from careloom.runtime import packaged

CODED = frozenset({"CodeableConcept", "Coding"})
QUANTITIES = frozenset({"Quantity", "SimpleQuantity", "Duration", "Count", "Distance", "Age"})
MOMENTS = frozenset({"date", "dateTime", "instant"})
INTEGERS = frozenset({"integer", "positiveInt", "unsignedInt"})
PLAIN = frozenset({"boolean", "decimal", "time", "Range", "Ratio", "Period", "Reference"})
TREATED = CODED | QUANTITIES | MOMENTS | INTEGERS | PLAIN
MOMENTS_AS = frozenset({"shift", "year", "keep"})
TEXT_AS = frozenset({"surrogate", "tag", "mask"})
TREATMENTS: Mapping[str, frozenset[str]] = {
    "birth-year": frozenset({"date"}),
    "zip3": frozenset({"string"}),
    "stated": frozenset({"string"}),
    "text": frozenset({"string", "markdown"}),
    "plain-text": frozenset({"base64Binary"}),
    "plain-media": frozenset({"code"}),
    "pseudonym": frozenset({"Identifier"}),
}
"""What `as` may name beside a list -> the data types that it treats; the grammar stands in first.toml."""
_STATED = frozenset({"Address.city", "Address.district", "Address.postalCode", "Address.country"})
"""What may pass word for word where a policy says `stated`: 45 CFR 164.514(e)(2)(ii) lets town, state and ZIP code."""
_STRUCTURES = frozenset({"Address", "Annotation", "Attachment", "Dosage", "Timing"})
_BUILT_IN = frozenset({"id", "resourceType", "meta", "contained", "implicitRules", "modifierExtension"})
_KEYS = frozenset(
    {
        "name",
        "version",
        "codes",
        "largest_integer",
        "largest_number",
        "lists",
        "moments",
        "patient",
        "refuse",
        "structure",
        "extension",
        "text",
    }
)
_OPTIONAL = frozenset({"targets", "treatment"})

SHIPPED = ("first", "safe-harbor", "limited-data-set", "expert", "gdpr-pseudonymisation")
"""The policies in this room's folder."""


@dataclass(frozen=True, slots=True)
class Kept:
    """One element that passes.

    kind   its FHIR data type, or the structure that decides it element by element
    codes  for a code: what it may be; else empty
    as_    the treatment that the policy names, or ""
    how    what it is, where the policy declares it itself
    """

    kind: str
    many: bool
    codes: frozenset[str]
    as_: str
    how: Declared | None = None


@dataclass(frozen=True, slots=True)
class Structure:
    """What the policy decides for one structure.

    kept      JSON name -> how it passes
    removed   JSON names that do not pass
    masked    JSON names whose absence is always said
    needed    JSON names of which one must pass, or the structure does not; empty where none must
    required  for each element that FHIR requires: its JSON names, the one that a mask uses first
    """

    name: str
    kept: Mapping[str, Kept]
    removed: frozenset[str]
    masked: frozenset[str]
    needed: frozenset[str]
    required: tuple[tuple[str, ...], ...]


_WITHOUT_A_DAY = {"Appointment": "a day and hour of care, of which the year alone may pass"}
"""Types that FHIR R4 does not have without an instant (app-2, app-3): under ``moments = "year"`` they do not pass."""


@dataclass(frozen=True, slots=True)
class AllowedExtension:
    """An extension that passes: `codes` of its valueCode, or the coded sub-extensions in `parts`."""

    url: str
    codes: frozenset[str]
    parts: frozenset[str]


@dataclass(frozen=True, slots=True)
class Policy:
    """What may pass into a zone.

    digest      keyed by nothing: a hash of the policy's files, for the run manifest
    passing     resource types that pass
    patient     resource type -> (element that names the patient, whether it must); `participant.actor`: of each part
    refused     resource type -> what free text or image it is
    extensions  structure -> url -> extension
    moments     how dates and times pass: moved by the patient's secret days, the year alone, or as they are
    text        what stands in place of what is found in texts: surrogate, tag or mask
    small_zip3  three-digit ZIP code areas of 20,000 people or fewer, which pass as 000
    targets     how well the patients of the zone must be able to hide; None where nothing is asked
    """

    name: str
    version: str
    digest: str
    structures: Mapping[str, Structure]
    passing: frozenset[str]
    patient: Mapping[str, tuple[str, bool]]
    refused: Mapping[str, str]
    extensions: Mapping[str, Mapping[str, AllowedExtension]]
    codes: CodeBook
    largest_integer: int
    largest_number: float
    moments: str
    text: Style
    small_zip3: frozenset[str]
    targets: PolicyTargets | None = None

    @property
    def reads_text(self) -> bool:
        """True when some element passes through the de-identification of text."""
        return any(kept.as_ in ("text", "plain-text") for kept in self._every_kept())

    @property
    def needs_secrets(self) -> bool:
        """True when some element passes with noise or sealed: that takes keys of the project."""
        return any(isinstance(kept.how, Perturb | Encrypt) for kept in self._every_kept())

    def patient_of(self, resource: Mapping[str, Any]) -> str | None:
        """The id of the patient that a resource is about, as it says itself; None where it names none, or several."""
        element, _ = self.patient.get(str(resource.get("resourceType")), ("", False))
        if element == "id":
            found = resource.get("id")
            return found if isinstance(found, str) else None
        first, _, rest = element.partition(".")
        if not rest:
            return _patient_in(resource.get(first))
        parts = resource.get(first)
        named = {_patient_in(one.get(rest)) for one in parts or () if isinstance(one, dict)} - {None}
        return named.pop() if len(named) == 1 else None

    def _every_kept(self) -> Iterator[Kept]:
        return (kept for one in self.structures.values() for kept in one.kept.values())


@cache
def packaged_policy(name: str = "first") -> Policy:
    """A policy that ships with Careloom.

    raises  SetupError if there is none of that name, or if it contradicts itself or FHIR R4
    """
    if name not in SHIPPED:
        raise SetupError(
            f"there is no de-identification policy {name}", f"Name a policy that ships: {', '.join(SHIPPED)}."
        )
    files = [packaged("deid", f"policies/{name}.toml")]
    while base := tomllib.loads(files[-1].decode()).get("extends"):
        files.append(packaged("deid", f"policies/{base}.toml"))
    codes = tomllib.loads(files[-1].decode())["codes"]
    return read_policy(files[0], packaged("deid", f"policies/{codes}"), files[1:])


def read_policy(raw: bytes, raw_codes: bytes, bases: Sequence[bytes] = ()) -> Policy:
    """A policy from the bytes of its file and of the codes file that it names.

    bases   the files that it extends, the nearest first
    raises  SetupError where a key, structure or element is unknown, decided twice or not at all, or cannot be kept
    """
    source, codes = merged([tomllib.loads(one.decode()) for one in (raw, *bases)]), tomllib.loads(raw_codes.decode())
    where = f"de-identification policy {source.get('name', '')}"
    if set(source) - _OPTIONAL != _KEYS:
        wrong = sorted(set(source) - _OPTIONAL ^ _KEYS)
        raise SetupError(f"{where}: {wrong}", "Have exactly the keys that the grammar names.")
    if source["moments"] not in MOMENTS_AS:
        raise SetupError(f"{where}: moments", f"Write one of {', '.join(sorted(MOMENTS_AS))}.")
    if source["text"] not in TEXT_AS:
        raise SetupError(f"{where}: text", f"Write one of {', '.join(sorted(TEXT_AS))}.")
    structures = _Reader(source, where).structures()
    refused = (_WITHOUT_A_DAY if source["moments"] == "year" else {}) | source["refuse"]
    passing = frozenset(structures) & resource_types() - set(refused)
    return Policy(
        name=source["name"],
        version=source["version"],
        digest=hashlib.blake2b(b"\0".join([raw, *bases, raw_codes]), digest_size=16).hexdigest(),
        structures=structures,
        passing=passing,
        patient=_patients(source, structures, where),
        refused=refused,
        extensions=_extensions(source),
        codes=CodeBook(codes, str(source["codes"])),
        largest_integer=source["largest_integer"],
        largest_number=source["largest_number"],
        moments=source["moments"],
        text=source["text"],
        small_zip3=frozenset(source["lists"].get("small-zip3", "").split()),
        targets=_targets(source.get("targets", {}), where),
    )


def merged(sources: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """One policy of a file and of those that it extends, the nearest first.

    A structure, extension, list or patient element of the nearer file stands in place of the farther one's; the table
    of what is refused and every plain value too.
    """
    found: dict[str, Any] = {}
    for source in reversed(sources):
        joined = {
            key: found.get(key, {}) | source.get(key, {})
            for key in ("structure", "extension", "lists", "patient", "treatment")
        }
        found = found | {key: value for key, value in source.items() if key != "extends"} | joined
    return found


class _Reader:
    """Reads the structures of one policy source; holds what every structure shares."""

    def __init__(self, source: Mapping[str, Any], where: str) -> None:
        self._source = source
        self._where = where
        self._everywhere = set(self._names(source["structure"].get("*", {}).get("remove", {})))
        try:
            self._declared = read_treatments(source.get("treatment", {}))
        except ValueError as error:
            raise SetupError(where, f"Mend {error}.") from None
        if twice := set(self._declared) & (set(TREATMENTS) | set(source["lists"])):
            raise self._wrong(f"treatment {min(twice)}", "Call it by a name that is not taken.")

    def structures(self) -> dict[str, Structure]:
        """Every structure of the source, each element of it decided; each that a kept element needs is there."""
        found = {
            name: self._structure(name, decisions)
            for name, decisions in self._source["structure"].items()
            if name != "*"
        }
        for structure in found.values():
            for element, kept in structure.kept.items():
                if kept.kind not in TREATED and kept.as_ == "" and not kept.codes and kept.kind not in found:
                    raise self._wrong(f"{structure.name}.{element}", f"Decide the structure {kept.kind}.")
        return found

    def _structure(self, name: str, decisions: Mapping[str, Mapping[str, str]]) -> Structure:
        try:
            table = type_table(name)
        except KeyError:
            raise self._wrong(name, "FHIR R4 has no such structure.") from None
        if set(decisions) - {"keep", "remove", "mask", "need"}:
            raise self._wrong(name, "Write keep, remove, mask or need.")
        properties = {key: element for key, element in table.properties.items() if key not in _BUILT_IN}
        kept = self._kept(name, properties, decisions.get("keep", {}))
        masked = self._decided(name, properties, decisions.get("mask", {}), set(kept))
        removed = self._decided(name, properties, decisions.get("remove", {}), set(kept) | masked)
        removed |= {key for key in properties if key in self._everywhere and key not in kept}
        undecided = sorted(set(properties) - set(kept) - masked - removed)
        if undecided:
            raise self._wrong(name, f"Decide {', '.join(undecided)}.")
        bad = [key for key in masked if properties[key].many or not properties[key].primitive]
        if bad:
            raise self._wrong(name, "Only a single primitive element can be masked.")
        needed = frozenset(self._names(decisions.get("need", {})))
        if needed - set(kept):
            raise self._wrong(name, "Need only what is kept.")
        required = _required(table.required, properties, kept)
        return Structure(name, kept, frozenset(removed), frozenset(masked), needed, required)

    def _kept(self, name: str, properties: Mapping[str, Element], decisions: Mapping[str, str]) -> dict[str, Kept]:
        kept: dict[str, Kept] = {}
        for entry in self._names(decisions):
            key, _, treatment = entry.partition(" as ")
            if key not in properties or key in kept:
                raise self._wrong(f"{name}.{key}", "Name an element of the structure, once; of a choice one form.")
            kept[key] = self._keep(f"{name}.{key}", properties[key], treatment)
        return kept

    def _keep(self, place: str, element: Element, treatment: str) -> Kept:
        kind, codes, how = element.kind, frozenset[str](), self._declared.get(treatment)
        if how is not None:
            if not fits(how, kind, element.codes):
                raise self._wrong(place, f"There is no treatment {treatment} for {kind}.")
        elif treatment in TREATMENTS:
            self._check_treatment(place, kind, treatment)
        elif treatment and kind in ("string", "code") and treatment in self._source["lists"]:
            codes, kind = frozenset(self._source["lists"][treatment].split()), "code"
        elif treatment:
            raise self._wrong(place, f"There is no treatment {treatment} for {kind}.")
        elif kind == "code":
            if not element.codes:
                raise self._wrong(place, "This code is not bound: name a list with `as`.")
            codes = plain_codes(element.codes)
        elif kind not in TREATED and kind not in _STRUCTURES and "." not in kind:
            raise self._wrong(place, f"{kind} is textual and cannot be kept.")
        return Kept(kind, element.many, codes, treatment, how)

    def _check_treatment(self, place: str, kind: str, treatment: str) -> None:
        if kind not in TREATMENTS[treatment]:
            raise self._wrong(place, f"There is no treatment {treatment} for {kind}.")
        if treatment == "stated" and place not in _STATED:
            raise self._wrong(place, f"Only {', '.join(sorted(_STATED))} may pass as stated.")
        if treatment == "zip3" and not self._source["lists"].get("small-zip3"):
            raise self._wrong(place, "Give the list small-zip3, with the census it comes from.")

    def _decided(
        self, name: str, properties: Mapping[str, Element], decisions: Mapping[str, str], taken: set[str]
    ) -> set[str]:
        found: set[str] = set()
        for entry in self._names(decisions):
            forms = {key for key, element in properties.items() if entry in (key, element.name)}
            fresh = forms - taken if entry.endswith("[x]") else forms
            if not fresh or fresh & (taken | found):
                raise self._wrong(f"{name}.{entry}", "Name an element of the structure that is decided nowhere else.")
            found |= fresh
        return found

    def _names(self, decisions: Mapping[str, str]) -> list[str]:
        for because in decisions.values():
            if not isinstance(because, str) or not because.strip():
                raise self._wrong("an entry", "Every entry needs its reason.")
        return [name.strip() for names in decisions for name in names.split(",")]

    def _wrong(self, place: str, remedy: str) -> SetupError:
        return SetupError(f"{self._where}: {place}", remedy)


def _required(
    names: tuple[str, ...], properties: Mapping[str, Element], kept: Mapping[str, Kept]
) -> tuple[tuple[str, ...], ...]:
    found = []
    for name in names:
        forms = [key for key, element in properties.items() if element.name == name]
        found.append(tuple(sorted(forms, key=lambda key: key not in kept)))
    return tuple(forms for forms in found if forms)


def _targets(source: Mapping[str, Any], where: str) -> PolicyTargets | None:
    try:
        return read_targets(source)
    except ValueError as error:
        raise SetupError(f"{where}: targets", str(error)) from None


def _patient_in(reference: object) -> str | None:
    text = reference.get("reference") if isinstance(reference, dict) else None
    parts = text.split("/") if isinstance(text, str) else []
    return parts[1] if len(parts) in (2, 4) and parts[0] == "Patient" else None


def _patients(
    source: Mapping[str, Any], structures: Mapping[str, Structure], where: str
) -> dict[str, tuple[str, bool]]:
    found = {}
    for name, text in source["patient"].items():
        element = text.rstrip("?")
        first, _, rest = element.partition(".")
        part = f"{name}.{first}"
        is_kept = name in structures and (element == "id" or first in structures[name].kept)
        if not is_kept or (rest and (part not in structures or rest not in structures[part].kept)):
            raise SetupError(f"{where}: patient {name}", "Name a kept element of a decided structure.")
        found[name] = (element, not text.endswith("?"))
    return found


def _extensions(source: Mapping[str, Any]) -> dict[str, dict[str, AllowedExtension]]:
    found: dict[str, dict[str, AllowedExtension]] = {}
    for url, rule in source["extension"].items():
        if "remove" in rule:
            continue
        extension = AllowedExtension(url, frozenset(rule.get("codes", ())), frozenset(rule.get("parts", ())))
        found.setdefault(rule["on"], {})[url] = extension
    return found
