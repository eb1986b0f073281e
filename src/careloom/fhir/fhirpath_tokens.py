"""The words of a FHIRPath expression, each with its column.

source  FHIRPath 2.0 (ANSI/HL7 NMN R1-2020), appendix B
"""

import re
from typing import NamedTuple

from careloom.fhir.fhirpath_errors import PathLimitError, PathSyntaxError

CHARACTERS_AT_MOST = 20_000
DIGITS_AT_MOST = 40

_TOKEN = re.compile(
    r"""\s+ | //[^\n]* | /\*.*?\*/
    | (?P<string>'(?:[^'\\]|\\.)*')
    | (?P<time>@T\d\d(?::\d\d(?::\d\d(?:\.\d+)?)?)?)
    | (?P<date>@\d{4}(?:-\d\d(?:-\d\d)?)?(?:T(?:\d\d(?::\d\d(?::\d\d(?:\.\d+)?)?)?(?:Z|[+-]\d\d:\d\d)?)?)?)
    | (?P<number>\d+(?:\.\d+)?)
    | (?P<quoted>`(?:[^`\\]|\\.)*` | "(?:[^"\\]|\\.)*")
    | (?P<special>\$this|\$index|\$total)
    | (?P<outside>%(?:[A-Za-z_][A-Za-z0-9_-]*|`(?:[^`\\]|\\.)*`|'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"))
    | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
    | (?P<sign><=|>=|!=|!~|[-+*/&|<>=~.,()\[\]{}])
    """,
    re.VERBOSE | re.DOTALL,
)
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "f": "\f", "'": "'", '"': '"', "`": "`", "\\": "\\", "/": "/"}


class Token(NamedTuple):
    """One word: its kind (``string``, ``name``, ``sign``, ..., ``end``), its text, its column from 1."""

    kind: str
    text: str
    column: int


def tokens(text: str) -> list[Token]:
    """The words of an expression without white space and comments, and an ``end``.

    raises  PathSyntaxError, PathLimitError
    """
    if len(text) > CHARACTERS_AT_MOST:
        raise PathLimitError(
            "the expression is too long", f"Write at most {CHARACTERS_AT_MOST} characters.", CHARACTERS_AT_MOST + 1
        )
    found: list[Token] = []
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise PathSyntaxError("nothing in FHIRPath begins like this", _remedy(text[at]), at + 1)
        if match.lastgroup:
            if match.lastgroup == "number" and match.end() - at > DIGITS_AT_MOST:
                raise PathLimitError("the number is too long", f"Write at most {DIGITS_AT_MOST} digits.", at + 1)
            found.append(Token(match.lastgroup, match[0], at + 1))
        at = match.end()
    return [*found, Token("end", "", len(text) + 1)]


def _remedy(character: str) -> str:
    if character in "'`\"":
        return "Close what this quote opens; inside, write the quote as a backslash and the quote."
    if character == "@":
        return "Write a date as @2024-03-01, a time as @T14:30, both as @2024-03-01T14:30:00Z."
    return "See https://hl7.org/fhirpath/N1 for the grammar."


def whole_characters(text: str) -> str | None:
    """The text with halves of characters (``\\ud83d\\ude00``) joined; None where a half stands alone."""
    try:
        return text.encode("utf-16", "surrogatepass").decode("utf-16")
    except UnicodeDecodeError:
        return None


def unescaped(token: Token) -> str:
    """The text that a quoted token stands for.

    raises  PathSyntaxError for an escape that FHIRPath does not have
    """

    def one(found: re.Match[str]) -> str:
        letter = found[1]
        if len(letter) == 5:
            return chr(int(letter[1:], 16))
        if letter not in _ESCAPES:
            raise PathSyntaxError(
                "no such escape", r"Write a backslash as \\; see also \n \t \u0041.", token.column + 1 + found.start()
            )
        return _ESCAPES[letter]

    text = whole_characters(_ESCAPE.sub(one, token.text.lstrip("%")[1:-1]))
    if text is None:
        raise PathSyntaxError("half a character", "Write both halves of it, or the character itself.", token.column)
    return text
