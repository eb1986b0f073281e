"""Who is signed in: a signed cookie that holds the access token and what it may do, and nothing on the server."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from flask import Flask, current_app, g, session
from flask.sessions import SecureCookieSessionInterface

from careloom.dashboard.address import PREFIX
from careloom.runtime import Runtime

PATIENT_ZONES = ("identified", "research", "synthetic")
KEY = "person"
CLOCK = "careloom-clock"


@dataclass(frozen=True, slots=True)
class Person:
    """Whoever signed in, as the API knows them. The API decides access again on every call; this only hides links."""

    name: str
    zones: tuple[str, ...]
    scopes: frozenset[str]
    expires: datetime
    token: str = field(repr=False)

    @property
    def has_runs(self) -> bool:
        """True when the API would tell this person about runs."""
        return "landing" in self.zones and "careloom/monitor" in self.scopes

    @property
    def quality_zones(self) -> tuple[str, ...]:
        """The zones whose data quality the API may tell this person about."""
        return tuple(zone for zone in PATIENT_ZONES if zone in self.zones) if "careloom/quality" in self.scopes else ()

    @property
    def may_send(self) -> bool:
        """True when the API would take files from this person."""
        return "landing" in self.zones and "careloom/ingest" in self.scopes

    @property
    def has_quarantine(self) -> bool:
        """True when the API would tell this person what was refused."""
        return "landing" in self.zones and "careloom/quarantine" in self.scopes

    @property
    def may_redrive(self) -> bool:
        """True when the API would try refused records again for this person."""
        return {"landing", "identified"} <= set(self.zones) and "careloom/ingest" in self.scopes

    @property
    def may_normalize(self) -> bool:
        """True when the API would bring data into one form for this person, and tell what was."""
        return "identified" in self.zones and "careloom/ingest" in self.scopes

    @property
    def has_deidentifications(self) -> bool:
        """True when the API would tell this person how the research zone was made, and by which policies."""
        return "research" in self.zones and "careloom/monitor" in self.scopes

    @property
    def sees_synthetic(self) -> bool:
        """True when the API would tell this person about the privacy ledger, and what was made of nobody's data."""
        return not {"identified", "research"}.isdisjoint(self.zones) and "careloom/monitor" in self.scopes

    @property
    def may_deidentify(self) -> bool:
        """True when the API would make the research zone for this person."""
        return {"identified", "research"} <= set(self.zones) and "careloom/deidentify" in self.scopes

    @property
    def may_preview(self) -> bool:
        """True when the API would show this person what de-identification makes of a record or text."""
        reads = "identified" in self.patient_zones
        return reads and {"identified", "research"} <= set(self.zones) and "careloom/preview" in self.scopes

    @property
    def may_annotate(self) -> bool:
        """True when the API would read a text for this person."""
        return not {"identified", "research"}.isdisjoint(self.zones) and "careloom/annotate" in self.scopes

    @property
    def note_zones(self) -> tuple[str, ...]:
        """The zones whose notes this person may search by what they say."""
        may_search = any(_searches(scope, "DocumentReference") for scope in self.scopes)
        return tuple(zone for zone in ("identified", "research") if zone in self.zones) if may_search else ()

    def corrects_notes(self, zone: str) -> bool:
        """True when the API would take this person's word for what a note of a zone means."""
        return zone in self.zones and "careloom/correct" in self.scopes

    @property
    def watches_notes(self) -> bool:
        """True when the API would tell this person about annotations of stored notes."""
        return not {"identified", "research"}.isdisjoint(self.zones) and "careloom/monitor" in self.scopes

    @property
    def may_operate(self) -> bool:
        """True when the API would tell this person about everybody's jobs, the log, usage and costs."""
        return "landing" in self.zones and "careloom/operate" in self.scopes

    @property
    def may_audit(self) -> bool:
        """True when the API would tell this person who did what."""
        return not {"identified", "research", "synthetic"}.isdisjoint(self.zones) and "careloom/audit" in self.scopes

    @property
    def may_erase(self) -> bool:
        """True when the API would erase a patient for this person."""
        return {"landing", "identified", "research", "synthetic"} <= set(self.zones) and "careloom/erase" in self.scopes

    @property
    def has_rights(self) -> bool:
        """True when the API would do for this person what patients are entitled to."""
        return "identified" in self.zones and "careloom/rights" in self.scopes

    @property
    def sees_health(self) -> bool:
        """True when the API would tell this person how everything is that the platform depends on."""
        return "landing" in self.zones and "careloom/monitor" in self.scopes

    @property
    def has_reports(self) -> bool:
        """True when the API would make reports by schedule for this person, and tell who made which."""
        return bool(self.zones) and "careloom/monitor" in self.scopes

    @property
    def sees_models(self) -> bool:
        """True when the API would tell this person about trained models and what drifted."""
        return "identified" in self.zones and "careloom/monitor" in self.scopes

    @property
    def may_approve_models(self) -> bool:
        """True when the API would take an approval or a promotion of somebody else's version from this person."""
        return "identified" in self.zones and "careloom/approve" in self.scopes

    @property
    def may_operate_models(self) -> bool:
        """True when the API would let this person roll back, retire, look and acknowledge."""
        return "identified" in self.zones and "careloom/operate" in self.scopes

    @property
    def may_forecast(self) -> bool:
        """True when the API would forecast a zone for this person: who may search it whole."""
        return bool(self.patient_zones) and any(_searches_everything(scope) for scope in self.scopes)

    @property
    def has_pairs(self) -> bool:
        """True when the API would tell this person about pairs of patients who may be one."""
        return "identified" in self.zones and "careloom/link" in self.scopes

    @property
    def may_decide(self) -> bool:
        """True when the API would take this person's decision about a pair."""
        return "identified" in self.zones and "careloom/decide" in self.scopes

    @property
    def lists_cohorts(self) -> bool:
        """True when the API would list the cohorts that ship."""
        return "careloom/monitor" in self.scopes

    @property
    def explore_zones(self) -> tuple[str, ...]:
        """The zones of which the API would chart something for this person."""
        may_search = any(_searches_everything(scope) for scope in self.scopes)
        return tuple(zone for zone in PATIENT_ZONES if zone in self.zones) if may_search else ()

    @property
    def patient_zones(self) -> tuple[str, ...]:
        """The zones where this person may look for patients."""
        may_search = any(_searches(scope, "Patient") for scope in self.scopes)
        return tuple(zone for zone in PATIENT_ZONES if zone in self.zones) if may_search else ()


