"""Who saw one patient, and the accounting of disclosures, by the patient's id as it is kept."""

from dash import html
from dash.development.base_component import Component

from careloom.client.access import Disclosures, PatientViews
from careloom.client.careloom import Careloom
from careloom.dashboard import session, words
from careloom.dashboard.address import PREFIX, Address, href
from careloom.dashboard.parts import Column, Content, Contents, Page, Table, as_of, badge, card, head, link, note, time
from careloom.dashboard.privacy_parts import ROOM, STORED_ID, TRAIL, find_patient, outcome, patient_link, tabs
from careloom.dashboard.session import Person

TITLE = "Who saw whom"
SHOWN = 100
_VIEWS = [
    Column("When (UTC)", "tight"), Column("Who"), Column("What", "tight"), Column("Purpose", "tight"),
    Column("Outcome", "tight wide-only"), Column("Event", "right wide-only"),
]  # fmt: skip
_DISCLOSED = [
    Column("Date", "tight"), Column("To whom"), Column("What"), Column("What for", "wide-only"),
    Column("Times", "right"),
]  # fmt: skip


def page(api: Careloom, person: Person, address: Address) -> Page:
    """The search, or the record of one patient's use; the id in the address is keyed."""
    patient_id, cursor = address.query.get("patient", ""), address.query.get("cursor", "")
    lead = "Everybody who saw one patient's record in six years, and the accounting of disclosures."
    content: list[Content] = [head(TITLE, lead=lead, aside=as_of(session.now())), tabs(person, "disclosures")]
    found = address.query.get("found", "")
    if "identified" in person.patient_zones:
        content.append(card("Find the patient", find_patient("disclosures", found, "A number of the patient")))
    if not STORED_ID.fullmatch(patient_id):
        if not found:
            said = "Find a patient by a number, such as the medical record number; or come from the patient's own page."
            content.append(note("Nobody is chosen", said))
        return Page(TITLE, content, TRAIL)
    views = api.access.views_page(patient_id, limit=SHOWN, cursor=cursor)
    told = api.access.disclosures_page(patient_id, limit=SHOWN)
    content += [_views(views, patient_id, cursor), _disclosures(told, patient_id)]
    return Page(TITLE, content, TRAIL)


def _views(views: PatientViews, patient_id: str, cursor: str) -> Component:
    aside = html.Span([f"{views.total:,} in all, of ", patient_link(patient_id)], className="small")
    if not views.views:
        return card("Who saw this patient", note("Nobody did."), aside=aside)
    rows: list[tuple[Contents, ...]] = [
        (
            time(one.time), one.actor,
            [html.Code(one.operation), badge("emergency", "warn") if one.emergency else None],
            words.purpose(one.purpose), outcome(one.outcome), f"#{one.seq}",
        )
        for one in views.views
    ]  # fmt: skip
    newest = href(ROOM, "disclosures", patient=patient_id)
    older = href(ROOM, "disclosures", patient=patient_id, cursor=views.next or "")
    ways = [
        link("Newest", newest, className="button button-small") if cursor else None,
        link("Older", older, className="button button-small") if views.next else None,
    ]
    pager = html.Div(ways, className="pager") if cursor or views.next else None
    return card("Who saw this patient", [Table("Who saw this patient, newest first", _VIEWS, rows).shown(), pager],
                aside=aside)  # fmt: skip


def _disclosures(told: Disclosures, patient_id: str) -> Component:
    each = [
        link(ending.upper(), f"{PREFIX}/privacy-disclosures/{patient_id}.{ending}", className="button button-small",
             download=f"disclosures.{ending}")
        for ending in ("html", "csv", "json")
    ]  # fmt: skip
    aside = html.Div([html.Span("Accounting", className="soft small"), *each], className="buttons")
    rule = html.P(f"By {told.rule}. Treatment, payment and operations are not among them.", className="hint")
    if not told.disclosures:
        return card("Disclosures", [note("Nothing was disclosed that has to be accounted for."), rule], aside=aside)
    rows = [
        (words.day(one.date), one.recipient, one.description, one.purpose_text or one.purpose, words.number(one.count))
        for one in told.disclosures
    ]
    more = html.P("Only the first are shown; the files hold all.", className="hint") if told.next else None
    return card("Disclosures", [Table("Disclosures, oldest first", _DISCLOSED, rows).shown(), more, rule], aside=aside)
