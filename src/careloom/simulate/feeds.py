"""A simulated patient as every feed of the hospital tells it, and the answers to what the feeds hide."""

from collections.abc import Iterator, Sequence
from random import Random

from careloom.simulate import feed_ccda, feed_csv, feed_fhir, feed_hl7v2, feed_notes
from careloom.simulate.answers import IdentityAnswer, NoteAnswer, OutcomeAnswer
from careloom.simulate.charts import Chart, Place, charts, system_of
from careloom.simulate.history import History
from careloom.simulate.pieces import FeedAnswers, FeedOptions, Piece
from careloom.terminology.systems import US_SSN


def opening_files(place: Place, options: FeedOptions) -> Iterator[Piece]:
    """What opens the files of a hospital, once: headers of tables, their mappings, who works there."""
    for number, site in enumerate(place.sites.values()):
        if "csv" in options.feeds:
            yield from feed_csv.opening(site, number)
        if "bulk" in options.feeds:
            yield from feed_fhir.bulk_opening(site, place)


def feed_files(
    history: History, place: Place, options: FeedOptions, notes: Sequence[NoteAnswer] = ()
) -> tuple[list[Piece], FeedAnswers]:
    """The pieces of one patient, and what they hide.

    The same for the same history, notes and options, whoever else is simulated and in whatever process.
    """
    answers = FeedAnswers()
    pieces: list[Piece] = []
    for chart in charts(history, place, notes):
        answers.identities += _identities(chart)
        answers.outcomes += _outcomes(chart, history)
        random = Random(f"{options.seed}|{chart.patient_id}|{chart.number}")
        pieces += _pieces(chart, options, random)
    return pieces, answers


def _pieces(chart: Chart, options: FeedOptions, random: Random) -> Iterator[Piece]:
    if "hl7v2" in options.feeds:
        for message in feed_hl7v2.messages(chart, random):
            yield feed_hl7v2.piece(chart, message)
    if "fhir" in options.feeds or "bulk" in options.feeds:
        made = list(feed_fhir.resources(chart))
        if "fhir" in options.feeds:
            yield feed_fhir.bundle_piece(chart, made)
        if "bulk" in options.feeds:
            for resource in made:
                yield feed_fhir.bulk_piece(chart, resource)
    if "ccda" in options.feeds:
        for document in feed_ccda.documents(chart):
            yield feed_ccda.piece(chart, document)
    if "csv" in options.feeds:
        for row in feed_csv.csv_rows(chart):
            yield Piece(feed_csv.csv_path(chart.site, row.table), chart.serial, feed_csv.row_bytes(chart, row))
    if "notes" in options.feeds:
        for note in chart.notes:
            yield feed_notes.piece(chart, note)


def _identities(chart: Chart) -> list[IdentityAnswer]:
    found = [IdentityAnswer(chart.patient_id, chart.site.site_id, system_of(chart.site), chart.number)]
    if chart.person.ssn:
        found.append(IdentityAnswer(chart.patient_id, chart.site.site_id, US_SSN, chart.person.ssn))
    return found


def _outcomes(chart: Chart, history: History) -> list[OutcomeAnswer]:
    """The outcomes that hang on an encounter or appointment of this chart."""
    planned = {one.key for one in chart.history.appointments}
    found = []
    for one in history.outcomes:
        if one.about not in chart.encounters and one.about not in planned:
            continue
        about = chart.identifier("V" if one.about in chart.encounters else "A", one.about)
        found.append(
            OutcomeAnswer(
                chart.patient_id, one.name, one.index_time.isoformat(), about, one.probability, float(one.happened)
            )
        )
    return found
