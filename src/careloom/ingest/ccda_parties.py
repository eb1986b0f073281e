"""People, organizations, devices and places that a document names, after the guide's page on participations.

A person is a Practitioner under the first of the role's ids; with an organization or a role code there is a
PractitionerRole, too. Without an id the name and the organization are the identity.
"""

from lxml import etree

from careloom.fhir.drafts import Resource
from careloom.ingest.ccda_build import Build, Part, Reference, absent
from careloom.ingest.ccda_contacts import addresses, contact_points, human_names, plain_name
from careloom.ingest.ccda_read import NAMES, Kids, child, either, first, kids
from careloom.ingest.ccda_values import concept, identifiers, key_of
from careloom.ingest.conversion import without_home
from careloom.ingest.xml_read import Element, children
from careloom.terminology.systems import NUCC_TAXONOMY

_ROLES = frozenset(
    (
        "assignedAuthor", "assignedEntity", "intendedRecipient", "associatedEntity", "relatedEntity",
        "participantRole",
    )
)  # fmt: skip
_PERSONS = ("assignedPerson", "associatedPerson", "relatedPerson", "informationRecipient", "playingEntity")
_ORGANIZATIONS = (
    "representedOrganization", "receivedOrganization", "scopingOrganization", "scopingEntity",
)  # fmt: skip
_SPECIALTY = NUCC_TAXONOMY


def role_of(element: Element) -> Element | None:
    """The role inside of an author, performer, informant and the like."""
    for each in children(element):
        if NAMES[each.tag] in _ROLES:
            return each
    return None


def party(build: Build, element: Element | None, *, devices: bool = False, roles: bool = True) -> Reference | None:
    """Who a role names: PractitionerRole, Practitioner, Organization or Device; None where it names nobody.

    element  an assignedAuthor, assignedEntity, associatedEntity or participantRole
    devices  a Device may stand here
    roles    a PractitionerRole may stand here, else only its Practitioner
    """
    if element is None:
        return None
    name = etree.tostring(element, encoding="unicode", with_tail=False)
    devices = devices and "assignedAuthoringDevice" in name
    name += ("d" if devices else "") + ("r" if roles else "")
    if name not in build.parties:
        build.parties[name] = _party(build, element, devices=devices, roles=roles)
    found = build.parties[name]
    return dict(found) if found is not None else None


def _party(build: Build, element: Element, *, devices: bool, roles: bool) -> Reference | None:
    held = kids(element)
    if "assignedAuthoringDevice" in held:
        made = device(build, held)
        return made if devices else organization(build, either(held, *_ORGANIZATIONS))
    owner = organization(build, either(held, *_ORGANIZATIONS))
    person = practitioner(build, held, owner)
    if person is None:
        return owner
    code = concept(build, first(held, "code"))
    if owner is None and code is None:
        return person
    return _role(build, (person, owner), code) if roles else person


def practitioner(build: Build, held: Kids, owner: Reference | None) -> Reference | None:
    """The Practitioner of a role; None where neither a name nor an id is there."""
    person = either(held, *_PERSONS)
    names = human_names(build, kids(person).get("name") if person is not None else None)
    numbers = identifiers(held.get("id"))
    if not names and (person is None or not numbers) and (owner is not None or not numbers):
        return None
    out: Resource = {"resourceType": "Practitioner"}
    if numbers:
        out["identifier"] = numbers
    if names:
        out["name"] = names
    _contacts(build, held, out)
    key = key_of(numbers)
    if not key:
        place = owner["reference"] if owner is not None else ""
        key = f"name|{_spoken(names)}|{place}"
    return build.share(key, out)


def _spoken(names: list[Part]) -> str:
    """A name as an identity."""
    told = names[0] if names else {}
    parts = [*told.get("given", []), told.get("family", ""), told.get("text", "")]
    return " ".join(part for part in parts if part).casefold()


def _role(build: Build, who: tuple[Reference, Reference | None], code: Part | None) -> Reference:
    person, owner = who
    out: Resource = {"resourceType": "PractitionerRole", "practitioner": dict(person)}
    if owner is not None:
        out["organization"] = dict(owner)
    name = ""
    if code is not None:
        is_specialty = any(each.get("system") == _SPECIALTY for each in code.get("coding", ()))
        out["specialty" if is_specialty else "code"] = [code]
        name = code["coding"][0].get("code", "") if "coding" in code else code["text"]
    place = owner["reference"] if owner is not None else ""
    return build.share(f"{person['reference']}|{place}|{name}", out)


def _contacts(build: Build, held: Kids, out: Resource) -> None:
    telecoms = contact_points(build, held.get("telecom"))
    if telecoms:
        out["telecom"] = telecoms
    places = addresses(build, held.get("addr"))
    if places:
        out["address"] = places


def organization(build: Build, element: Element | None) -> Reference | None:
    """An Organization; None where it has neither an id nor a name (FHIR's org-1)."""
    if element is None:
        return None
    name = etree.tostring(element, encoding="unicode", with_tail=False)
    if name not in build.parties:
        build.parties[name] = _organization(build, element)
    found = build.parties[name]
    return dict(found) if found is not None else None


