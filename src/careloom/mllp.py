"""The listener: HL7 v2 messages over MLLP, each acknowledged only after it is durable.

Connections are served by one event loop; one thread writes for all of them, so that what arrives during a commit shares
the next one. A connection's answers come in the order of its messages.

source  HL7 Version 3 Standard: Transport Specification, MLLP, Release 2 (frames); HL7 v2.5.1 chapter 2.9 (answers)
"""

import asyncio
import ipaddress
import signal
import ssl
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from careloom.crypto.pseudonyms import name_of
from careloom.errors import CareloomError, SetupError
from careloom.hl7v2.acknowledge import Answer, Verdict, acknowledge, answers_to, verdict_of
from careloom.hl7v2.frames import FrameDecoder, frame
from careloom.hl7v2.parse import read
from careloom.issues import Issue
from careloom.logs import log
from careloom.services.access import Principal, local_operator
from careloom.services.platform import Platform
from careloom.services.receive import Received, Receiver
from careloom.settings import Settings
from careloom.settings_served import Mllp

READ_BYTES = 1 << 16
HEADER_BYTES = 4096
SETTLE_SECONDS = 10.0
"""How often an idle writer looks whether the hour of its file is over."""
GRACE_SECONDS = 20.0
"""How long a stop waits for answers that are under way."""
UNAVAILABLE = Issue(
    "hl7v2.not-kept", "fatal", "", "the message could not be kept and has to be sent again", "send it again later"
)


@dataclass(frozen=True, slots=True)
class Totals:
    """What a listener did: messages that are durable, and how many of them stand in quarantine."""

    received: int
    refused: int


def run(settings: Settings, source: str = "", *, ready: Callable[[int], None] | None = None) -> Totals:
    """Listens until a signal stops it.

    source  name of the sending system; the configured one if it is empty
    ready   called with the port once it is open
    raises  SetupError if the address is not safe to serve, cannot be opened, or the certificate does not load
    """
    refuse_open(settings.mllp)
    with Platform(settings) as platform:
        return asyncio.run(_Listener(platform, local_operator("mllp"), source).serve(ready))


def refuse_open(mllp: Mllp) -> None:
    """Returns when it is said who may send: this machine alone, senders with a certificate, or named networks.

    raises  SetupError
    """
    if bool(mllp.certificate) != bool(mllp.key):
        raise SetupError(
            "settings: a certificate and its key go together", "Set both or none of mllp.certificate, key."
        )
    if mllp.client_ca and not mllp.certificate:
        raise SetupError(
            "settings: mllp.client_ca needs TLS",
            "Set mllp.certificate and mllp.key, too: senders show theirs over TLS.",
        )
    networks(mllp.senders)
    try:
        is_local = mllp.host == "localhost" or ipaddress.ip_address(mllp.host).is_loopback
    except ValueError:
        is_local = False
    if not (is_local or mllp.client_ca or mllp.senders):
        raise SetupError(
            f"settings: {mllp.host} would take messages from anybody",
            "Say who may send: their certificates' authority in mllp.client_ca, or their networks in mllp.senders.",
        )


def networks(text: str) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    """The networks of ``mllp.senders``. raises SetupError that counts to the one that is none."""
    found = []
    for number, word in enumerate(text.split(",") if text.strip() else (), 1):
        try:
            found.append(ipaddress.ip_network(word.strip(), strict=False))
        except ValueError:
            raise SetupError(
                f"settings: entry {number} of mllp.senders is no network", "Write it as 10.1.2.0/24 or 10.9.0.7."
            ) from None
    return found


def tls(mllp: Mllp) -> ssl.SSLContext | None:
    """What speaks TLS, None where it is not set up. raises SetupError if a file does not load."""
    if mllp.certificate is None or mllp.key is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(mllp.certificate, mllp.key)
        if mllp.client_ca is not None:
            context.load_verify_locations(mllp.client_ca)
            context.verify_mode = ssl.CERT_REQUIRED
    except (OSError, ssl.SSLError) as error:
        raise SetupError(
            f"the certificate, its key or the authorities of senders do not load ({type(error).__name__})",
            "Check that mllp.certificate, mllp.key and mllp.client_ca are PEM files; the first two belong together.",
        ) from None
    return context


class _Desk:
    """Where messages wait for the one thread that writes; each is answered through a future of the event loop."""

    def __init__(self, receiver: Receiver, loop: asyncio.AbstractEventLoop, max_group: int, max_bytes: int) -> None:
        self._receiver = receiver
        self._loop = loop
        self._max = (max_group, max_bytes)
        self._waiting: deque[tuple[bytes, asyncio.Future[Received | None]]] = deque()
        self._changed = threading.Condition()
        self._is_open = True
        self._thread = threading.Thread(target=self._write, name="mllp-writer")
        self._thread.start()

    def submit(self, raw: bytes) -> "asyncio.Future[Received | None]":
        """A future of what became of the message; None if it could not be kept. Called in the event loop."""
        future: asyncio.Future[Received | None] = self._loop.create_future()
        with self._changed:
            self._waiting.append((raw, future))
            self._changed.notify()
        return future

    def close(self) -> None:
        """Writes what waits, closes the file under way and returns."""
        with self._changed:
            self._is_open = False
            self._changed.notify()
        self._thread.join()

    def _write(self) -> None:
        while group := self._group():
            self._write_group(group)
        self._quietly(self._receiver.close)

    def _group(self) -> list[tuple[bytes, "asyncio.Future[Received | None]"]]:
        """What waits, at most a group; waits for the first. Empty once the desk is closed and nothing is left."""
        with self._changed:
            while not self._waiting:
                if not self._is_open:
                    return []
                if not self._changed.wait(SETTLE_SECONDS):
                    self._quietly(self._receiver.settle)
            group, size = [self._waiting.popleft()], 0
            while self._waiting and len(group) < self._max[0] and size + len(self._waiting[0][0]) <= self._max[1]:
                size += len(self._waiting[0][0])
                group.append(self._waiting.popleft())
            return group

    def _write_group(self, group: list[tuple[bytes, "asyncio.Future[Received | None]"]]) -> None:
        try:
            found: list[Received] | list[None] = self._receiver.receive([raw for raw, _ in group])
        except CareloomError as error:
            log(__name__, "messages could not be kept", level=40, error_code=error.code, count=len(group))
            found = [None] * len(group)
        except Exception as error:  # noqa: BLE001 the last handler: one message must not end the listener
            if len(group) > 1:
                for one in group:
                    self._write_group([one])
                return
            log(__name__, "a message could not be read", level=40, error_code=type(error).__name__, count=1)
            found = [None]
        self._loop.call_soon_threadsafe(_tell, [(future, one) for (_, future), one in zip(group, found, strict=True)])

    def _quietly(self, step: Callable[[], None]) -> None:
        try:
            step()
        except CareloomError as error:
            log(__name__, "the file under way could not be closed", level=40, error_code=error.code)


