"""Messages as text: values in, escapes and delimiters put on."""

from collections.abc import Sequence

from careloom.hl7v2.delimiters import STANDARD, Delimiters
from careloom.hl7v2.escape import escape
from careloom.hl7v2.parse import Message

Field = str | Sequence[str | Sequence[str | Sequence[str]]]
"""A value, or its components, each a value or its subcomponents. For repetitions use `repeated`."""


def field(value: Field, delimiters: Delimiters = STANDARD) -> str:
    """The raw text of one field: a value, or a sequence of components (each a value or a sequence of subcomponents)."""
    if isinstance(value, str):
        return escape(value, delimiters)
    return delimiters.component.join(
        escape(part, delimiters)
        if isinstance(part, str)
        else delimiters.subcomponent.join(escape(str(leaf), delimiters) for leaf in part)
        for part in value
    ).rstrip(delimiters.component)


def segment(name: str, *values: Field | list[Field], delimiters: Delimiters = STANDARD) -> str:
    """One segment. A tuple is a field's components, a list its repetitions; trailing empty fields are cut.

    For MSH give the values from MSH-3 on.
    """
    parts = [
        delimiters.repetition.join(field(part, delimiters) for part in value)
        if isinstance(value, list)
        else field(value, delimiters)
        for value in values
    ]
    head = [name, delimiters.encoding] if name == "MSH" else [name]
    return delimiters.field.join(head + parts).rstrip(delimiters.field)


def message(segments: Sequence[str], codec: str = "utf-8") -> bytes:
    """The bytes of a message from the text of its segments; each ends with a carriage return."""
    return "".join(f"{text}\r" for text in segments).encode(codec)


def rewrite(parsed: Message) -> bytes:
    """A parsed message as bytes again: the same fields, carriage returns, the codec that read it."""
    return message([text.text.replace("\n", "") for text in parsed.segments], parsed.codec)
