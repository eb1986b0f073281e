"""The data card of a release: what a person has to know before using its rows, as Markdown."""

from collections.abc import Mapping
from typing import Any

from careloom.synth.metadata import Table


def card(table: Table, report: Mapping[str, Any]) -> str:
    """The card of a release by its certificate's report: no measure stands in it that does not stand there."""
    privacy, made, data = report["privacy"], report["lineage"], report["data"]
    bound = (
        f"epsilon {privacy['epsilon']:.4g} at delta {privacy['delta']:g} per patient, at most "
        f"{privacy['rows_per_patient']} rows of each; it covers the rows, not the verdict of the gate"
        if privacy["epsilon"]
        else "none is proven: known attacks were tried, and others may do better"
    )
    meanings = {each.name: _cell(each.meaning) for each in table.columns}
    lines = [
        f"# {report['table']}",
        "",
        f"{data['rows']:,} synthetic rows. None is of a patient; do not look for one in them.",
        "",
        f"- Made by {made['engine']} from {made['source']}, of {made['patients']:,} patients.",
        f"- Privacy: {bound}.",
        f"- Let out {report['time']} by the policy {report['policy']['name']}.",
        f"- To be fetched until {report['expires']}.",
        f"- Certificate {report['certificate']}; check it by `careloom synthesize verify`.",
        "- Good for: teaching, building software, trying analyses that are run on real patients afterwards.",
        "- Not good for: decisions about patients, rates of rare events, links to other data.",
        "",
        "| column | type | meaning |",
        "|---|---|---|",
        *(f"| {one['name']} | {one['type']} | {meanings.get(one['name'], '')} |" for one in data["columns"]),
    ]
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
