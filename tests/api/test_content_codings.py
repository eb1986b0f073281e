"""Answers and bodies packed by gzip and zstd; secrets never; bombs no further than the limit; 304 for what is known."""

import gzip
import io
import tracemalloc
from collections.abc import Callable
from typing import Any

import orjson
import pytest
import zstandard

from careloom.api.packing import LEAST_BYTES
from tests.api.kit import OBSERVATION, PATIENT, Installation

OPEN: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.decompress,
    "zstd": lambda packed: zstandard.ZstdDecompressor().decompressobj().decompress(packed),
}
PACK: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "zstd": lambda plain: zstandard.ZstdCompressor().compress(plain),
}
DOCUMENT = "/openapi/openapi.json"
LOOKS = "/api/v1/quality/looks"


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        ("gzip", "gzip"), ("zstd", "zstd"), ("gzip, zstd", "zstd"), ("gzip;q=1, zstd;q=0.5", "gzip"), ("*", "zstd"),
        ("br", ""), ("", ""), ("identity", ""), ("gzip;q=0", ""), ("identity;q=1, gzip;q=0.5", ""),
    ],
)  # fmt: skip
def test_the_coding_is_the_one_that_the_client_likes_best(
    installation: Installation, accepted: str, coding: str
) -> None:
    plain = installation.client.get(DOCUMENT, headers={"Accept-Encoding": "identity"})
    answer = installation.client.get(DOCUMENT, headers={"Accept-Encoding": accepted})
    assert answer.headers.get("Content-Encoding", "") == coding
    assert "Accept-Encoding" in answer.headers["Vary"]
    opened = OPEN[coding](answer.data) if coding else answer.data
    assert opened == plain.data
    assert int(answer.headers["Content-Length"]) == len(answer.data)
    if coding:
        assert len(answer.data) < len(plain.data) / 5


def test_a_short_answer_goes_out_as_it_is(installation: Installation) -> None:
    answer = installation.client.get("/api/v1/me", headers=installation.bearer() | {"Accept-Encoding": "gzip"})
    assert len(answer.data) < LEAST_BYTES
    assert "Content-Encoding" not in answer.headers


