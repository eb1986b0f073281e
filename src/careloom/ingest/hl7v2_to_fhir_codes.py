"""Code maps of the HL7 v2-to-FHIR guide and the names that v2 gives to code systems and authorities."""

import re
import tomllib
from dataclasses import dataclass
from functools import cache, lru_cache
from urllib.parse import quote

from careloom.hl7v2.fields import Authority
from careloom.runtime import packaged
from careloom.terminology.systems import US_NPI, US_SSN, canonical

V2_TABLE = "http://terminology.hl7.org/CodeSystem/v2-"
LOCAL_SYSTEM = "urn:careloom:hl7v2:codesystem:"
LOCAL_AUTHORITY = "urn:careloom:hl7v2:authority:"

_TABLE_NAME = re.compile(r"(?:HL7|V2-?|HL7_|HL7-)(\d{1,4})", re.IGNORECASE)
_OID = re.compile(r"[0-2](?:\.(?:0|[1-9]\d*))+")
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\s<>\"{}|\\^`]+")
_AUTHORITIES = {"NPI": US_NPI, "SSA": US_SSN, "USSSA": US_SSN}


@dataclass(frozen=True, slots=True)
class Target:
    """What a v2 code means in FHIR; `display` is empty where its code system does not let us ship one."""

    code: str
    display: str
    system: str

    def coding(self) -> dict[str, str]:
        """The FHIR Coding."""
        made = {"system": self.system, "code": self.code, "display": self.display}
        return made if self.display else {"system": self.system, "code": self.code}


@dataclass(frozen=True, slots=True)
class CodeMap:
    """One map of the guide.

    table    HL7 v2 table of its source codes, four digits
    targets  v2 code -> target
    lenient  folded v2 codes, target codes and displays -> target, for senders that write the word for the code
    """

    table: str
    targets: dict[str, Target]
    lenient: dict[str, Target]

    def exact(self, code: str, system: str) -> Target | None:
        """The target of a code that is given without a system or with this map's table as its system."""
        target = self.targets.get(code)
        if target is None or not system:
            return target
        named = _TABLE_NAME.fullmatch(system)
        return target if named is not None and named[1].zfill(4) == self.table else None

    def word(self, text: str) -> Target | None:
        """The target of a code however it is written: case, the FHIR code or the displayed word."""
        return self.targets.get(text) or self.lenient.get(text.casefold())


@cache
def code_maps() -> dict[str, CodeMap]:
    """Every code map by the guide's name: the guide's rows, with ours laid over them."""
    out: dict[str, CodeMap] = {}
    for name in ("hl7v2_concepts.toml", "hl7v2_codes.toml"):
        for key, entry in tomllib.loads(packaged("ingest", f"maps/{name}").decode()).items():
            known = out.get(key)
            targets = dict(known.targets) if known is not None else {}
            for code, value in entry["codes"].items():
                parts = [value] if isinstance(value, str) else value
                if parts[0]:
                    rest = [*parts[1:], *["", ""][len(parts) - 1 :]]
                    targets[code] = Target(parts[0], rest[0], rest[1] or entry["system"])
                else:
                    targets.pop(code, None)
            out[key] = CodeMap(entry["table"], targets, _lenient(targets))
    return out


def _lenient(targets: dict[str, Target]) -> dict[str, Target]:
    out: dict[str, Target] = {}
    for code, target in targets.items():
        for text in (target.display, target.code, code):
            if len(text) > 1:
                out.setdefault(text.casefold(), target)
    return out


@lru_cache(maxsize=4096)
def system_uri(name: str) -> str:
    """The URI of a code system by its name in CWE.3: known names, HL70nnn tables, OIDs; ours for local names."""
    if not name or name.upper() in ("L", "LOCAL"):
        return ""
    table = _TABLE_NAME.fullmatch(name)
    if table is not None:
        return V2_TABLE + table[1].zfill(4)
    if name.upper() == "ISO+":
        return f"{LOCAL_SYSTEM}ISO%2B"
    known = canonical(name)
    if known is not None:
        return known if " " not in known else f"{LOCAL_SYSTEM}{quote(name, safe='')}"
    return LOCAL_SYSTEM + quote(name, safe="")


def universal_urn(authority: Authority) -> str:
    """The URN of a universal id that is an OID or a UUID; empty for others."""
    unique, kind = authority.universal_id, authority.universal_id_type.upper()
    if kind in ("ISO", "") and _OID.fullmatch(unique):
        return f"urn:oid:{unique}"
    return f"urn:uuid:{unique.lower()}" if kind in ("UUID", "GUID") and _UUID.fullmatch(unique) else ""


@lru_cache(maxsize=4096)
def authority_uri(authority: Authority) -> str:
    """The system of identifiers that an authority gives: its OID, UUID or URI, else a URN of its local name."""
    unique, kind = authority.universal_id, authority.universal_id_type.upper()
    if unique and (kind in ("ISO", "") and _OID.fullmatch(unique)):
        return canonical(unique) or f"urn:oid:{unique}"
    if kind in ("UUID", "GUID") and _UUID.fullmatch(unique):
        return f"urn:uuid:{unique.lower()}"
    if kind in ("URI", "URL", "HTTP") and _ABSOLUTE.fullmatch(unique):
        return unique
    name = authority.key
    if not name:
        return ""
    return _AUTHORITIES.get(name.upper()) or LOCAL_AUTHORITY + quote(name, safe="")
