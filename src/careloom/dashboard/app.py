"""The dashboard as one WSGI application under ``/dashboard``; it holds nothing, so any number of workers serve it."""

from dash import Dash
from flask import Flask

from careloom.dashboard import (
    analyze,
    cohorts,
    deidentify_acts,
    deidentify_compare,
    deployment,
    draft,
    duplicates_acts,
    failures,
    finder,
    gate,
    model_acts,
    normalize_acts,
    note_acts,
    note_find,
    note_page,
    note_viewer,
    operations_acts,
    operations_jobs,
    pair,
    patient,
    patients,
    privacy_acts,
    privacy_erasure,
    quality_acts,
    quarantine,
    report_served,
    reports_acts,
    routing,
    session,
    shell,
    sign_in,
    sign_in_flow,
    static_files,
    synthetic_acts,
    synthetic_confirm,
    synthetic_verify,
)
from careloom.dashboard.address import PREFIX
from careloom.dashboard.calls import ApiOf
from careloom.runtime import Runtime


def create_dashboard(
    api_of: ApiOf, secret: bytes, session_seconds: int, *, is_secure: bool, runtime: Runtime | None = None,
    people: sign_in_flow.PeoplePages | None = None,
) -> Flask:  # fmt: skip
    """The application, to be mounted at `careloom.dashboard.address.PREFIX`.

    api_of           makes an SDK client for a credential: over the network, or within this process
    secret           signs the session cookies; every worker has the same
    session_seconds  the longest a person stays signed in; less when the access token ends before
    is_secure        people come by https: cookies are kept to it
    runtime          its clock ends sessions; the real one by default
    people           where people sign in with their accounts; None where everybody shows a secret
    """
    server = Flask("careloom.dashboard", static_folder=None)
    server.config["MAX_CONTENT_LENGTH"] = 16 * 1024 * 1024
    session.install(server, secret, seconds=session_seconds, is_secure=is_secure, runtime=runtime or Runtime())
    app = _dash(server)
    gate.install(server, app.csp_hashes, is_secure=is_secure)
    sign_in.install(server, api_of, session_seconds, has_people=people is not None)
    if people is not None:
        sign_in_flow.install(server, api_of, people, session_seconds)
    static_files.install(server)
    quality_acts.install(server, api_of)
    quarantine.install(server, api_of)
    duplicates_acts.install(server, api_of)
    normalize_acts.install(server, api_of)
    deidentify_acts.install(server, api_of)
    note_acts.install(server, api_of)
    synthetic_acts.install(server, api_of)
    cohorts.install(server)
    operations_acts.install(server, api_of)
    privacy_acts.install(server, api_of)
    deployment.install(server, api_of)
    model_acts.install(server, api_of)
    report_served.install(server, api_of)
    reports_acts.install(server, api_of)
    for room in (
        routing, finder, patients, patient, pair, draft, deidentify_compare, analyze, operations_jobs, privacy_erasure,
        model_acts, note_find, note_page, synthetic_confirm, synthetic_verify,
    ):  # fmt: skip
        room.register(app, api_of)
    note_viewer.register(app)
    failures.install(server, app)
    return server


class _Pages(Dash):
    """Dash, without scripts that no page of ours needs."""

    def interpolate_index(self, **parts: str) -> str:  # type: ignore[override]
        """The document, of its parts."""
        parts["scripts"] = static_files.UNUSED_SCRIPTS.sub("", parts["scripts"])
        return str(super().interpolate_index(**parts))  # type: ignore[no-untyped-call]  # dash 4.4


def _dash(server: Flask) -> Dash:
    app = _Pages(
        "careloom.dashboard",
        server=server,  # type: ignore[arg-type]  # dash 4.4 declares less than it takes
        title="Careloom",
        update_title="",
        routes_pathname_prefix="/",
        requests_pathname_prefix=f"{PREFIX}/",
        index_string=shell.DOCUMENT,
        include_assets_files=False,
        suppress_callback_exceptions=True,
        use_pages=False,
        enable_mcp=False,
        add_log_handler=False,
        meta_tags=[{"name": "viewport", "content": "width=device-width, initial-scale=1"}],
    )
    app.layout = shell.frame()
    return app
