"""Source ids become keyed ids: the same thing from the same source always gets the same id, and the id tells nothing.

Every id that leaves the seal is a keyed hash (26 lower-case base32 characters) of source system, resource type and the
id that the source uses. References are rewritten in the same way, so they meet whatever order records arrive in.
"""

from collections.abc import Callable, Iterable
from typing import Any

from careloom.fhir.drafts import Draft

ResourceId = Callable[[str, str, str], str]
"""(source, resource type, the source's id) -> keyed id, as `careloom.crypto.pseudonyms.KeyedNames.resource_id`."""


KNOWN_REFERENCES = 50_000
"""How many rewritten references are remembered: the patients and encounters of some thousand records in a row."""


def find_references(node: Any, found: list[dict[str, Any]]) -> None:
    """Appends every object with a literal ``reference`` below `node`; depth is bounded by the converter."""
    if node.__class__ is dict:
        if "reference" in node and node["reference"].__class__ is str:
            found.append(node)
        values: Iterable[Any] = node.values()
    elif node.__class__ is list:
        values = node
    else:
        return
    for value in values:
        if value.__class__ is dict or value.__class__ is list:
            find_references(value, found)


class Identity:
    """Keys ids and references of one source system.

    resource_types  the R4 resource types: only ``Type/...`` of these is a reference that can be keyed
    """

    def __init__(self, resource_id: ResourceId, source: str, resource_types: frozenset[str]) -> None:
        self._resource_id = resource_id
        self._source = source
        self._types = resource_types
        self._known: dict[str, str] = {}

    def name(self, draft: Draft) -> str:
        """Gives the draft's resource its keyed id and returns it; drafts without any identity were refused before."""
        resource = draft.resource
        original = resource.get("id")
        text = original if isinstance(original, str) and original else draft.source_id
        keyed = self._resource_id(self._source, resource["resourceType"], text)
        resource["id"] = keyed
        return keyed

    def rewrite(self, references: Iterable[dict[str, Any]]) -> None:
        """Keys each ``Type/id`` reference in place; contained, absolute, urn and canonical references stay as they are.

        A version in a reference (``/_history/3``) is the source's own and is dropped: our versions count differently.
        """
        known = self._known
        for reference in references:
            text = reference.get("reference")
            if type(text) is not str:
                continue
            keyed = known.get(text)
            if keyed is None:
                keyed = self._keyed(text)
                if len(known) >= KNOWN_REFERENCES:
                    known.clear()
                known[text] = keyed
            reference["reference"] = keyed

    def _keyed(self, text: str) -> str:
        kind, slash, rest = text.partition("/")
        if not slash or kind not in self._types or not rest:
            return text
        return f"{kind}/{self._resource_id(self._source, kind, rest.split('/_history/', 1)[0])}"
