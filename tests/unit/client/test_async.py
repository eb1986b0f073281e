"""The SDK on asyncio: the same rooms and calls as the other face, and many at once over one loop."""

import asyncio
import importlib
import inspect
import json
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from typing import Any

import httpx
import pytest

from careloom.client.aio.careloom import AsyncCareloom
from careloom.client.aio.transport import rest
from careloom.client.credentials import Bearer
from careloom.client.pace import Pace
from careloom.errors import AccessError, InputError, SetupError, StateError
from tests.architecture.source import PACKAGE
from tests.unit.client.scripted import BASE, PATIENT, SECRET, Scripted, answer, refusal
from tests.unit.client.test_ingestions import ingestion, report
from tests.unit.client.test_network import serve as serve  # noqa: PLC0414 - a fixture

MODULES = sorted(
    path.stem for path in (PACKAGE / "client/aio").glob("*.py") if path.stem not in ("__init__", "transport")
)
HERE = {"Careloom": "AsyncCareloom", "__enter__": "__aenter__", "__exit__": "__aexit__"}


def ours(platform: Scripted, **pace: Any) -> AsyncCareloom:
    """A client of a scripted platform that waits by its clock."""
    own = Pace(now=platform.clock.now, sleep=platform.clock.sleep, draw=lambda: 0.0, **pace)
    return AsyncCareloom(BASE, SECRET, transport=httpx.MockTransport(platform), pace=own)


def rooms() -> list[tuple[type, type]]:
    """Each class of the asynchronous face beside the one it answers to."""
    found = []
    for name in MODULES:
        here, there = (importlib.import_module(f"careloom.client{face}.{name}") for face in (".aio", ""))
        own = {one.__name__ for one in vars(here).values() if inspect.isclass(one) and one.__module__ == here.__name__}
        back = {new: old for old, new in HERE.items()}
        found += [(getattr(here, each), getattr(there, back.get(each, each))) for each in own]
    return sorted(found, key=lambda pair: pair[0].__name__)


@pytest.mark.parametrize(("here", "there"), rooms(), ids=lambda kind: kind.__name__)
def test_a_room_has_the_same_calls_with_the_same_parameters(here: type, there: type) -> None:
    calls = {HERE.get(name, name) for name, one in vars(there).items() if inspect.isfunction(one)}
    assert {name for name, one in vars(here).items() if inspect.isfunction(one)} == calls
    for name in calls:
        other = {new: old for old, new in HERE.items()}.get(name, name)
        asked = [
            list(inspect.signature(getattr(kind, each)).parameters) for kind, each in ((here, name), (there, other))
        ]
        assert asked[0] == asked[1], name


def test_every_room_of_a_platform_is_there() -> None:
    platform = Scripted(answer({}))
    names = {
        name for name, one in vars(platform.client()).items() if type(one).__module__.startswith("careloom.client.")
    }
    assert set(vars(ours(platform))) >= names
    assert {type(one).__module__.split(".")[2] for name, one in vars(ours(platform)).items() if name[0] != "_"} == {
        "aio"
    }


def test_what_pages_is_an_asynchronous_generator_and_what_asks_a_coroutine() -> None:
    for here, there in rooms():
        for name, one in vars(there).items():
            if inspect.isgeneratorfunction(one):
                assert inspect.isasyncgenfunction(getattr(here, name)), (here, name)
    asks = (AsyncCareloom.me, AsyncCareloom.sign_out, AsyncCareloom.close)
    assert all(inspect.iscoroutinefunction(one) for one in asks)


def test_many_calls_at_once_share_one_token() -> None:
    platform = Scripted(answer(PATIENT))

    async def ward() -> list[Any]:
        async with ours(platform) as api:
            return await asyncio.gather(*(api.fhir("research").read("Patient", "p1") for _ in range(20)))

    assert asyncio.run(ward()) == [PATIENT] * 20
    assert platform.tokens_given == 1


