"""A simulated patient as every feed of the hospital tells it, and the answers to what the feeds hide."""

from collections.abc import Callable, Iterator, Sequence
from random import Random

from careloom.fhir.drafts import Resource
from careloom.simulate import dirt_csv, dirt_documents, dirt_fhir, dirt_hl7v2, feed_csv, feed_fhir, feed_hl7v2
from careloom.simulate.answers import IdentityAnswer, NoteAnswer, OutcomeAnswer
from careloom.simulate.charts import Chart, Place, charts, system_of
from careloom.simulate.dirt import Dirt, rates_of
from careloom.simulate.dirt_people import with_doubles
from careloom.simulate.history import History, Outcome
from careloom.simulate.pieces import Feed, FeedAnswers, FeedOptions, Piece
from careloom.terminology.systems import US_SSN


def opening_files(place: Place, options: FeedOptions) -> Iterator[Piece]:
    """What opens the files of a hospital, once: headers of tables, their mappings, who works there."""
    for number, site in enumerate(place.sites.values()):
        sent = options.feeds_of(site.site_id)
        if "csv" in sent:
            yield from feed_csv.opening(site, number)
        if "bulk" in sent:
            yield from feed_fhir.bulk_opening(site, place)


def feed_files(
    history: History, place: Place, options: FeedOptions, notes: Sequence[NoteAnswer] = ()
) -> tuple[list[Piece], FeedAnswers]:
    """The pieces of one patient, and what they hide.

    The same for the same history, notes and options, whoever else is simulated and in whatever process.
    """
    answers = FeedAnswers()
    pieces: list[Piece] = []
    rates = rates_of(options.dirt)
    patient_id = history.person.patient_id
    people = Dirt(patient_id, rates, Random(f"{options.seed}|{patient_id}|people"), answers.dirt)
    found, merged = with_doubles(charts(history, place, notes), people)
    answers.outcomes = [_answer(patient_id, one, "") for one in history.outcomes if not one.about]
    numbers = {chart.number: chart for chart in found}
    for chart in found:
        answers.identities += _identities(chart)
        answers.outcomes += _outcomes(chart, history)
        prior = numbers.get(merged.get(chart.number, ""))
        for feed in options.feeds_of(chart.site.site_id):
            random = Random(f"{options.seed}|{chart.patient_id}|{chart.number}|{feed}")
            dirt = Dirt(chart.patient_id, rates, random, answers.dirt, insists=not isinstance(options.dirt, str))
            pieces += _FEEDS[feed](chart, dirt, prior)
    return pieces, answers


def _hl7v2(chart: Chart, dirt: Dirt, prior: Chart | None) -> Iterator[Piece]:
    made = feed_hl7v2.messages(chart, Random(f"{chart.patient_id}|{chart.number}"), prior)
    yield from dirt_hl7v2.soiled(chart, made, dirt)


def _fhir(chart: Chart, dirt: Dirt, prior: Chart | None) -> Iterator[Piece]:
    del prior
    path = feed_fhir.bundle_path(chart)
    found = dirt_fhir.soiled(list(feed_fhir.resources(chart)), dirt, lambda _: path, lines=False)
    yield feed_fhir.bundle_piece(chart, [one.resource for one in found])


def _bulk(chart: Chart, dirt: Dirt, prior: Chart | None) -> Iterator[Piece]:
    del prior

    def path(resource: Resource) -> str:
        return feed_fhir.bulk_path(chart.site, resource["resourceType"])

    for one in dirt_fhir.soiled(list(feed_fhir.resources(chart)), dirt, path, lines=True):
        yield Piece(path(one.resource), chart.serial, dirt_fhir.line_of(one))


def _ccda(chart: Chart, dirt: Dirt, prior: Chart | None) -> Iterator[Piece]:
    del prior
    yield from dirt_documents.soiled_documents(chart, dirt)


def _csv(chart: Chart, dirt: Dirt, prior: Chart | None) -> Iterator[Piece]:
    del prior
    yield from dirt_csv.soiled(chart, dirt)


def _notes(chart: Chart, dirt: Dirt, prior: Chart | None) -> Iterator[Piece]:
    del prior
    yield from dirt_documents.soiled_notes(chart, dirt)


_FEEDS: dict[Feed, Callable[[Chart, Dirt, Chart | None], Iterator[Piece]]] = {
    "hl7v2": _hl7v2,
    "fhir": _fhir,
    "bulk": _bulk,
    "ccda": _ccda,
    "csv": _csv,
    "notes": _notes,
}


def _identities(chart: Chart) -> list[IdentityAnswer]:
    found = [IdentityAnswer(chart.patient_id, chart.site.site_id, system_of(chart.site), chart.number)]
    if chart.person.ssn:
        found.append(IdentityAnswer(chart.patient_id, chart.site.site_id, US_SSN, chart.person.ssn))
    return found


def _outcomes(chart: Chart, history: History) -> list[OutcomeAnswer]:
    """The outcomes that hang on an encounter or appointment of this chart."""
    planned = {one.key for one in chart.history.appointments}
    return [
        _answer(chart.patient_id, one, chart.identifier("V" if one.about in chart.encounters else "A", one.about))
        for one in history.outcomes
        if one.about in chart.encounters or one.about in planned
    ]


def _answer(patient_id: str, one: Outcome, about: str) -> OutcomeAnswer:
    return OutcomeAnswer(patient_id, one.name, one.index_time.isoformat(), about, one.probability, float(one.happened))
