"""What the pages of privacy do beside showing: verify, review, set rules, mend, erase, and hand over files."""

import hmac
import json
from contextlib import suppress

from flask import Flask, Response, abort, redirect, request

from careloom.client.careloom import Careloom
from careloom.dashboard.address import href
from careloom.dashboard.calls import ApiOf, acting
from careloom.dashboard.privacy_erasure import phrase
from careloom.dashboard.privacy_parts import ROOM, STORED_ID
from careloom.errors import AccessError, CareloomError, Conflict, Erased, Held, NotFound

LONGEST = 4000
"""Characters of a field."""
_CERTIFICATE = {"json": "application/json", "html": "text/html; charset=utf-8"}
_DISCLOSURES = {"json": "application/json", "csv": "text/csv; charset=utf-8", "html": "text/html; charset=utf-8"}


def install(server: Flask, api_of: ApiOf) -> None:
    """Adds the addresses; the gate has let in whoever asks, and has refused forms of other sites."""
    _audit(server, api_of)
    _rules(server, api_of)
    _mending(server, api_of)
    _erasure(server, api_of)
    _files(server, api_of)


def _audit(server: Flask, api_of: ApiOf) -> None:
    @server.post("/privacy-verify")
    def verify_chains() -> Response:
        with acting(api_of) as api:
            made = api.audit.verify()
        return _to(check=made.id)

    @server.post("/privacy-acknowledge/<emergency>")
    def acknowledge_emergency(emergency: str) -> Response:
        with acting(api_of) as api, suppress(Conflict):
            api.access.acknowledge(emergency)
        return _to()

    @server.post("/privacy-find")
    def find_patient() -> Response:
        back, number = _field("back"), _field("patient")
        if back not in ("disclosures", "erasure", "requests"):
            abort(404)
        if not number:
            return _to(back, found="empty")
        with acting(api_of) as api:
            found = _named(api, number)
        if len(found) != 1:
            return _to(back, found="many" if found else "none")
        return _to(back, patient=found[0])


def _rules(server: Flask, api_of: ApiOf) -> None:
    @server.post("/privacy-rule")
    def set_rule() -> Response:
        patient, kind, reason = _patient(), _field("kind"), _field("reason")
        if not reason:
            return _to("requests", patient=patient, wrong="reason")
        name = f"Patient/{patient}"
        with acting(api_of) as api:
            try:
                match kind:
                    case "restrict":
                        api.subjects.restrict(name, reason)
                    case "object":
                        api.subjects.object_to_research(name, reason)
                    case "hold":
                        api.subjects.hold(reason, patient=name)
                    case _:
                        abort(404)
            except Erased:
                return _to("requests", wrong="erased")
            except Conflict:
                return _to("requests", patient=patient, wrong="conflict")
        return _to("requests", patient=patient, done="set")

    @server.post("/privacy-end/<rule>")
    def end_rule(rule: str) -> Response:
        with acting(api_of) as api:
            try:
                api.subjects.end(rule)
            except Conflict:
                return _to("requests", wrong="conflict")
        return _to("requests", done="ended")


def _mending(server: Flask, api_of: ApiOf) -> None:
    @server.post("/privacy-mend")
    def mend_fact() -> Response:
        patient, fact, reason = _patient(), _field("fact"), _field("mend-reason")
        if not reason:
            return _to("requests", patient=patient, wrong="reason")
        try:
            change = json.loads(_field("patch"))
        except (ValueError, RecursionError):
            change = None
        if not isinstance(change, list) or not all(isinstance(one, dict) for one in change):
            return _to("requests", patient=patient, wrong="patch")
        with acting(api_of) as api:
            try:
                api.subjects.rectify(f"Patient/{patient}", fact, change, reason)
            except AccessError:
                raise
            except CareloomError as error:
                wrong = {Erased: "erased", NotFound: "fact", Conflict: "conflict", Held: "held"}.get(
                    type(error), "refused"
                )
                return _to("requests", patient=patient, wrong=wrong)
        return _to("requests", patient=patient, done="mended")


