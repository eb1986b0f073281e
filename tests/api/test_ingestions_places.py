"""Slow uploads never hold every thread of a process."""

from io import BytesIO
from threading import Event, Thread

from tests.api.kit import Installation


class Trickle(BytesIO):
    """A body whose second half comes when somebody says so."""

    def __init__(self, started: Event, go_on: Event) -> None:
        super().__init__(b'{"resourceType": "Patient"}\n')
        self._started, self._go_on = started, go_on

    def read(self, size: int | None = -1) -> bytes:
        self._started.set()
        assert self._go_on.wait(20)
        return super().read(size)


def test_an_upload_beyond_half_of_the_threads_is_asked_to_come_back(installation: Installation) -> None:
    headers = {**installation.bearer(), "Content-Type": "application/octet-stream"}
    go_on, codes = Event(), []

    def send(started: Event) -> None:
        body = Trickle(started, go_on)
        answer = installation.app.test_client().post(
            "/api/v1/ingestions", headers=headers, input_stream=body, content_length=28
        )
        codes.append(answer.status_code)

    places = installation.platform.settings.api.threads // 2
    starts = [Event() for _ in range(places)]
    senders = [Thread(target=send, args=(started,)) for started in starts]
    for sender in senders:
        sender.start()
    assert all(started.wait(20) for started in starts)
    refused = installation.client.post("/api/v1/ingestions", headers=headers, data=b"{}")
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "5")
    assert installation.client.get("/api/v1/overview", headers=headers).status_code == 200
    go_on.set()
    for sender in senders:
        sender.join()
    assert codes == [202] * places
    assert installation.client.post("/api/v1/ingestions", headers=headers, data=b"{}").status_code == 202