def _organization(build: Build, element: Element) -> Reference | None:
    held = kids(element)
    out: Resource = {"resourceType": "Organization"}
    numbers = identifiers(held.get("id"))
    if numbers:
        out["identifier"] = numbers
    kind = concept(build, either(held, "standardIndustryClassCode", "code"))
    if kind is not None:
        out["type"] = [kind]
    names = [name for each in held.get("name", held.get("desc", ())) if (name := plain_name(build, each))]
    if names:
        out["name"] = names[0]
        if names[1:]:
            out["alias"] = names[1:]
    if not numbers and not names:
        return None
    _contacts(build, held, out)
    for wrapper in held.get("asOrganizationPartOf", ())[:1]:
        owner = organization(build, first(kids(wrapper), "wholeOrganization"))
        if owner is not None:
            out["partOf"] = owner
    key = key_of(numbers) if numbers else f"name|{names[0].casefold()}"
    return build.share(key, without_home(out))


def device(build: Build, held: Kids) -> Reference | None:
    """The Device that wrote a document: its model name and software."""
    found = first(held, "assignedAuthoringDevice")
    if found is None:
        return None
    told = kids(found)
    model, software = (
        plain_name(build, first(told, "manufacturerModelName")),
        plain_name(build, first(told, "softwareName")),
    )
    numbers = identifiers(held.get("id"))
    out: Resource = {"resourceType": "Device"}
    if numbers:
        out["identifier"] = numbers
    if model:
        out["manufacturer"] = model
        out["type"] = {"coding": [{"display": model}], "text": model}
        out["deviceName"] = [{"name": model, "type": "model-name"}]
    kind = concept(build, first(told, "code"))
    if kind is not None:
        out["type"] = kind
    if software:
        out["version"] = [{"value": software}]
    if len(out) == 1:
        return None
    owner = organization(build, either(held, *_ORGANIZATIONS))
    if owner is not None:
        out["owner"] = owner
    return build.share(f"{key_of(numbers)}|{model}|{software}", out)


def related_person(build: Build, element: Element) -> Reference | None:
    """A RelatedPerson of an associatedEntity, relatedEntity or guardian; None where nothing is known of the person."""
    held = kids(element)
    person = either(held, "guardianPerson", *_PERSONS)
    told = kids(person) if person is not None else {}
    out: Resource = {"resourceType": "RelatedPerson"}
    numbers = identifiers(held.get("id"))
    if numbers:
        out["identifier"] = numbers
    out["patient"] = build.patient
    kinds = [concept(build, first(held, "code"))]
    kinds += [concept(build, first(kids(each), "code")) for each in told.get("sdtc:asPatientRelationship", ())]
    relations = [kind for at, kind in enumerate(kinds) if kind is not None and kind not in kinds[:at]]
    if relations:
        out["relationship"] = relations
    names = human_names(build, told.get("name"))
    if names:
        out["name"] = names
    _contacts(build, held, out)
    if not names and not numbers and "telecom" not in out:
        return None
    key = key_of(numbers) if numbers else f"{_spoken(names)}|{_first_code(relations)}"
    return build.put(f"relative|{key}", out)


def _first_code(kinds: list[Part]) -> str:
    for kind in kinds:
        for each in kind.get("coding", ()):
            return str(each.get("code", each.get("display", "")))
    return ""


def location(build: Build, element: Element | None) -> Reference | None:
    """A Location of a participantRole or healthCareFacility; None where nothing is known of the place."""
    if element is None:
        return None
    held = kids(element)
    place = either(held, "playingEntity", "location")
    told = kids(place) if place is not None else {}
    out: Resource = {"resourceType": "Location"}
    numbers = identifiers(held.get("id"))
    if numbers:
        out["identifier"] = numbers
    name = plain_name(build, first(told, "name"))
    if name:
        out["name"] = name
    kind = concept(build, first(held, "code"))
    if kind is not None:
        out["type"] = [kind]
    telecoms = contact_points(build, held.get("telecom", told.get("telecom")))
    if telecoms:
        out["telecom"] = telecoms
    where = addresses(build, held.get("addr", told.get("addr")))
    if where:
        out["address"] = where[0]
    owner = organization(build, either(held, "serviceProviderOrganization", "scopingEntity"))
    if owner is not None:
        out["managingOrganization"] = owner
    if len(out) == 1 or not (name or numbers or kind or where):
        return None
    key = key_of(numbers)
    street = "|".join([*where[0].get("line", ()), where[0].get("city", "")]) if where else ""
    return build.share(key or f"name|{name}|{_first_code(out.get('type', []))}|{street}", out)


def author_times(authors: list[Element] | None) -> tuple[Element | None, str | None]:
    """(the last author, the earliest time that one of them names), as the guide picks recorder and recorded date."""
    written = sorted(value for each in authors or () if (value := (_time_of(each) or "")) and value[:4].isdigit())
    return (authors[-1] if authors else None), (written[0] if written else None)


def _time_of(element: Element) -> str | None:
    found = child(element, "time")
    return found.get("value") if found is not None else None


def unknown_reference() -> Reference:
    """A required reference that nothing leads to."""
    return {"extension": [absent()]}
