"""What the quality pages do beside showing: queue a look, and hand over a report as a file."""

from flask import Flask, Response, abort, redirect, request

from careloom.client.quality_reports import Look
from careloom.dashboard.address import href
from careloom.dashboard.calls import ApiOf, signed_in
from careloom.errors import AccessError, CareloomError

TYPES = {"html": "text/html; charset=utf-8", "csv": "text/csv; charset=utf-8", "json": "application/json"}

TABLES = ("rules", "findings", "completeness")
"""What of a report can be had as CSV."""


def install(server: Flask, api_of: ApiOf) -> None:
    """Adds the two addresses; the gate has let in whoever asks, and has refused forms of other sites."""

    @server.post("/quality-look")
    def look() -> Response:
        with signed_in(api_of) as api:
            try:
                made: Look = api.quality.look(request.args.get("zone", "identified"))
            except AccessError:
                abort(403)
        return redirect(href("quality", zone=made.zone, queued=made.id))  # type: ignore[return-value]

    @server.get("/quality-export/<run_id>.<ending>")
    def export(run_id: str, ending: str) -> Response:
        table = request.args.get("table", "rules")
        if ending not in TYPES or table not in TABLES:
            abort(404)
        try:
            with signed_in(api_of) as api:
                content = api.quality.export(run_id, ending, table=table)
        except AccessError:
            abort(403)
        except CareloomError:
            abort(404)
        part = "" if table == "rules" else f"-{table}"
        named = f'attachment; filename="quality-{run_id}{part}.{ending}"'
        return Response(content, content_type=TYPES[ending], headers={"Content-Disposition": named})
