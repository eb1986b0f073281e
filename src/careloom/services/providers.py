"""Other providers by whom people sign in here, such as Entra ID, Keycloak or Google, read from a TOML file.

Secrets stand in files of their own or in the environment, never beside the settings.

source  OpenID Connect Core 1.0 (2014), 3.1; Discovery 1.0; RFC 9700 (2025)
"""

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from careloom.errors import SetupError
from careloom.services.access import ROLES, ZONES
from careloom.services.issuers import safe_address, words_of

ALGORITHMS = ("RS256", "PS256", "ES256")
_GUIDE = "See docs/how-to/sign-in-by-another-provider.md."
_OURS = frozenset(
    (
        "response_type response_mode client_id redirect_uri scope state nonce code_challenge code_challenge_method "
        "request request_uri client_secret code_verifier prompt max_age"
    ).split()
)
Word = Annotated[str, Field(min_length=1, max_length=500)]
Allowed = dict[str, Annotated[list[Word], Field(min_length=1)]]
"""Claim -> values, of which it has one."""


class Provider(BaseModel):
    """One provider, as its section of the file has it.

    title          as its button calls it
    issuer         letter by letter as its tokens name it
    client_id      what it calls this installation
    proof          how this installation proves who it is: by a secret, by a key of its own, or by PKCE alone
    proof_file    the secret, or the PEM of the key (with its certificate, where the provider asks for it); without it
                   CARELOOM_PROVIDER_<NAME>_SECRET (environment) holds the same
    key_id         of the key, as it is registered there; empty where a certificate names it
    signs          with which algorithm the key signs
    scopes         what is asked for
    parameters     what else the request for a sign-in says, such as ``acr_values``
    algorithms     with which its tokens may be signed
    claims         claim -> values: who comes without one of them in each is refused
    domains        of mail addresses; who comes without a verified one in them is refused. Empty for any
    second_factor  claim -> values that show that the provider asked for a second factor, such as ``amr``; whoever comes
                   without one of them is asked for ours. Empty: everybody is
    admission      ``invited``: who has an invitation links the account with it. ``mapped``: who comes with a role of
                   `roles` is registered, and roles are what the provider says at each sign-in
    name           the claim that names a person who is registered so
    roles_in       claims that hold roles or groups
    roles, zones   of who is registered so: role or group there -> roles here
    signs_out      true where signing out here leads on to its own sign-out; else a page offers that by a link
    private        true where its host may lie in a private network
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: Annotated[str, Field(min_length=1, max_length=60)]
    issuer: str
    client_id: Word
    proof: Literal["client_secret_basic", "client_secret_post", "private_key_jwt", "none"] = "client_secret_basic"
    proof_file: Path | None = None
    key_id: str = ""
    signs: Literal["RS256", "PS256", "ES256"] = "RS256"
    scopes: list[Word] = ["openid"]
    parameters: dict[str, Word] = {}
    algorithms: Annotated[list[Literal["RS256", "PS256", "ES256"]], Field(min_length=1)] = ["RS256"]
    claims: Allowed = {}
    domains: list[Word] = []
    second_factor: Allowed = {}
    admission: Literal["invited", "mapped"] = "invited"
    name: Word = "preferred_username"
    roles_in: list[Word] = ["roles"]
    roles: dict[str, list[str]] = {}
    zones: list[str] = []
    signs_out: bool = False
    private: bool = False
    secret: str = Field(default="", repr=False)

    def roles_of(self, claims: Mapping[str, Any]) -> frozenset[str]:
        """What the roles and groups that a token tells mean here."""
        named = [one for claim in self.roles_in for one in words_of(claims.get(claim))]
        return frozenset(role for one in named for role in self.roles.get(one, ()))


def read_providers(file: Path | None, environment: Mapping[str, str] | None = None) -> dict[str, Provider]:
    """The providers of a file by the name of their section; none without a file.

    environment  the variables; by default the process's own
    raises       SetupError that names the section and what is wrong with it
    """
    if file is None:
        return {}
    try:
        tree = tomllib.loads(file.read_text("utf-8"))
    except OSError as error:
        where = f"access.providers: {file.name} cannot be read ({type(error).__name__})"
        raise SetupError(where, "Name a file.") from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError):
        raise SetupError(f"access.providers: {file.name} is no TOML", "Correct the file.") from None
    variables = os.environ if environment is None else environment
    found = {name: _read(name, section, file.parent, variables) for name, section in tree.items()}
    if len({one.issuer for one in found.values()}) != len(found):
        raise SetupError("access.providers: two sections name the same issuer", "Give each issuer one section.")
    return found


def _read(name: str, section: object, folder: Path, variables: Mapping[str, str]) -> Provider:
    where = f"access.providers: [{name}]"
    if not (name.isascii() and name.isalnum() and name == name.lower()) or len(name) > 16:
        raise SetupError(f"{where} is no name", "Use up to 16 small letters and digits: it stands in addresses.")
    if isinstance(section, dict) and "secret" in section:
        raise SetupError(f"{where} secret: secrets stand in no settings", f"Name a proof_file. {_GUIDE}")
    try:
        read = Provider.model_validate(section)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        key = ".".join(str(part) for part in first["loc"])
        raise SetupError(f"{where} {key}: {first['msg']}", _GUIDE) from None
    _check(where, read)
    return read.model_copy(update={"secret": _secret(where, name, read, folder, variables)})


def _check(where: str, read: Provider) -> None:
    if not safe_address(read.issuer) or "?" in read.issuer or "#" in read.issuer:
        raise SetupError(f"{where} issuer is no https address", "Write it as the provider's tokens have it.")
    if "openid" not in read.scopes:
        raise SetupError(f"{where} scopes: openid is not among them", _GUIDE)
    if not _OURS.isdisjoint(read.parameters):
        raise SetupError(f"{where} parameters: one of them is not yours to say", _GUIDE)
    unknown = {role for roles in read.roles.values() for role in roles} - ROLES.keys()
    if unknown or not set(read.zones) <= ZONES:
        raise SetupError(f"{where} names a role or zone that is not here", f"Roles are: {', '.join(sorted(ROLES))}.")
    if read.admission == "mapped" and not (read.roles and read.zones and read.second_factor):
        remedy = f"Nobody is registered who has shown no second factor. {_GUIDE}"
        raise SetupError(f"{where} admission mapped needs roles, zones and second_factor", remedy)


def _secret(where: str, name: str, read: Provider, folder: Path, variables: Mapping[str, str]) -> str:
    variable = f"CARELOOM_PROVIDER_{name.upper()}_SECRET"
    try:
        named = (folder / read.proof_file).read_text("utf-8") if read.proof_file else variables.get(variable, "")
    except (OSError, UnicodeDecodeError) as error:
        raise SetupError(f"{where} proof_file cannot be read ({type(error).__name__})", "Name a file.") from None
    if bool(named.strip()) == (read.proof == "none"):
        told = "has a secret, and proof is none" if read.proof == "none" else "has no secret"
        raise SetupError(f"{where} {told}", f"Name a proof_file, or set {variable}. {_GUIDE}")
    return named.strip()
