"""What the page of duplicates does beside showing: queue a look, and hand over what it found as a file."""

from flask import Flask, Response, redirect

from careloom.dashboard.address import href
from careloom.dashboard.calls import ApiOf, acting


def install(server: Flask, api_of: ApiOf) -> None:
    """Adds the two addresses; the gate has let in whoever asks, and has refused forms of other sites."""

    @server.post("/duplicates-look")
    def look_for_duplicates() -> Response:
        with acting(api_of) as api:
            made = api.linkage.duplicates.look()
        return redirect(href("linkage", "duplicates", queued=made.id))  # type: ignore[return-value]

    @server.get("/duplicates-export/<run_id>.csv")
    def export_duplicates(run_id: str) -> Response:
        with acting(api_of) as api:
            content = api.linkage.duplicates.export(run_id)
        named = f'attachment; filename="duplicates-{run_id}.csv"'
        return Response(content, content_type="text/csv; charset=utf-8", headers={"Content-Disposition": named})
