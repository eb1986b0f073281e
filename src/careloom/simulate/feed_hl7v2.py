"""A chart as HL7 v2 2.5.1 messages: built, put in order of time, numbered, and as bytes."""

from datetime import timedelta
from random import Random

from careloom.simulate.charts import Chart
from careloom.simulate.feed_hl7v2_admissions import admissions
from careloom.simulate.feed_hl7v2_drugs import drugs
from careloom.simulate.feed_hl7v2_planning import appointments, charges, merge
from careloom.simulate.feed_hl7v2_results import documents, results
from careloom.simulate.feed_hl7v2_segments import Hl7v2Message, codec_of, header

_ORDER = "ADT ORM SIU RDE RAS VXU ORU MDM DFT".split()
_RANKS = {kind: rank for rank, kind in enumerate(_ORDER)}
"""Which kind goes first among messages of one second: who the patient is before what was found."""


def messages(chart: Chart, random: Random, prior: Chart | None = None) -> list[Hl7v2Message]:
    """All messages of a chart in order of time, with their control ids; last the merge of a prior chart, if any."""
    found = [
        *admissions(chart, random),
        *results(chart),
        *drugs(chart),
        *appointments(chart, random),
        *charges(chart),
        *documents(chart),
    ]
    if prior is not None:
        ends = [one.end or one.start for one in (*chart.encounters.values(), *prior.encounters.values())]
        found.append(merge(chart, prior.number, max(ends) + timedelta(days=9)))
    found.sort(key=lambda one: (one.time, _RANKS[one.event[:3]]))
    for number, one in enumerate(found, 1):
        one.control = f"{chart.serial}{number:05}"
    return found


def message_bytes(chart: Chart, one: Hl7v2Message) -> bytes:
    """A message, each segment with its carriage return."""
    head = header(chart, one)
    return ("\r".join([head, *one.segments]) + "\r").encode(codec_of(head))


def message_path(chart: Chart, one: Hl7v2Message) -> str:
    """The file of a message: one for each site and day."""
    return f"feeds/{chart.site.site_id}/hl7v2/{one.time:%Y-%m-%d}.hl7"
