"""Short texts that only the key can read back; the same text always looks the same: a second run changes nothing.

AES-256 in SIV mode (RFC 5297) needs no nonce for that. A text is padded to whole blocks of 32 bytes (ISO/IEC 7816-4),
so that its length tells little; the result is lower-case base32.
"""

from base64 import b32decode, b32encode

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from careloom.crypto.envelope import KEY_BYTES
from careloom.errors import IntegrityError

MOST_LETTERS = 4000
"""Of what stands for a text: what the vault takes."""
_BLOCK, _TAG = 32, 16
_END = b"\x80"
MOST_BYTES = (MOST_LETTERS * 5 // 8 - _TAG) // _BLOCK * _BLOCK - len(_END)
"""Of a text in UTF-8 whose seal has no more than `MOST_LETTERS`."""


class SealedValues:
    """Seals and opens under one key, for one purpose.

    key      two keys' worth of secret bytes: one authenticates, one encrypts
    purpose  what was sealed for another does not open
    """

    def __init__(self, key: bytes, purpose: str) -> None:
        if len(key) != 2 * KEY_BYTES:
            raise ValueError(f"values are sealed under {2 * KEY_BYTES} bytes")
        self._siv = AESSIV(key)
        self._purpose = [purpose.encode()]

    def seal(self, text: str) -> str:
        """What stands for a text: letters a-z and digits 2-7."""
        plain = text.encode() + _END
        sealed = self._siv.encrypt(plain + bytes(-len(plain) % _BLOCK), self._purpose)
        return b32encode(sealed).decode().rstrip("=").lower()

    def open(self, sealed: str) -> str:
        """The text again. raises IntegrityError for anything that was not sealed so under this key"""
        try:
            raw = b32decode(sealed.upper() + "=" * (-len(sealed) % 8))
            if b32encode(raw).decode().rstrip("=").lower() != sealed:
                raise ValueError
            return self._siv.decrypt(raw, self._purpose).rstrip(b"\0").removesuffix(_END).decode()
        except (InvalidTag, ValueError):
            raise IntegrityError(
                "a sealed value does not open", "It is of another project or epoch, or it was changed."
            ) from None
