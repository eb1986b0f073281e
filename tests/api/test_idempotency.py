"""A request that comes twice with one Idempotency-Key is done once, and answered twice."""

import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import httpx
import pytest

from careloom.client.careloom import Careloom
from careloom.client.credentials import Bearer
from careloom.client.pace import Pace
from careloom.runtime import Runtime
from careloom.services import kept_answers
from tests.api.kit import BASE_URL, Clock, Installation

LOOKS = "/api/v1/quality/looks"
KEY = {"Idempotency-Key": '"8e03978e-40d5-43dd-bc93-6894a57f9324"'}


def post(made: Installation, headers: dict[str, str], path: str = LOOKS, **more: Any) -> Any:
    body = {} if "data" in more else {"json": {"zone": "identified"}}
    return made.client.post(path, headers=headers, **{**body, **more})


def jobs(made: Installation) -> int:
    with made.platform.jobs() as queue:
        return sum(queue.counted().values())


def test_the_same_request_again_gets_the_same_answer_and_starts_nothing(installation: Installation) -> None:
    headers = installation.bearer() | KEY
    first, second = post(installation, headers), post(installation, headers)
    assert first.status_code == 202
    assert (second.status_code, second.data) == (202, first.data)
    assert second.headers["Location"] == first.headers["Location"]
    assert "Idempotency-Replayed" not in first.headers
    assert second.headers["Idempotency-Replayed"] == "true"
    assert second.headers["X-Request-Id"] != first.headers["X-Request-Id"]
    assert jobs(installation) == 1


def test_without_a_key_each_request_is_done(installation: Installation) -> None:
    headers = installation.bearer()
    assert post(installation, headers).json != post(installation, headers).json
    assert jobs(installation) == 2


OTHERS: list[tuple[str, dict[str, Any]]] = [
    ("another body", {"json": {"zone": "research"}}),
    ("another address", {"path": "/api/v1/normalizations", "json": {}}),
    ("another parameter", {"path": f"{LOOKS}?again=1"}),
    ("another media type", {"data": b'{"zone":"identified"}', "content_type": "text/plain"}),
]


@pytest.mark.parametrize(("_", "other"), OTHERS, ids=[name for name, _ in OTHERS])
def test_one_key_stands_for_one_request(installation: Installation, _: str, other: dict[str, Any]) -> None:
    headers = installation.bearer() | KEY
    assert post(installation, headers).status_code == 202
    refused = post(installation, headers, **other)
    assert (refused.status_code, refused.json["code"]) == (422, "input.invalid.unprocessable")
    assert jobs(installation) == 1


def test_a_key_is_the_clients_own(installation: Installation) -> None:
    first = post(installation, installation.bearer() | KEY)
    second = post(installation, installation.bearer() | KEY)
    assert (first.status_code, second.status_code) == (202, 202)
    assert first.json != second.json


def test_who_comes_back_with_other_rights_is_told_nothing(installation: Installation) -> None:
    client = installation.register()
    whole = {"Authorization": f"Bearer {kept_token(installation, client.client)}"}
    narrow = {"Authorization": f"Bearer {kept_token(installation, client.client, 'careloom/monitor')}"}
    assert post(installation, whole | KEY).status_code == 202
    assert post(installation, narrow | KEY).status_code == 422


def kept_token(made: Installation, client: Any, scope: str = "") -> str:
    from careloom.services.tokens import issue

    return issue(made.platform, client, scope).token if scope else issue(made.platform, client).token


def test_a_replay_is_audited(installation: Installation) -> None:
    headers = installation.bearer() | KEY
    post(installation, headers)
    second = post(installation, headers)
    told = [event for event in installation.events() if event["operation"] == "answer-again"]
    assert [event["detail"]["request"] for event in told] == [second.headers["X-Request-Id"]]
    assert told[0]["detail"]["route"] == "POST /api/v1/quality/looks"


def test_of_many_at_once_one_is_done(installation: Installation) -> None:
    headers, together = installation.bearer() | KEY, Barrier(6)
    installation.app  # noqa: B018 made before the threads need it

    def send(_: int) -> Any:
        together.wait()
        return installation.app.test_client().post(LOOKS, headers=headers, json={"zone": "identified"})

    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(send, range(6)))
    assert jobs(installation) == 1
    assert {answer.status_code for answer in answers} <= {202, 409}
    assert len({answer.data for answer in answers if answer.status_code == 202}) == 1
    for refused in (answer for answer in answers if answer.status_code == 409):
        assert (refused.json["code"], refused.headers["Retry-After"]) == ("state.conflict", "1")


def test_a_refusal_leaves_the_key_free(installation: Installation) -> None:
    headers = installation.bearer() | KEY
    assert post(installation, headers, json={"zone": "nowhere"}).status_code == 400
    assert post(installation, headers).status_code == 202


