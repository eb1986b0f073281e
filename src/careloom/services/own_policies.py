"""Policies of an installation's own: files that extend one that ships, looked at first, kept beside the zone."""

import re
import tomllib
from pathlib import Path
from typing import Any

from careloom.deid.policy import SHIPPED, Policy, merged, read_policy
from careloom.deid.policy_lint import Oddity, oddities, unknown_names, worst
from careloom.errors import CareloomError, FormatError, SetupError
from careloom.runtime import packaged
from careloom.services.platform import Platform

FOLDER = "policies"
_NAME = re.compile(r"[a-z][a-z0-9-]{0,39}", re.ASCII)
_DIGEST = re.compile(r"[0-9a-f]{32}", re.ASCII)
Json = dict[str, Any]


def looked_at(raw: bytes) -> tuple[Policy | None, list[Oddity]]:
    """A policy file and what is odd about it; None where it cannot be read. raises FormatError if it is no TOML"""
    sources, raws = _sources(raw)
    found = [one for source in sources for one in unknown_names(source)]
    try:
        codes = packaged("deid", f"policies/{merged(sources)['codes']}")
        policy = read_policy(raws[0], codes, raws[1:])
    except SetupError as error:
        return None, [*found, Oddity("error", "unreadable", "policy", f"{error.where}. {error.remedy}")]
    except (KeyError, OSError):
        return None, [*found, Oddity("error", "unreadable", "policy", "It extends no policy that ships.")]
    return policy, [*found, *oddities(policy, sources[0])]


def own_policy(raw: bytes) -> Policy:
    """The policy of a file. raises FormatError; SetupError where it has an error, or the name of one that ships"""
    policy, found = looked_at(raw)
    wrong = [f"{one.place}: {one.message}" for one in found if one.level == "error"]
    if policy is None or worst(found) == "error":
        raise SetupError(f"the policy file has {len(wrong)} errors: {' '.join(wrong)}", "See careloom deidentify lint.")
    if policy.name in SHIPPED or not _NAME.fullmatch(policy.name):
        raise SetupError("the policy file's name", "Choose one of a-z, 0-9 and hyphens that no policy that ships has.")
    return policy


def used(platform: Platform, raw: bytes) -> Policy:
    """The policy of a file, which is put beside the zone: it tells later whether the zone is still of this policy."""
    policy = own_policy(raw)
    place = _place(platform, policy.digest)
    place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = place.with_suffix(".part")
    draft.write_bytes(raw)
    draft.replace(place)
    return policy


def is_current(platform: Platform, digest: str) -> bool:
    """True where a file that was kept still makes the policy of this digest, with what it extends as it is now."""
    return kept(platform, digest) is not None


def kept(platform: Platform, digest: str) -> Policy | None:
    """The policy of this digest, of a file that was kept; None where none makes it any more."""
    if not _DIGEST.fullmatch(digest):
        return None
    try:
        policy = own_policy(_place(platform, digest).read_bytes())
    except (OSError, CareloomError):
        return None
    return policy if policy.digest == digest else None


def _place(platform: Platform, digest: str) -> Path:
    return platform.settings.data.directory / "research" / FOLDER / f"{digest}.toml"


def _sources(raw: bytes) -> tuple[list[Json], list[bytes]]:
    """A policy file and those that it extends, read and as bytes. raises FormatError"""
    raws, sources = [raw], []
    while True:
        try:
            sources.append(tomllib.loads(raws[-1].decode()))
        except (UnicodeDecodeError, tomllib.TOMLDecodeError):
            raise FormatError("the policy is no TOML file in UTF-8", "Mend it: see the top of first.toml.") from None
        base = sources[-1].get("extends")
        if base is None:
            return sources, raws
        if base not in SHIPPED:
            raise FormatError("the policy extends none that ships", f"Extend one of {', '.join(SHIPPED)}.")
        raws.append(packaged("deid", f"policies/{base}.toml"))
