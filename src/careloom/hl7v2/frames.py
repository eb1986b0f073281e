"""MLLP frames: a message between 0x0B and 0x1C 0x0D, from a byte stream that comes in pieces."""

from careloom.hl7v2.parse import MAX_MESSAGE_BYTES
from careloom.issues import Issue

START = b"\x0b"
END = b"\x1c\x0d"


def frame(message: bytes) -> bytes:
    """The message as MLLP sends it."""
    return START + message + END


class FrameDecoder:
    """Takes bytes as they arrive and gives back whole messages.

    max_bytes  a frame that grows beyond it is dropped and reported, so that a peer cannot fill the memory
    issues     what was wrong so far; the caller empties it
    """

    def __init__(self, max_bytes: int = MAX_MESSAGE_BYTES) -> None:
        self.max_bytes = max_bytes
        self.issues: list[Issue] = []
        self._held = bytearray()
        self._searched = 0
        self._inside = False
        self._dropping = False

    @property
    def is_waiting(self) -> bool:
        """True while a frame has begun and not ended."""
        return self._inside

    def feed(self, data: bytes) -> list[bytes]:
        """The messages that these bytes complete, without their frame bytes."""
        done: list[bytes] = []
        self._held += data
        while True:
            if not self._inside and not self._begin():
                return done
            end = self._held.find(END, self._searched)
            if end < 0:
                if self._bound(len(self._held)):
                    del self._held[:-1]
                self._searched = max(len(self._held) - 1, 0)
                return done
            self._bound(end)
            message = bytes(self._held[:end]) if not self._dropping else b""
            del self._held[: end + len(END)]
            self._searched = 0
            self._inside = False
            if self._dropping:
                self._dropping = False
            else:
                done.append(message)

    def _begin(self) -> bool:
        start = self._held.find(START)
        junk = self._held if start < 0 else self._held[:start]
        if junk.strip():
            self.issues.append(
                Issue("hl7v2.bytes-outside-frame", "warning", "", "bytes outside of an MLLP frame were dropped")
            )
        if start < 0:
            self._held.clear()
            return False
        del self._held[: start + 1]
        self._inside = True
        return True

    def _bound(self, length: int) -> bool:
        """True when so many bytes of a frame are more than one may have: the frame is dropped to its end."""
        if length > self.max_bytes and not self._dropping:
            self._dropping = True
            self.issues.append(
                Issue("hl7v2.frame-too-large", "error", "", f"a frame longer than {self.max_bytes} bytes was dropped")
            )
        return length > self.max_bytes
