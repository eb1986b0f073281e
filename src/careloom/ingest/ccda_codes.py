"""The maps of maps/ccda_*.toml, read once: codes, code systems, sections, templates."""

import re
import tomllib
from dataclasses import dataclass
from functools import cache, lru_cache
from urllib.parse import quote

from careloom.runtime import packaged
from careloom.terminology.systems import OIDS

LOCAL_ROOT = "urn:careloom:ccda:root:"

_OID = re.compile(r"[0-2](?:\.(?:0|[1-9]\d*))+", re.ASCII)
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


@dataclass(frozen=True, slots=True)
class SectionRule:
    """What is known of a section by its LOINC code.

    medications  ``administration`` where what was given during the encounter is listed, else empty
    """

    title: str
    medications: str = ""


def _toml(name: str) -> dict[str, dict[str, dict[str, str]]]:
    return tomllib.loads(packaged("ingest", f"maps/{name}.toml").decode())


@cache
def codes(name: str) -> dict[str, str]:
    """One map of ccda_codes.toml."""
    return _codes()[name]["codes"]


@cache
def _codes() -> dict[str, dict[str, dict[str, str]]]:
    return _toml("ccda_codes")


@cache
def system_names() -> dict[str, str]:
    """OID -> URI of the code systems and identifier systems that have one."""
    return {**tomllib.loads(packaged("ingest", "maps/ccda_systems.toml").decode()), **OIDS}


@cache
def _sections() -> dict[str, dict[str, dict[str, str]]]:
    return _toml("ccda_sections")


@cache
def templates() -> dict[str, str]:
    """Template id of an entry -> name of what it is."""
    return {root: name for name, entry in _sections()["templates"].items() for root in entry["ids"].split()}


@cache
def section_rules() -> dict[str, SectionRule]:
    """LOINC code of a section -> what is known of it."""
    return {code: SectionRule(**entry) for code, entry in _sections()["sections"].items()}


@lru_cache(maxsize=4096)
def system_uri(root: str) -> str:
    """The URI of a code system or of an id's root: its own, ``urn:oid:``, ``urn:uuid:``, else a URN of ours."""
    known = system_names().get(root)
    if known is not None:
        return known
    if _OID.fullmatch(root):
        return f"urn:oid:{root}"
    if _UUID.fullmatch(root):
        return f"urn:uuid:{root.lower()}"
    return LOCAL_ROOT + quote(root, safe="")


@lru_cache(maxsize=4096)
def unique_uri(root: str) -> str:
    """An id that consists of a root alone, as a URI; empty where the root is neither OID nor UUID."""
    if _OID.fullmatch(root):
        return f"urn:oid:{root}"
    return f"urn:uuid:{root.lower()}" if _UUID.fullmatch(root) else ""
