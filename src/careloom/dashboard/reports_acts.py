"""What the pages of reports do beside showing: schedule, pause, end, hand over a file, destroy one."""

from flask import Flask, Response, redirect, request

from careloom.dashboard.address import href
from careloom.dashboard.calls import ApiOf, acting
from careloom.dashboard.reports import CADENCES, NEW, ROOM
from careloom.errors import Conflict, InputError


def install(server: Flask, api_of: ApiOf) -> None:
    """Adds the addresses; the gate has let in whoever asks, and has refused forms of other sites."""

    @server.post("/report-schedule")
    def schedule_report() -> Response:
        page, cadence = request.form.get("page", ""), request.form.get("cadence", "")
        hour, keep = request.form.get("hour", ""), request.form.get("keep", "")
        back = redirect(href(ROOM, NEW, at=page, refused="yes"))
        if cadence not in CADENCES or not hour.isdecimal() or not keep.isdecimal():
            return back  # type: ignore[return-value]
        with acting(api_of) as api:
            try:
                api.reports.schedule(page, cadence, hour=int(hour), keep=int(keep))  # type: ignore[arg-type]
            except (InputError, Conflict):
                return back  # type: ignore[return-value]
        return redirect(href(ROOM))  # type: ignore[return-value]

    @server.post("/report-schedule-pause/<schedule_id>")
    def pause_schedule(schedule_id: str) -> Response:
        with acting(api_of) as api:
            api.reports.pause(schedule_id, paused=bool(request.args.get("paused")))
        return redirect(href(ROOM))  # type: ignore[return-value]

    @server.post("/report-schedule-delete/<schedule_id>")
    def delete_schedule(schedule_id: str) -> Response:
        with acting(api_of) as api:
            api.reports.unschedule(schedule_id)
        return redirect(href(ROOM))  # type: ignore[return-value]

    @server.post("/report-delete/<report_id>")
    def delete_report(report_id: str) -> Response:
        with acting(api_of) as api:
            api.reports.discard(report_id)
        return redirect(href(ROOM))  # type: ignore[return-value]

    @server.get("/report-file/<report_id>")
    def report_file(report_id: str) -> Response:
        with acting(api_of) as api:
            content = api.reports.download(report_id)
        named = f'attachment; filename="careloom-report-{report_id}.pdf"'
        return Response(content, content_type="application/pdf", headers={"Content-Disposition": named})