async def _read(reader: asyncio.StreamReader, deadline: float | None) -> bytes:
    """The next bytes; empty at the end. raises TimeoutError when the message under way is not whole by the deadline."""
    async with asyncio.timeout_at(deadline):
        return await reader.read(READ_BYTES)


def _tell(answers: list[tuple["asyncio.Future[Received | None]", Received | None]]) -> None:
    for future, found in answers:
        if not future.done():
            future.set_result(found)


class _Listener:
    """One open port."""

    def __init__(self, platform: Platform, who: Principal, source: str) -> None:
        self._platform = platform
        self._mllp = platform.settings.mllp
        self._senders = networks(self._mllp.senders)
        self._receiver = Receiver(platform, who, source)
        self._desk: _Desk | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def serve(self, ready: Callable[[int], None] | None) -> Totals:
        """Serves until SIGTERM or SIGINT; what was received is answered before it returns."""
        loop = asyncio.get_running_loop()
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        ingest = self._platform.settings.ingest
        try:
            server = await asyncio.start_server(
                self._accept, self._mllp.host, self._mllp.port, ssl=tls(self._mllp), backlog=self._mllp.max_connections
            )
        except OSError as error:
            raise SetupError(
                f"port {self._mllp.port} of {self._mllp.host} cannot be opened ({type(error).__name__})",
                "Another program may hold it: stop that one, or set mllp.port (--port).",
            ) from None
        self._desk = _Desk(self._receiver, loop, ingest.batch_records, ingest.batch_bytes)
        try:
            if ready is not None:
                ready(server.sockets[0].getsockname()[1])
            await stop.wait()
            server.close()
            if self._tasks:
                await asyncio.wait(self._tasks, timeout=GRACE_SECONDS)
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.to_thread(self._desk.close)
        return Totals(self._receiver.received, self._receiver.refused)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._tasks) >= self._mllp.max_connections or not self._may_send(writer):
            log(__name__, "a connection was refused", level=30, count=len(self._tasks))
            writer.close()
            return
        task = asyncio.current_task()
        if task is not None:
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        try:
            await self._converse(reader, writer)
        except (OSError, TimeoutError, ssl.SSLError):
            log(__name__, "a connection ended early", count=len(self._tasks))
        finally:
            writer.close()

    def _may_send(self, writer: asyncio.StreamWriter) -> bool:
        if not self._senders:
            return True
        address = ipaddress.ip_address(str(writer.get_extra_info("peername")[0]).partition("%")[0])
        if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        return any(address in network for network in self._senders)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        decoder = FrameDecoder(self._platform.settings.ingest.max_record_bytes)
        loop = asyncio.get_running_loop()
        deadline: float | None = None
        while data := await _read(reader, deadline):
            waiting = [(raw, self._submit(raw)) for raw in decoder.feed(data)]
            for raw, future in waiting:
                writer.write(self._answers(raw, await future))
            too_long = [issue for issue in decoder.issues if issue.refuses]
            decoder.issues.clear()
            if too_long:
                writer.write(frame(acknowledge(None, self._answer("AR"), too_long)))
            await writer.drain()
            if waiting or deadline is None:
                deadline = loop.time() + self._mllp.frame_seconds
            if not decoder.is_waiting:
                deadline = None

    def _submit(self, raw: bytes) -> "asyncio.Future[Received | None]":
        if self._desk is None:
            raise RuntimeError("the listener has no writer")
        return self._desk.submit(raw)

    def _answers(self, raw: bytes, found: Received | None) -> bytes:
        """The acknowledgements of one message, framed; none where the sender wants none."""
        message, _ = read(raw[: max(raw.find(b"\r", 0, HEADER_BYTES), 0) or HEADER_BYTES])
        issues = (UNAVAILABLE,) if found is None else found.issues
        verdict = verdict_of(issues)
        if found is not None and found.is_refused and self._mllp.refused == "AA":
            verdict = "AA"
        made = [acknowledge(message, self._answer(kind), issues) for kind in answers_to(message, verdict)]
        return b"".join(frame(one) for one in made)

    def _answer(self, kind: Verdict) -> Answer:
        runtime = self._platform.runtime
        return Answer(kind, name_of(runtime.random_bytes(16))[:20], runtime.now())