def test_what_gives_out_tokens_is_never_packed(installation: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("careloom.api.packing.LEAST_BYTES", 1)
    client = installation.register()
    answer = installation.client.post(
        "/oauth2/token", data={"grant_type": "client_credentials"}, auth=(client.client.id, client.secret),
        headers={"Accept-Encoding": "gzip, zstd"},
    )  # fmt: skip
    assert answer.status_code == 200
    assert "Content-Encoding" not in answer.headers
    asked = installation.client.get(
        "/api/v1/reidentifications", headers=installation.bearer() | {"Accept-Encoding": "gzip"}
    )
    assert asked.status_code == 200
    assert "Content-Encoding" not in asked.headers


def test_what_gives_out_invitations_is_never_packed(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("careloom.api.packing.LEAST_BYTES", 1)
    headers = installation.bearer() | {"Accept-Encoding": "gzip, zstd"}
    asked = {"name": "rita.fells", "roles": ["clinician"], "zones": ["identified"]}
    invited = installation.client.post("/api/v1/users", json=asked, headers=headers)
    again = installation.client.post("/api/v1/users/rita.fells/reset", headers=headers)
    for answer, status in ((invited, 201), (again, 200)):
        assert answer.status_code == status, answer.text
        assert answer.get_json()["invitation"]
        assert "Content-Encoding" not in answer.headers


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
def test_a_stream_is_packed_as_it_comes(installation: Installation, coding: str) -> None:
    from careloom.api.packing import _streamed

    asked: list[int] = []

    def pieces() -> Any:
        for number in range(50):
            asked.append(number)
            yield PATIENT["name"][0]["family"].encode() * 20_000 + bytes([number])

    made, first = _streamed(pieces(), coding), b""
    while not first:
        first = next(made)
    assert len(asked) < 50
    whole = first + b"".join(made)
    assert OPEN[coding](whole) == b"".join(b"Quillfeather" * 20_000 + bytes([number]) for number in range(50))


@pytest.mark.parametrize("coding", ["gzip", "zstd", "x-gzip"])
def test_a_packed_body_is_read(installation: Installation, coding: str) -> None:
    body = PACK[coding.removeprefix("x-")](b'{"zone":"identified"}')
    headers = installation.bearer() | {"Content-Encoding": coding, "Content-Type": "application/json"}
    answer = installation.client.post(LOOKS, headers=headers, data=body)
    assert answer.status_code == 202


def test_a_packed_bundle_is_read_up_to_its_own_limit(installation: Installation) -> None:
    patients = [PATIENT | {"id": f"p{number}", "name": [{"text": "x" * 3000}]} for number in range(500)]
    entries = [{"resource": one, "request": {"method": "POST", "url": "Patient"}} for one in patients]
    raw = orjson.dumps({"resourceType": "Bundle", "type": "batch", "entry": entries})
    assert len(raw) > installation.platform.settings.api.max_body_bytes
    headers = installation.bearer() | {"Content-Encoding": "gzip", "Content-Type": "application/fhir+json"}
    answer = installation.client.post("/fhir/identified", headers=headers, data=gzip.compress(raw))
    assert answer.status_code == 200
    assert len(answer.json["entry"]) == 500  # type: ignore[index]


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
@pytest.mark.parametrize("path", [LOOKS, "/fhir/identified/Observation"])
def test_a_bomb_is_opened_no_further_than_the_limit(installation: Installation, coding: str, path: str) -> None:
    bomb = PACK[coding](b" " * 500_000_000)
    kind = "application/json" if path == LOOKS else "application/fhir+json"
    headers = installation.bearer() | {"Content-Encoding": coding, "Content-Type": kind}
    installation.client.get("/api/v1/me", headers=headers)
    tracemalloc.start()
    answer = installation.client.post(path, headers=headers, data=bomb)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert answer.status_code == 413, answer.json
    assert peak < 8 * installation.platform.settings.api.max_body_bytes


BROKEN = [
    ("gzip", b"{}"), ("gzip", gzip.compress(b'{"zone":"identified"}', mtime=0)[:-12]), ("zstd", b"{}"), ("gzip", b""),
    ("zstd", zstandard.ZstdCompressor().compress(b'{"zone":"identified"}')[:-6]),
]  # fmt: skip


@pytest.mark.parametrize(("coding", "body"), BROKEN)
def test_a_body_that_is_not_packed_so_is_refused(installation: Installation, coding: str, body: bytes) -> None:
    headers = installation.bearer() | {"Content-Encoding": coding, "Content-Type": "application/json"}
    answer = installation.client.post(LOOKS, headers=headers, data=body)
    assert answer.status_code == 400


def test_a_zstd_frame_that_wants_much_memory_is_refused(installation: Installation) -> None:
    parameters = zstandard.ZstdCompressionParameters(window_log=27)
    out = io.BytesIO()
    with zstandard.ZstdCompressor(compression_params=parameters).stream_writer(out, closefd=False) as writer:
        writer.write(b" " * 1000)
    headers = installation.bearer() | {"Content-Encoding": "zstd", "Content-Type": "application/json"}
    answer = installation.client.post(LOOKS, headers=headers, data=out.getvalue())
    assert (answer.status_code, answer.json["code"]) == (400, "input.format")  # type: ignore[index]


@pytest.mark.parametrize("coding", ["br", "deflate", "gzip, gzip", "compress"])
def test_another_coding_is_refused_and_the_right_ones_are_named(installation: Installation, coding: str) -> None:
    headers = installation.bearer() | {"Content-Encoding": coding, "Content-Type": "application/json"}
    answer = installation.client.post(LOOKS, headers=headers, data=b"{}")
    assert (answer.status_code, answer.headers["Accept-Encoding"]) == (415, "gzip, zstd")


def test_who_has_the_answer_already_gets_no_body(installation: Installation) -> None:
    installation.ingest([PATIENT, OBSERVATION])
    headers = installation.bearer()
    first = installation.client.get("/api/v1/ingestions", headers=headers)
    tag = first.headers["ETag"]
    assert tag.startswith('W/"')
    again = installation.client.get("/api/v1/ingestions", headers=headers | {"If-None-Match": tag})
    assert (again.status_code, again.data, again.headers["ETag"]) == (304, b"", tag)
    assert again.headers["Cache-Control"] == "no-store"
    other = installation.client.get("/api/v1/ingestions", headers=headers | {"If-None-Match": 'W/"x"'})
    assert (other.status_code, other.data) == (200, first.data)
    installation.ingest([PATIENT | {"id": "p9"}])
    later = installation.client.get("/api/v1/ingestions", headers=headers | {"If-None-Match": tag})
    assert later.status_code == 200
    assert later.headers["ETag"] != tag


def test_a_304_is_audited_as_the_answer_would_be(installation: Installation) -> None:
    headers = installation.bearer()
    tag = installation.client.get("/api/v1/ingestions", headers=headers).headers["ETag"]
    before = len(installation.events())
    installation.client.get("/api/v1/ingestions", headers=headers | {"If-None-Match": tag})
    assert len(installation.events()) == before + 1
