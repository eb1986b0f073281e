"""How to send files: the dashboard itself takes none, because a browser would hold them in memory whole."""

from dash import html
from dash.development.base_component import Component

from careloom.dashboard.address import href
from careloom.dashboard.parts import command, link

WAYS = (
    ("From a folder on the server, with the command line", "careloom ingest path/to/feeds"),
    (
        "From your own machine, with Python",
        "from careloom.client.careloom import Careloom\n"
        "from careloom.client.credentials import ClientSecret\n"
        "\n"
        'with Careloom("https://careloom.example.org", ClientSecret("warehouse", secret)) as api:\n'
        '    run = api.ingestions.upload("feed.ndjson")\n'
        "    api.ingestions.wait(run.id)",
    ),
    (
        "From anywhere, with curl",
        'curl -H "Authorization: Bearer $TOKEN" -H "Content-Type: application/fhir+ndjson" \\\n'
        "     --data-binary @feed.ndjson https://careloom.example.org/api/v1/ingestions",
    ),
)


def how_to_send() -> Component:
    """The ways to send files, with commands to copy; and the way to a mapping for a table that nobody knows yet."""
    steps = [html.Li([title, command(line, title)]) for title, line in WAYS]
    text = "Send FHIR, HL7 v2, delimited files or notes, also packed. Runs appear here while they are read."
    ask = "A CSV, Parquet or Arrow file whose columns nobody has mapped yet? "
    unknown = html.P([ask, link("Draft a mapping", href("runs", "draft"))])
    return html.Div([html.P(text), html.Ol(steps, className="steps"), unknown], className="empty")
