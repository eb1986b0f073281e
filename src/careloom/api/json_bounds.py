"""Bodies in JSON have bounds beside their length: how deep they nest, how many members and elements one thing has.

They are looked at before anything is made of them, wherever a body is read.
"""

import re
from typing import Any

from flask import Request

from careloom.errors import FormatError

MOST_DEPTH = 100
MOST_MEMBERS = 10_000
"""Of one object."""
MOST_ELEMENTS = 100_000
"""Of one array."""
_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"', re.DOTALL)
_OTHER = bytes(set(range(256)) - set(b"[]{},"))
_OPENS = {ord("["): MOST_ELEMENTS, ord("{"): MOST_MEMBERS}
_COMMA = ord(",")


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
    left: list[int] = []
    for sign in _STRING.sub(b"", raw).translate(None, _OTHER):
        most = _OPENS.get(sign)
        if most is not None:
            left.append(most)
            if len(left) > MOST_DEPTH:
                raise FormatError(f"the JSON of the body nests deeper than {MOST_DEPTH}", "Send it flatter.")
        elif not left:
            continue
        elif sign != _COMMA:
            left.pop()
        elif left[-1] == 1:
            raise FormatError("one object or array of the body has too many parts", "Send it in several requests.")
        else:
            left[-1] -= 1
