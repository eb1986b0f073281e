"""The characters that separate a message's parts, as MSH-1 and MSH-2 declare them."""

from dataclasses import dataclass

from careloom.issues import Issue


@dataclass(frozen=True, slots=True)
class Delimiters:
    """The separators of one message.

    field, component, repetition, escape, subcomponent   one character each; an empty one is never found
    truncation                                           since v2.7, else empty
    """

    field: str = "|"
    component: str = "^"
    repetition: str = "~"
    escape: str = "\\"
    subcomponent: str = "&"
    truncation: str = ""

    @property
    def encoding(self) -> str:
        """MSH-2 as it is written."""
        return self.component + self.repetition + self.escape + self.subcomponent + self.truncation


STANDARD = Delimiters()
_STANDARD_ENCODING = "^~\\&"


def can_delimit(character: str) -> bool:
    """True for the printable ASCII characters that are no letter, digit or space."""
    return len(character) == 1 and "!" <= character <= "~" and not character.isalnum()


def declared(field: str, encoding: str, issues: list[Issue]) -> Delimiters:
    r"""The delimiters that MSH-1 and MSH-2 declare, repaired where they contradict themselves.

    A character that is missing or stands twice is replaced by the standard one and reported; ``^~\\&`` (an escape
    character written twice by a sender's own string escaping) is read as ``^~\&``.
    """
    if encoding == _STANDARD_ENCODING and field == "|":
        return STANDARD
    repaired = encoding.replace("\\\\", "\\") if encoding.count("\\") > 1 else encoding
    seen: list[str] = [field]
    chosen: list[str] = []
    odd = repaired != encoding or len(repaired) > 5
    for position, standard in enumerate(_STANDARD_ENCODING):
        character = repaired[position] if position < len(repaired) else ""
        if character in seen or not can_delimit(character):
            odd = True
            character = standard if standard not in seen else ""
        seen.append(character)
        chosen.append(character)
    truncation = repaired[4:5]
    if truncation in seen or not can_delimit(truncation):
        truncation = ""
    if odd:
        issues.append(
            Issue(
                "hl7v2.delimiters-odd",
                "warning",
                "MSH-2",
                "the encoding characters are incomplete or repeat one another; standard ones were put in their place",
                "let the sender write four different characters in MSH-2",
            )
        )
    return Delimiters(field, chosen[0], chosen[1], chosen[2], chosen[3], truncation)
