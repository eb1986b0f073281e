"""Bodies in JSON have bounds beside their length: how deep they nest, how many members and elements one thing has.

They are looked at before anything is made of them, wherever a body is read.
"""

import re
from typing import Any

import numpy as np
from flask import Request

from careloom.errors import FormatError

MOST_DEPTH = 100
MOST_MEMBERS = 10_000
"""Of one object."""
MOST_ELEMENTS = 100_000
"""Of one array."""
_ESCAPED = re.compile(rb"\\.", re.DOTALL)
_IS_SIGN = np.isin(np.arange(256), np.frombuffer(b"[]{},", np.uint8))


class BoundedRequest(Request):
    """A request whose JSON is within bounds, or is refused when it is read."""

    def get_data(self, cache: bool = True, as_text: Any = False, parse_form_data: bool = False) -> Any:
        """As Flask gives it. raises FormatError for JSON beyond the bounds"""
        content: Any = super().get_data(cache=cache, as_text=as_text, parse_form_data=parse_form_data)
        if self.mimetype.endswith("json") and not getattr(self, "_is_bounded", False):
            self._is_bounded = True
            refuse_beyond(content.encode() if isinstance(content, str) else content)
        return content


def refuse_beyond(raw: bytes) -> None:
    """Returns for a text whose brackets and commas are within bounds, JSON or not. raises FormatError"""
    if raw.count(b"[") + raw.count(b"{") <= MOST_DEPTH and raw.count(b",") < MOST_MEMBERS:
        return  # no nesting of them could go beyond: most bodies
    signs = _signs(raw)
    is_object, is_comma = signs == ord("{"), signs == ord(",")
    is_open = is_object | (signs == ord("["))
    depth = np.cumsum(np.where(is_comma, 0, np.where(is_open, 1, -1)))
    ends = np.flatnonzero(depth < 0)
    whole = int(ends[0]) if len(ends) else len(signs)  # behind it nothing is JSON, and nothing is read
    if depth[:whole].max(initial=0) > MOST_DEPTH:
        raise FormatError(f"the JSON of the body nests deeper than {MOST_DEPTH}", "Send it flatter.")
    kept = np.flatnonzero((is_open | is_comma)[:whole])
    # Depth by depth, in the order of the text: a comma belongs to what opened last at its depth; to nothing at none.
    kept = kept[np.argsort(depth[kept].astype(np.int16), kind="stable")]
    opened = is_open[kept]
    commas = np.bincount(np.cumsum(opened)[~opened], minlength=int(opened.sum()) + 1)[1:]
    if (commas >= np.where(is_object[kept][opened], MOST_MEMBERS, MOST_ELEMENTS)).any():
        raise FormatError("one object or array of the body has too many parts", "Send it in several requests.")


def _signs(raw: bytes) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """The brackets, braces and commas of a text that stand in no string."""
    plain = np.frombuffer(_ESCAPED.sub(b"", raw) if b"\\" in raw else raw, np.uint8)
    is_within = np.cumsum(plain == ord('"'), dtype=np.uint8) & 1  # the sum goes round at 256, which keeps odd and even
    signs: np.ndarray[Any, np.dtype[np.uint8]] = plain[_IS_SIGN[plain] & (is_within == 0)]
    return signs
