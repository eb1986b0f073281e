"""What the pages of notes do beside showing: start a run over stored notes, cancel it."""

from contextlib import suppress

from flask import Flask, Response, abort, redirect, request

from careloom.dashboard.address import href
from careloom.dashboard.calls import ApiOf, acting
from careloom.dashboard.note_places import ROOM, RUNS
from careloom.dashboard.note_runs import ZONES
from careloom.errors import Conflict


def install(server: Flask, api_of: ApiOf) -> None:
    """Adds the two addresses; the gate has let in whoever asks, and has refused forms of other sites."""

    @server.post("/notes-start")
    def start_notes() -> Response:
        zone, which = request.form.get("zone", ""), request.form.get("notes", "")
        if zone not in ZONES or which not in ("incremental", "all"):
            abort(400)
        with acting(api_of) as api:
            made = api.nlp.start(
                zone, incremental=which == "incremental", refuted=request.form.get("absent") == "refuted"
            )
        return redirect(href(ROOM, RUNS, made.id))  # type: ignore[return-value]

    @server.post("/notes-cancel/<run_id>")
    def cancel_notes(run_id: str) -> Response:
        with acting(api_of) as api, suppress(Conflict):  # it ended in the meantime: its page says how
            api.nlp.cancel(run_id)
        return redirect(href(ROOM, RUNS, run_id))  # type: ignore[return-value]