def _searches(scope: str, kind: str = "") -> bool:
    """True for a scope that lets somebody search a type, or any where none is named."""
    resources, _, verbs = scope.removeprefix("system/").removeprefix("user/").partition(".")
    is_of = not kind or resources in {"*", kind}
    return scope.startswith(("system/", "user/")) and is_of and ("s" in verbs or verbs == "read")


def _searches_everything(scope: str) -> bool:
    """True for a scope that lets somebody search every type."""
    return scope.startswith(("system/*.", "user/*.")) and _searches(scope)


class _Cookie(SecureCookieSessionInterface):
    """Flask's signed cookie, by HMAC-SHA-256."""

    digest_method = staticmethod(hashlib.sha256)
    salt = "careloom-dashboard-session"


def install(app: Flask, secret: bytes, *, seconds: int, is_secure: bool, runtime: Runtime) -> None:
    """Makes the session cookie of `app`: signed, for this dashboard only, gone after `seconds`."""
    app.extensions[CLOCK] = runtime.clock
    app.secret_key = secret
    app.session_interface = _Cookie()
    app.permanent_session_lifetime = timedelta(seconds=seconds)
    app.config.update(
        SESSION_COOKIE_NAME="__Secure-careloom" if is_secure else "careloom",
        SESSION_COOKIE_PATH=PREFIX,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Strict",
        SESSION_COOKIE_SECURE=is_secure,
        SESSION_REFRESH_EACH_REQUEST=False,
    )


def begin(person: Person) -> None:
    """Signs a person in, from the next request on."""
    session.clear()
    session.permanent = True
    session[KEY] = {
        "name": person.name,
        "zones": list(person.zones),
        "scopes": sorted(person.scopes),
        "expires": person.expires.isoformat(),
        "token": person.token,
    }


def end() -> None:
    """Signs out this browser."""
    session.clear()


def has_ended() -> bool:
    """True when somebody was signed in by this cookie, but no longer is."""
    return KEY in session and find() is None


def now() -> datetime:
    """The time by which sessions end."""
    clock: Callable[[], datetime] = current_app.extensions[CLOCK]
    return clock()


def find() -> Person | None:
    """The person behind this request's cookie; None when there is none, or the token's time is over."""
    kept: dict[str, Any] | None = session.get(KEY)
    if kept is None:
        return None
    person = Person(
        kept["name"],
        tuple(kept["zones"]),
        frozenset(kept["scopes"]),
        datetime.fromisoformat(kept["expires"]),
        kept["token"],
    )
    return person if person.expires > now() else None


def person() -> Person:
    """The person that the gate let in."""
    found: Person = g.person
    return found
