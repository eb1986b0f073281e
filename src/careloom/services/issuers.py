"""Other issuers whose access tokens are accepted here, and what their roles and scopes mean, read from a TOML file.

source  RFC 9068 (2021), 4; Microsoft identity platform, access token claims reference (2025)
"""

import tomllib
from collections.abc import Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from careloom.errors import QueryError, SetupError
from careloom.services.access import ROLES, ZONES
from careloom.services.scopes import parse


class Issuer(BaseModel):
    """One issuer, as its section of the file has it.

    issuer     letter by letter as tokens name it
    audiences  of which a token names one: what the issuer calls this installation
    tenant     that a token names as ``tid``, for issuers of many tenants; empty where there are none
    subject    the claim that names who it is and never changes: ``sub``, at Entra ID ``oid``
    roles_in   claims that hold roles or groups
    roles      role or group there -> roles here
    zones      that whoever comes by this issuer is granted
    scopes     scope there (``scp`` or ``scope``) -> scopes here; a program without any gets all that its roles permit
    private    true where the hosts that its keys come from may lie in a private network
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    issuer: str
    audiences: list[str] = Field(min_length=1)
    tenant: str = ""
    subject: str = "sub"
    roles_in: list[str] = ["roles"]
    roles: dict[str, list[str]] = {}
    zones: list[str] = Field(min_length=1)
    scopes: dict[str, str] = {}
    private: bool = False

    def roles_of(self, claims: Mapping[str, Any]) -> frozenset[str]:
        """What the roles and groups of a token mean here."""
        named = [one for claim in self.roles_in for one in words_of(claims.get(claim))]
        return frozenset(role for one in named for role in self.roles.get(one, ()))


def read_issuers(file: Path | None) -> dict[str, Issuer]:
    """The issuers of a file by the name of their section; none without a file.

    raises  SetupError that names the section and what is wrong with it
    """
    if file is None:
        return {}
    try:
        tree = tomllib.loads(file.read_text("utf-8"))
    except OSError as error:
        raise SetupError(
            f"access.issuers: {file.name} cannot be read ({type(error).__name__})", "Name a file."
        ) from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError):
        raise SetupError(f"access.issuers: {file.name} is no TOML", "Correct the file.") from None
    found = {name: _read(name, section) for name, section in tree.items()}
    if len({one.issuer for one in found.values()}) != len(found):
        raise SetupError("access.issuers: two sections name the same issuer", "Give each issuer one section.")
    return found


def safe_address(address: str) -> bool:
    """True for https, and for http on this machine alone."""
    try:
        parts = urlsplit(address)
        if parts.scheme == "https":
            return bool(parts.hostname) and parts.username is None
        return parts.scheme == "http" and ip_address(parts.hostname or "").is_loopback
    except ValueError:
        return False


def _read(name: str, section: object) -> Issuer:
    where = f"access.issuers: [{name}]"
    if not (name.isascii() and name.isalnum()) or len(name) > 16:
        raise SetupError(f"{where} is no name", "Use up to 16 letters and digits: it stands before who comes by it.")
    try:
        read = Issuer.model_validate(section)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        key = ".".join(str(part) for part in first["loc"])
        raise SetupError(f"{where} {key}: {first['msg']}", "See docs/how-to/accept-entra-tokens.md.") from None
    if not safe_address(read.issuer):
        raise SetupError(f"{where} issuer is no https address", "Write it as the issuer's tokens have it.")
    unknown = {role for roles in read.roles.values() for role in roles} - ROLES.keys()
    if unknown or not set(read.zones) <= ZONES:
        raise SetupError(f"{where} names a role or zone that is not here", f"Roles are: {', '.join(sorted(ROLES))}.")
    try:
        for text in read.scopes.values():
            parse(text)
    except QueryError as error:
        raise SetupError(f"{where} scopes: {error.where}", error.remedy) from None
    return read


def words_of(value: object) -> list[str]:
    """The words of a claim: of a text, or of a list of texts; none of anything else."""
    if isinstance(value, str):
        return value.split()
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []
