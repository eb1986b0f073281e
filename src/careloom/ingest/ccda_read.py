"""The elements of a clinical document by name: children in dictionaries, types without prefixes."""

from careloom.ingest.xml_read import Element, children

Kids = dict[str, list[Element]]
"""The children of an element by name, `NAMES` says how; in document order."""

V3 = "{urn:hl7-org:v3}"
TYPE = "{http://www.w3.org/2001/XMLSchema-instance}type"
MAX_NAMES = 4096


class _Names(dict[str, str]):
    """Tag as lxml gives it -> name: bare for HL7 v3 and for no namespace, ``sdtc:name`` for the SDTC extensions.

    Elements of other namespaces keep their long name, so that nothing takes them for CDA.
    """

    def __missing__(self, tag: str) -> str:
        space, _, name = tag.rpartition("}")
        if space == "{urn:hl7-org:sdtc":
            name = f"sdtc:{name}"
        elif space not in ("", "{urn:hl7-org:v3"):
            name = tag
        if len(self) < MAX_NAMES:
            self[tag] = name
        return name


NAMES = _Names()


def kids(element: Element) -> Kids:
    """The children of an element by name."""
    out: Kids = {}
    names = NAMES
    for each in children(element):
        name = names[each.tag]
        if name in out:
            out[name].append(each)
        else:
            out[name] = [each]
    return out


def child(element: Element, name: str) -> Element | None:
    """The first child of that name."""
    names = NAMES
    for each in children(element):
        if names[each.tag] == name:
            return each
    return None


def first(found: Kids, name: str) -> Element | None:
    """The first of the children of that name."""
    held = found.get(name)
    return held[0] if held is not None else None


def either(found: Kids, *names: str) -> Element | None:
    """The first child of the first of these names that is there; an element without children is false in Python."""
    for name in names:
        held = found.get(name)
        if held is not None:
            return held[0]
    return None


def local_type(element: Element) -> str:
    """The HL7 data type that xsi:type names, without its prefix; empty where there is none."""
    named = element.get(TYPE)
    return named.rpartition(":")[2] if named is not None else ""