@pytest.mark.parametrize("key", ["", "a b", '"', '"a"b"', "é", "x" * 256])
def test_what_is_no_key_is_refused(installation: Installation, key: str) -> None:
    headers = installation.bearer() | {"Idempotency-Key": key}
    refused = post(installation, headers)
    assert (refused.status_code, refused.json["code"]) == (400, "input.schema")


def test_a_bare_key_and_a_quoted_one_are_the_same(installation: Installation) -> None:
    headers = installation.bearer()
    first = post(installation, headers | {"Idempotency-Key": "abc-1"})
    assert post(installation, headers | {"Idempotency-Key": '"abc-1"'}).data == first.data


def test_an_upload_is_known_by_its_length_and_digest(installation: Installation) -> None:
    headers = installation.bearer() | KEY | {"Content-Type": "application/fhir+ndjson"}
    line = b'{"resourceType":"Patient","id":"p1"}\n'
    first = post(installation, headers, "/api/v1/ingestions", data=line)
    assert post(installation, headers, "/api/v1/ingestions", data=line).data == first.data
    assert post(installation, headers, "/api/v1/ingestions", data=line * 2).status_code == 422
    other = headers | {"Content-Digest": "sha-256=:AAAA:"}
    assert post(installation, other, "/api/v1/ingestions", data=line).status_code == 422
    assert jobs(installation) == 1


class TestInTime:
    """Answers and time."""

    @pytest.fixture
    def clock(self) -> Clock:
        return Clock()

    @pytest.fixture
    def installation(self, tmp_path: Path, clock: Clock) -> Iterator[Installation]:
        with Installation(tmp_path, Runtime(clock=clock)) as made:
            yield made

    def test_an_answer_is_kept_for_a_day_and_survives_a_restart(self, tmp_path: Path, clock: Clock) -> None:
        with Installation(tmp_path, Runtime(clock=clock)) as made:
            client = made.register()
            token = {"Authorization": f"Bearer {kept_token(made, client.client)}"}
            first = post(made, token | KEY)
        clock.move(hours=23, minutes=59)
        with Installation(tmp_path, Runtime(clock=clock)) as made:
            token = {"Authorization": f"Bearer {kept_token(made, client.client)}"}
            assert post(made, token | KEY).data == first.data
            clock.move(minutes=2)
            token = {"Authorization": f"Bearer {kept_token(made, client.client)}"}
            later = post(made, token | KEY)
            assert later.status_code == 202
            assert later.data != first.data

    def test_a_request_that_ended_without_an_answer_is_not_done_again(
        self, installation: Installation, clock: Clock
    ) -> None:
        view = installation.app.view_functions["quality.looked"]
        installation.app.view_functions["quality.looked"] = lambda **_: {}[0]  # type: ignore[index]
        headers = installation.bearer() | KEY
        try:
            assert post(installation, headers).status_code == 500
        finally:
            installation.app.view_functions["quality.looked"] = view
        soon = post(installation, headers)
        assert (soon.status_code, soon.headers["Retry-After"]) == (409, "1")
        clock.move(seconds=kept_answers.UNDER_WAY_SECONDS + 1)
        late = post(installation, headers)
        assert (late.status_code, "Retry-After" in late.headers) == (409, False)
        assert "new key" in late.json["remedy"]


def test_neither_key_nor_body_nor_answer_stands_in_the_file(installation: Installation) -> None:
    answer = post(installation, installation.bearer() | KEY)
    folder = installation.platform.settings.data.directory / "access"
    held = b"".join(file.read_bytes() for file in folder.glob("answers.db*"))
    with sqlite3.connect(folder / "answers.db") as connection:
        assert connection.execute("SELECT count(*) FROM kept_answer WHERE answer IS NOT NULL").fetchone() == (1,)
    for secret in (b"8e03978e", answer.json["id"].encode(), b"identified"):
        assert secret not in held


def test_the_sdk_repeats_a_request_whose_answer_was_lost(installation: Installation) -> None:
    token = installation.token()

    class Losing(httpx.WSGITransport):
        """Loses the first answer to each POST after it was made."""

        lost = 0

        def handle_request(self, request: httpx.Request) -> httpx.Response:
            answer = super().handle_request(request)
            if request.method == "POST" and not self.lost:
                self.lost += 1
                answer.close()
                raise httpx.ReadError("the connection broke", request=request)
            return answer

    wire = Losing(app=installation.app)
    pace = Pace(sleep=lambda _: None)
    with Careloom(BASE_URL, Bearer(token), transport=wire, pace=pace) as api:
        api.linkage.run()
    assert wire.lost == 1
    assert jobs(installation) == 1
