"""Senders of HL7 v2 over MLLP, as hospitals run them: one message at a time, sent again until it is answered."""

import asyncio
import ssl
from collections.abc import Iterable

from careloom.hl7v2.frames import END, FrameDecoder, frame
from careloom.hl7v2.parse import read

MESSAGE = """MSH|^~\\&|LAB|NORTH|CARELOOM|CENTRAL|20240102030405||ORU^R01^ORU_R01|{control}|P|2.5.1\r\
PID|1||{patient}^^^NORTH^MR||Simulated^Person{patient}||19500101|F\r\
OBR|1||F{control}|24323-8^CMP^LN|||20240102030405\r\
OBX|1|NM|2345-7^Glucose^LN||{value}|mg/dL|70-99|N|||F|||20240102030405\r"""


def message(number: int, patients: int = 500) -> bytes:
    """A result with a control id, an order and a value of its own."""
    patient, value = number % patients, 70 + number % 30
    return MESSAGE.format(control=f"C{number}", patient=f"M{patient}", value=value).encode()


class Sender:
    """One connection that sends its messages in order, and connects again when it is cut.

    acknowledged  control ids that were answered AA
    answers       what was answered, by control id
    """

    def __init__(self, port: int, messages: Iterable[bytes], tls: ssl.SSLContext | None = None) -> None:
        self._port = port
        self._messages = list(messages)
        self._tls = tls
        self.acknowledged: list[str] = []
        self.answers: dict[str, str] = {}

    async def run(self, seconds: float = 600) -> None:
        async with asyncio.timeout(seconds):
            at = 0
            while at < len(self._messages):
                try:
                    at = await self._talk(at)
                except (OSError, asyncio.IncompleteReadError):
                    await asyncio.sleep(0.05)

    async def _talk(self, at: int) -> int:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port, ssl=self._tls)
        try:
            while at < len(self._messages):
                writer.write(frame(self._messages[at]))
                self._take(await reader.readuntil(END))
                at += 1
        except (OSError, asyncio.IncompleteReadError):
            pass  # what was not answered is sent again
        finally:
            writer.close()
        return at

    def _take(self, data: bytes) -> None:
        (raw,) = FrameDecoder().feed(data)
        answer, _ = read(raw)
        assert answer is not None
        said = answer.first("MSA")
        assert said is not None
        verdict, control = said.value(1), said.value(2)
        self.answers[control] = verdict
        if verdict == "AA":
            self.acknowledged.append(control)


async def all_of(senders: list[Sender], seconds: float = 600) -> None:
    """Runs the senders at the same time until each has an answer to each of its messages."""
    await asyncio.gather(*(sender.run(seconds) for sender in senders))