def _erasure(server: Flask, api_of: ApiOf) -> None:
    @server.post("/privacy-erase")
    def erase_patient() -> Response:
        """Queues it once what was typed is the phrase of this very patient, as the API names it now."""
        patient = _patient()
        with acting(api_of) as api:
            try:
                told = api.subjects.preview_erasure(f"Patient/{patient}")
                wrong = _wrong(told.pseudonym)
                if wrong or told.is_held:
                    return _to("erasure", patient=patient, step="confirm", wrong=wrong)
                made = api.subjects.queue_erasure(f"Patient/{patient}", search=_field("search") == "yes")
            except (Erased, Held):
                return _to("erasure", patient=patient)
        return redirect(href(ROOM, "erasure", made.id), 303)  # type: ignore[return-value]


def _wrong(pseudonym: str) -> str:
    """What of the confirmation is missing; empty where nothing is."""
    shown, typed = _field("pseudonym"), " ".join(_field("typed").split()).lower()
    is_same = hmac.compare_digest(shown.encode(), pseudonym.encode())
    if not is_same or not hmac.compare_digest(typed.encode(), phrase(pseudonym).encode()):
        return "typed"
    return "" if _field("read") == "yes" else "read"


def _files(server: Flask, api_of: ApiOf) -> None:
    @server.post("/privacy-export")
    def export_subject() -> Response:
        with acting(api_of) as api:
            content = api.subjects.export(f"Patient/{_patient()}")
        return _file(content, "application/zip", "subject.zip")

    @server.get("/privacy-certificate/<name>.<ending>")
    def erasure_certificate(name: str, ending: str) -> Response:
        if ending not in _CERTIFICATE:
            abort(404)
        with acting(api_of) as api:
            content = api.subjects.certificate(name, form="html" if ending == "html" else "json")
        return _file(content, _CERTIFICATE[ending], f"erasure-{name}.{ending}")

    @server.get("/privacy-proof/<zone>/<int:seq>.json")
    def event_proof(zone: str, seq: int) -> Response:
        with acting(api_of) as api:
            made = api.audit.prove(seq, zone=zone)
        return _file(json.dumps(made, indent=1).encode(), "application/json", f"audit-{zone}-{seq}.json")

    @server.get("/privacy-disclosures/<patient>.<ending>")
    def disclosures(patient: str, ending: str) -> Response:
        if ending not in _DISCLOSURES or not STORED_ID.fullmatch(patient):
            abort(404)
        with acting(api_of) as api:
            content = api.access.disclosures_file(patient, ending)
        return _file(content, _DISCLOSURES[ending], f"disclosures.{ending}")


def _named(api: Careloom, number: str) -> list[str]:
    """The stored ids of who has this number: the id as kept, or an identifier of the source system; two at most."""
    zone = api.fhir("identified")
    if STORED_ID.fullmatch(number):
        found = zone.search("Patient", [("_id", number)], count=2).resources
        if found:
            return [str(one["id"]) for one in found]
    literal = number.replace("\\", "\\\\").replace(",", "\\,").replace("|", "\\|").replace("$", "\\$")
    return [str(one["id"]) for one in zone.search("Patient", [("identifier", literal)], count=2).resources]


def _field(name: str) -> str:
    return request.form.get(name, "").strip()[:LONGEST]


def _patient() -> str:
    patient = _field("patient")
    if not STORED_ID.fullmatch(patient):
        abort(404)
    return patient


def _to(*place: str, **query: str) -> Response:
    return redirect(href(ROOM, *place, **query), 303)  # type: ignore[return-value]


def _file(content: bytes, kind: str, name: str) -> Response:
    return Response(content, content_type=kind, headers={"Content-Disposition": f'attachment; filename="{name}"'})
