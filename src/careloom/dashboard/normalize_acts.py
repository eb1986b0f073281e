"""What the pages of normalization do beside showing: rehearse, apply a rehearsal that was read, cancel."""

from contextlib import suppress

from flask import Flask, Response, abort, redirect

from careloom.dashboard.address import href
from careloom.dashboard.calls import ApiOf, acting
from careloom.errors import Conflict


def install(server: Flask, api_of: ApiOf) -> None:
    """Adds the three addresses; the gate has let in whoever asks, and has refused forms of other sites."""

    @server.post("/normalize-rehearse")
    def rehearse() -> Response:
        with acting(api_of) as api:
            made = api.normalizations.rehearse()
        return redirect(href("normalize", made.id))  # type: ignore[return-value]

    @server.post("/normalize-apply/<run_id>")
    def apply(run_id: str) -> Response:
        with acting(api_of) as api:
            read = api.normalizations.get(run_id)
            if not read.rehearsal or read.state != "done":
                abort(409)
            made = api.normalizations.apply()
        return redirect(href("normalize", made.id))  # type: ignore[return-value]

    @server.post("/normalize-cancel/<run_id>")
    def cancel(run_id: str) -> Response:
        with acting(api_of) as api, suppress(Conflict):  # it ended in the meantime: its page says how
            api.normalizations.cancel(run_id)
        return redirect(href("normalize", run_id))  # type: ignore[return-value]
