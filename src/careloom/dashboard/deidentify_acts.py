"""What the pages of de-identification do beside showing: start a run, cancel it, hand over its report as a file."""

from contextlib import suppress

from flask import Flask, Response, abort, redirect

from careloom.client.deidentifications import FORMATS
from careloom.dashboard.address import href
from careloom.dashboard.calls import ApiOf, acting
from careloom.dashboard.deidentify import ROOM
from careloom.errors import Conflict


def install(server: Flask, api_of: ApiOf) -> None:
    """Adds the three addresses; the gate has let in whoever asks, and has refused forms of other sites."""

    @server.post("/deidentify-start/<policy>")
    def start_deidentification(policy: str) -> Response:
        with acting(api_of) as api:
            made = api.deidentifications.start(policy)
        return redirect(href(ROOM, made.id))  # type: ignore[return-value]

    @server.post("/deidentify-cancel/<run_id>")
    def cancel_deidentification(run_id: str) -> Response:
        with acting(api_of) as api, suppress(Conflict):  # it ended in the meantime: its page says how
            api.deidentifications.cancel(run_id)
        return redirect(href(ROOM, run_id))  # type: ignore[return-value]

    @server.get("/deidentify-report/<run_id>.<ending>")
    def deidentification_report(run_id: str, ending: str) -> Response:
        if ending not in FORMATS:
            abort(404)
        with acting(api_of) as api:
            content = api.deidentifications.report(run_id, ending)
        named = f'attachment; filename="deidentification-{run_id}.{ending}"'
        return Response(
            content, content_type=f"{FORMATS[ending]}; charset=utf-8", headers={"Content-Disposition": named}
        )
