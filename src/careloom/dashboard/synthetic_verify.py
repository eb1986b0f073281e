"""A certificate of a release that somebody brings: what it is worth, in words.

The file goes to the API, which changes nothing and keeps nothing of it.
"""

import base64
import binascii
from typing import Any

from dash import Dash, Input, Output, dcc, html
from dash.development.base_component import Component

from careloom.client.synthetic_reports import CertificateClaims, CertificateWorth
from careloom.dashboard import words
from careloom.dashboard.address import href
from careloom.dashboard.calls import ApiOf, signed_in
from careloom.dashboard.parts import Column, Content, Contents, Page, Table, badge, card, head, link, note, time
from careloom.dashboard.session import Person
from careloom.dashboard.synthetic_words import TITLE as ABOVE
from careloom.errors import AccessError, CareloomError

PART, TITLE = "verify", "Verify a certificate"
MOST_BYTES = 1_000_000
"""Of the file; a certificate of a hundred columns has 20 kB."""
CHECKS = {
    "policy": "Its policy lets pass what it tells",
    "rows": "The table here has the rows that it is of",
    "ledger": "Its entries stand in the privacy ledger",
    "measures": "The measures that are kept are its own, and pass",
    "landed": "The resources of its rows lie here",
}
_FACTS = [Column("What", "tight"), Column("It says")]
_CHECKED = [Column("Check"), Column("Outcome", "tight")]


def page(person: Person) -> Page:
    """The way to choose a certificate; what it is worth is put below it. raises AccessError"""
    if "synthetic" not in person.zones:
        raise AccessError("you may not see releases", "An administrator can grant the zone synthetic.")
    lead = (
        "Whether the certificate of synthetic rows is as it was signed, by whom, and whether its release still stands."
    )
    text = f"Choose the JSON that came with the rows, of {words.size(MOST_BYTES)} at most. Nothing of it is kept."
    looks = html.Span("Choose a certificate", className="button button-main")
    field = dcc.Upload(looks, id="certificate-file", max_size=MOST_BYTES, multiple=False, disable_click=True)
    watched: dict[str, Any] = {"data-most-bytes": str(MOST_BYTES), "data-too-large": "certificate-too-large"}
    chooser = html.Label(field, className="chooser", **watched)  # its click and the keyboard reach the field inside
    rows = html.P(["With rows in a file beside it: ", html.Code("careloom synthesize verify FILE --rows ROWS")],
                  className="hint")  # fmt: skip
    content: list[Content] = [
        head(TITLE, lead=lead),
        card("The certificate", [html.P(text, className="soft"), chooser, rows, dcc.Store(id="certificate-too-large")]),
        html.Div(id="certificate-said", className="stack"),
    ]
    return Page(TITLE, content, trail=((ABOVE, href("synthetic")),))


def register(app: Dash, api_of: ApiOf) -> None:
    """Adds what choosing a certificate does."""

    @app.callback(
        Output("certificate-said", "children", allow_duplicate=True),
        Output("certificate-too-large", "data"),
        Input("certificate-too-large", "data"),
        prevent_initial_call=True,
    )
    def refuse(size_bytes: int | None) -> tuple[Any, None]:
        return too_large(size_bytes or MOST_BYTES), None

    @app.callback(
        Output("certificate-said", "children"),
        Output("certificate-file", "contents"),
        Input("certificate-file", "contents"),
        prevent_initial_call=True,
    )
    def verify(contents: str | None) -> tuple[Any, None]:
        try:
            with signed_in(api_of) as api:
                return worth(api.synthetic.verify(_bytes(contents))), None
        except CareloomError as error:
            text = f"{error.where[:1].upper()}{error.where[1:]}. {error.remedy}"
            return note("No certificate that can be checked", text, tone="warn", role="alert"), None


def too_large(size_bytes: int) -> Component:
    """What is said of a file that the browser did not send."""
    title = f"The file has {words.size(size_bytes)}; a certificate has {words.size(MOST_BYTES)} at most"
    return note(title, "Choose the JSON that came with the rows.", tone="warn", role="alert")


def worth(one: CertificateWorth) -> list[Component]:
    """The verdict in a sentence, what the certificate says where it may be believed, and each check."""
    told = [_verdict(one)]
    if one.claims is not None:
        facts = Table("What the certificate says", _FACTS, _facts(one.claims))
        checks = Table("What else was checked here", _CHECKED, _checks(one.checks))
        told += [card("What it says", facts.shown()), card("What else was checked", checks.shown())]
    return told


def _verdict(one: CertificateWorth) -> Component:
    if one.verdict == "altered":
        text = "Its signature does not fit what it says. Believe nothing of it; ask whoever gave it for the original."
        return note("Altered: this is not what was signed", text, tone="bad", role="alert")
    if one.verdict == "unknown-key":
        told: list[Content] = [
            "It is as it was signed, but not by this installation: its words may be anybody's. Ask whose key this is: ",
            html.Code(one.public_key, className="place"),
        ]
        return note("Signed by a key that is not known here", told, tone="warn", role="alert")
    signed = "This installation signed it, and nobody changed it since."
    if not one.stands:
        text = f"{signed} Its rows must not be used any more: {one.reason}."
        return note("Valid, but the release does not stand any more", text, tone="warn", role="status")
    if not one.whole:
        text = f"{signed} What does not hold is told below."
        return note("Valid, but not everything behind it holds", text, tone="warn", role="status")
    return note("Valid: the release stands", f"{signed} Its rows may be fetched.", tone="good", role="status")


def _facts(one: CertificateClaims) -> list[tuple[Contents, ...]]:
    bound = (
        "no proven bound"
        if one.epsilon is None
        else f"epsilon {one.epsilon:.3g} at delta {words.small(one.delta)}, per patient"
    )
    return [
        ("Certificate", html.Code(one.certificate, className="place")),
        ("Table", link(f"gold/{one.table}", href("synthetic", "samples", one.release))),
        ("Rows", f"{one.rows:,}"),
        ("Let out", html.Span([time(one.time), f" UTC, by {one.actor}, under the policy {one.policy}"])),
        ("May be fetched until", html.Span([time(one.expires), " UTC"])),
        ("Bound", bound),
        ("SHA-256 of the rows", html.Code(one.sha256, className="place")),
    ]


def _checks(checks: dict[str, bool | None]) -> list[tuple[Contents, ...]]:
    shown = {True: badge("Holds", "good"), False: badge("Does not hold", "bad")}
    return [(text, shown[held]) for name, text in CHECKS.items() if (held := checks[name]) is not None]


def _bytes(contents: str | None) -> bytes:
    try:
        return base64.b64decode((contents or "").partition(",")[2], validate=True)
    except binascii.Error:
        return b""
