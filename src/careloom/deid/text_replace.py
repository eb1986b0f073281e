"""Found places out, others in, with the map of offsets, so that annotations find their words again."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from careloom.deid.text_spans import Found
from careloom.text.note import Annotation, Span
from careloom.text.offsets import OffsetMap
from careloom.text.offsets import replace as replace_spans

Style = Literal["surrogate", "tag", "mask"]


@dataclass(frozen=True, slots=True)
class Replaced:
    """A text with its found places replaced.

    text     everything outside the places is unchanged
    offsets  from the old text to the new one
    spans    where each replacement stands in the new text, in the order of the found
    """

    text: str
    offsets: OffsetMap
    spans: tuple[Span, ...]


def replace_found(text: str, found: Sequence[Found], write: Callable[[Found, str], str]) -> Replaced:
    """`text` with what `write` gives in place of each found place.

    found   disjoint, in order
    raises  ValueError where two overlap
    """
    new = [(one.span, write(one, one.span.of(text))) for one in found]
    changed, offsets = replace_spans(text, new)
    spans, shift = [], 0
    for span, words in new:
        spans.append(Span(span.start + shift, span.start + shift + len(words)))
        shift += len(words) - len(span)
    return Replaced(changed, offsets, tuple(spans))


def tag(found: Found, original: str) -> str:
    """The label in brackets."""
    return f"[{found.label}]"


def mask(found: Found, original: str) -> str:
    """As many asterisks as characters; line ends stay."""
    return "".join(letter if letter == "\n" else "*" for letter in original)


def moved(annotations: Iterable[Annotation], offsets: OffsetMap) -> list[Annotation]:
    """Annotations at their places in the new text; one that touched a replaced place covers all of what replaced it."""
    return [replace(annotation, span=offsets.span(annotation.span)) for annotation in annotations]
