"""De-identification of text: detectors, one rule that combines them, and what stands in place of what they found.

scrubber = TextScrubber()
surrogates = Surrogates(Draw(key, patient_id), known_from(resources), days=shift(patient_id))
scrubbed = scrubber.scrub(note, surrogates)
scrubbed.text      'Ms. Keller was seen on May 3, 2021 ...'
scrubbed.counts    {'NAME': 1, 'DATE': 1}
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from careloom.deid.surrogates import Surrogates
from careloom.deid.text_combine import LEAST, combine
from careloom.deid.text_context import ContextDetector
from careloom.deid.text_dates import DateDetector
from careloom.deid.text_known import NOBODY, Known
from careloom.deid.text_names import NameDetector
from careloom.deid.text_patterns import PatternDetector
from careloom.deid.text_places import PlaceDetector
from careloom.deid.text_record import RecordDetector
from careloom.deid.text_replace import Style, mask, replace_found, tag
from careloom.deid.text_shadow import shadow
from careloom.deid.text_spans import Detector, Found
from careloom.text.note import Span
from careloom.text.offsets import OffsetMap


@dataclass(frozen=True, slots=True)
class ScrubbedText:
    """A text without what identified.

    found      what was found: places of the old text
    replaced   where each replacement stands in the new text, in the order of `found`
    offsets    from the old text to the new one
    counts     how many of each label
    """

    text: str
    found: tuple[Found, ...]
    replaced: tuple[Span, ...]
    offsets: OffsetMap
    counts: Mapping[str, int]


def rule_detectors(*, countries: bool = True) -> tuple[Detector, ...]:
    """The detectors that need no model. `countries`: names of countries go too, though the law lets them stay."""
    return (
        RecordDetector(),
        PatternDetector(),
        ContextDetector(),
        DateDetector(),
        NameDetector(),
        PlaceDetector(countries=countries),
    )


class TextScrubber:
    """Takes identity out of text. Keeps nothing between texts: one may serve many patients and threads at once.

    detectors  asked in turn; `rule_detectors()` unless told
    least      the score from which a place counts
    """

    def __init__(self, detectors: Sequence[Detector] | None = None, least: float = LEAST) -> None:
        self._detectors = tuple(detectors) if detectors is not None else rule_detectors()
        self._least = least

    def find(self, text: str, known: Known = NOBODY) -> list[Found]:
        """What identifies in `text`: disjoint, in order."""
        seen = shadow(text)
        found = [one for detector in self._detectors for one in detector.find(seen.text, known)]
        joined = combine(seen.text, found, self._least)
        if seen.to_source is None:
            return joined
        return _apart(Found(seen.back(one.span), one.label, one.detector, one.score, one.part) for one in joined)

    def scrub(self, text: str, surrogates: Surrogates, style: Style = "surrogate") -> ScrubbedText:
        """`text` with surrogates, tags or asterisks in place of what identifies.

        surrogates  those of the patient whom the text is about; they say what the record knows
        style       ``surrogate``; ``tag``: [NAME]; ``mask``: asterisks
        """
        found = self.find(text, surrogates.known)
        new = replace_found(text, found, _WRITERS.get(style, surrogates.write))
        counts = dict(sorted(Counter(one.label for one in found).items()))
        return ScrubbedText(new.text, tuple(found), new.spans, new.offsets, counts)


def _apart(found: Iterable[Found]) -> list[Found]:
    """Disjoint again: a character that is read as several (1/9) may belong to two finds, which become one."""
    kept: list[Found] = []
    for one in found:
        last = kept[-1] if kept else None
        if last is None or one.span.start >= last.span.end:
            kept.append(one)
        else:
            kept[-1] = replace(last, span=Span(last.span.start, max(last.span.end, one.span.end)))
    return kept


_WRITERS: Mapping[Style, Callable[[Found, str], str]] = {"tag": tag, "mask": mask}
