"""What the page of synthetic data does beside showing: it hands over what was let out, with its certificate."""

from typing import Literal, cast

from flask import Flask, Response, abort

from careloom.dashboard.calls import ApiOf, acting

TYPES = {
    "ndjson": "application/x-ndjson", "csv": "text/csv; charset=utf-8",
    "parquet": "application/vnd.apache.parquet",
}  # fmt: skip
CERTIFICATES = {"json": "application/json", "pdf": "application/pdf"}


def install(server: Flask, api_of: ApiOf) -> None:
    """Adds the two addresses; the gate has let in whoever asks."""

    @server.get("/synthetic-data/<run_id>.<ending>", defaults={"part": ""})
    @server.get("/synthetic-data/<run_id>/<part>.<ending>")
    def synthetic_data(run_id: str, part: str, ending: str) -> Response:
        if ending not in TYPES:
            abort(404)
        with acting(api_of) as api:
            content = api.synthetic.data(run_id, cast('Literal["ndjson", "csv", "parquet"]', ending), part)
        name = f"synthetic-{run_id}-{part}.{ending}" if part else f"synthetic-{run_id}.{ending}"
        return _file(content, TYPES[ending], name)

    @server.get("/synthetic-certificate/<run_id>.<ending>")
    def synthetic_certificate(run_id: str, ending: str) -> Response:
        if ending not in CERTIFICATES:
            abort(404)
        with acting(api_of) as api:
            content = api.synthetic.certificate(run_id, cast('Literal["json", "pdf"]', ending))
        return _file(content, CERTIFICATES[ending], f"certificate-{run_id}.{ending}")


def _file(content: bytes, kind: str, name: str) -> Response:
    return Response(content, content_type=kind, headers={"Content-Disposition": f'attachment; filename="{name}"'})