def test_a_refused_token_is_renewed_once_for_all() -> None:
    platform = Scripted(answer(PATIENT))
    platform.revoked.add("t1")

    async def ward() -> None:
        async with ours(platform) as api:
            await asyncio.gather(*(api.fhir("research").read("Patient", "p1") for _ in range(5)))

    asyncio.run(ward())
    assert platform.tokens_given == 2


def test_a_busy_platform_is_asked_again_by_the_pace_and_no_more_often() -> None:
    busy = answer({}, 503, **{"Retry-After": "2"})
    platform = Scripted(busy, busy, answer(PATIENT))
    assert asyncio.run(ours(platform).fhir("research").read("Patient", "p1")) == PATIENT
    assert platform.clock.naps == [2.0, 2.0]
    with pytest.raises(SetupError):
        asyncio.run(ours(Scripted(httpx.ConnectError("no")), attempts=2).fhir("research").read("Patient", "p1"))


def test_a_refusal_is_the_same_error() -> None:
    platform = Scripted(refusal(403, "access.denied", "not yours"))
    with pytest.raises(AccessError, match="not yours"):
        asyncio.run(ours(platform).fhir("research").read("Patient", "p1"))


def test_pages_are_fetched_when_their_first_resource_is_asked_for() -> None:
    def page(number: int) -> httpx.Response:
        link = [{"relation": "next", "url": f"{BASE}/fhir/research/?_page={number + 1}"}] if number < 3 else []
        entries = [{"resource": {"resourceType": "Patient", "id": f"p{number}"}, "search": {"mode": "match"}}]
        return answer({"resourceType": "Bundle", "type": "searchset", "link": link, "entry": entries})

    platform = Scripted(page(1), page(2), page(3))

    async def first(count: int) -> list[str]:
        found = []
        async for one in ours(platform).fhir("research").all("Patient"):
            found.append(one["id"])
            if len(found) == count:
                break
        return found

    assert asyncio.run(first(2)) == ["p1", "p2"]
    assert len(platform.requests) == 2


def test_waiting_leaves_the_loop_to_others_and_ends_in_time() -> None:
    platform = Scripted(answer(report("running")))

    async def ward() -> None:
        await ours(platform).ingestions.wait("i1", timeout=3.0, poll=1.0)

    with pytest.raises(StateError, match="still running"):
        asyncio.run(ward())

    async def beside() -> list[str]:
        said: list[str] = []

        async def other() -> None:
            said.append("other")

        await asyncio.gather(rest(Pace(), 0.02), other())
        said.append("rested")
        return said

    assert asyncio.run(beside()) == ["other", "rested"]


def test_a_pace_may_sleep_as_a_coroutine_does() -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    asyncio.run(rest(Pace(sleep=sleep), 1.5))  # type: ignore[arg-type]
    assert slept == [1.5]


def test_an_upload_over_a_socket_is_whole_and_tells_how_far_it_is(serve: Callable[..., str]) -> None:
    came: list[bytes] = []

    def take(request: BaseHTTPRequestHandler) -> None:
        came.append(request.rfile.read(int(request.headers["Content-Length"])))
        content = json.dumps(ingestion("waiting")).encode()
        request.send_response(202)
        request.send_header("Content-Length", str(len(content)))
        request.end_headers()
        request.wfile.write(content)

    content, seen = bytes(range(256)) * 4096, []

    async def send() -> None:
        async with AsyncCareloom(serve(take), Bearer("planted-in-a-test")) as api:
            await api.ingestions.upload(content, progress=lambda done, total: seen.append((done, total)))

    asyncio.run(send())
    assert came == [content]
    assert seen[-1] == (len(content), len(content))
    assert len(seen) == len(content) // (256 * 1024)


def test_an_address_in_the_clear_is_refused() -> None:
    with pytest.raises(InputError):
        AsyncCareloom("http://careloom.example.org", SECRET)
