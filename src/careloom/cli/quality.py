"""Commands of data quality: look, show what broke a rule, list looks and rules."""

from pathlib import Path
from typing import Annotated, Any

import typer

from careloom.cli.options import FALLS_SHORT, Json, filled

Completeness = Annotated[
    bool, typer.Option("--completeness", help="Show how often every element is there, not only the rarest.")
]
CompletenessCsv = Annotated[
    Path | None, typer.Option(help="Write how often every element is there to this file, as CSV.")
]
FindingsCsv = Annotated[
    Path | None, typer.Option(help="Write each rule with its status, reason and examples to this file, as CSV.")
]
Zone = Annotated[str, typer.Option(help="identified, research or synthetic.")]
quality_app = typer.Typer(
    invoke_without_command=True,
    help="How good the data is: every rule with its status, why it fired, and which resources broke it.\n\n"
    "Example: careloom quality --zone identified --html report.html --fail-under 95",
)


def register(app: typer.Typer) -> None:
    """Adds the commands to the command line."""
    app.add_typer(quality_app, name="quality")


@quality_app.callback()
def quality(
    context: typer.Context,
    zone: Zone = "identified",
    source: Annotated[str, typer.Option(callback=filled, help="Only what this source system sent.")] = "",
    since: Annotated[
        str, typer.Option(callback=filled, help="Only what was stored from this day on: 2026-11-28.")
    ] = "",
    rules: Annotated[Path | None, typer.Option(help="A TOML file with rules and thresholds of your own.")] = None,
    threshold: Annotated[
        list[str] | None, typer.Option(help="Allowed percent of one rule: rule-id=percent. May be repeated.")
    ] = None,
    html: Annotated[Path | None, typer.Option(help="Write the report to this file, as one HTML page.")] = None,
    csv: Annotated[Path | None, typer.Option(help="Write the counts of the rules to this file, as CSV.")] = None,
    completeness: Completeness = False,
    completeness_csv: CompletenessCsv = None,
    findings_csv: FindingsCsv = None,
    fail_under: Annotated[
        float | None, typer.Option(min=0, max=100, help="Exit with code 7 if the score is below this.")
    ] = None,
    json: Json = False,
) -> None:
    """Look at the data of a zone by all rules, print the scorecard and keep the report.

    Example: careloom quality --source main-lab --html report.html --fail-under 95
    """
    if context.invoked_subcommand is not None:
        return
    from careloom.cli import output, render_quality
    from careloom.cli.session import opened
    from careloom.services.quality import QualityAsk, refuse_threshold
    from careloom.services.quality import quality as run

    ask = QualityAsk(zone, source, since, rules, dict(refuse_threshold(one) for one in threshold or ()))
    with opened() as (platform, who), output.progress("Looking", quiet=json) as watch:
        report = run(platform, who, ask, watch)
    _write(report, html, {"rules": csv, "completeness": completeness_csv, "findings": findings_csv})
    output.give(report, as_json=json, show=lambda made: render_quality.scorecard(made, is_complete=completeness))
    if fail_under is not None and (report["score"] is None or report["score"] < fail_under):
        output.say(f"The score is below {fail_under:g}.") if not json else None
        raise typer.Exit(FALLS_SHORT)


def _write(report: dict[str, Any], html: Path | None, tables: dict[str, Path | None]) -> None:
    from careloom.errors import SetupError
    from careloom.quality.report_csv import TABLES
    from careloom.quality.report_html import as_html

    try:
        if html is not None:
            html.write_text(as_html(report), "utf-8")
        for name, file in tables.items():
            if file is not None:
                file.write_text(TABLES[name](report), "utf-8", newline="")
    except OSError as error:
        raise SetupError(f"the report could not be written ({type(error).__name__})", "Name another file.") from None


@quality_app.command("show")
def quality_show(
    rule: Annotated[str, typer.Argument(help="Id of a rule, as the scorecard names it.")],
    run: Annotated[str, typer.Option(help="Id of a look; the newest of the zone without it.")] = "",
    zone: Zone = "identified",
    source: Annotated[str, typer.Option(callback=filled, help="Only what this source system sent.")] = "",
    type: Annotated[str, typer.Option(callback=filled, help="Only resources of this type.")] = "",  # noqa: A002 - the option's name
    limit: Annotated[int, typer.Option(min=1, max=1000, help="At most so many.")] = 20,
    cursor: Annotated[str, typer.Option(help="Where the page before ended: its `next`.")] = "",
    json: Json = False,
) -> None:
    """Show the resources that broke a rule, with the records they came from.

    Example: careloom quality show not-in-the-future --source main-lab
    """
    from careloom.cli import output, render_quality
    from careloom.cli.session import opened
    from careloom.services.quality import RowsAsk, broken_rows

    ask = RowsAsk(rule, run, zone, source, type, limit=limit, cursor=cursor)
    with opened() as (platform, who):
        found = broken_rows(platform, who, ask)
    output.give(found, as_json=json, show=render_quality.rows)


@quality_app.command("runs")
def quality_runs(
    zone: Annotated[str, typer.Option(callback=filled, help="Only looks at this zone.")] = "",
    limit: Annotated[int, typer.Option(min=1, help="At most so many, newest first.")] = 20,
    json: Json = False,
) -> None:
    """List finished looks with their scores: the trend.

    Example: careloom quality runs --zone identified
    """
    from careloom.cli import output, render_quality
    from careloom.cli.session import opened
    from careloom.services.quality import list_looks

    with opened() as (platform, who):
        found = list_looks(platform, who, zone=zone, limit=limit)
    output.give(found, as_json=json, show=render_quality.looks)


@quality_app.command("report")
def quality_report(
    run: Annotated[str, typer.Argument(help="Id of a look; the newest of the zone without it.")] = "",
    zone: Zone = "identified",
    html: Annotated[Path | None, typer.Option(help="Write it to this file, as one HTML page.")] = None,
    csv: Annotated[Path | None, typer.Option(help="Write the counts of the rules to this file, as CSV.")] = None,
    completeness: Completeness = False,
    completeness_csv: CompletenessCsv = None,
    findings_csv: FindingsCsv = None,
    json: Json = False,
) -> None:
    """Show a finished look again, or export it.

    Example: careloom quality report --html report.html
    """
    from careloom.cli import output, render_quality
    from careloom.cli.session import opened
    from careloom.services.quality import show_look

    with opened() as (platform, who):
        report = show_look(platform, who, run, zone=zone)
    _write(report, html, {"rules": csv, "completeness": completeness_csv, "findings": findings_csv})
    output.give(report, as_json=json, show=lambda made: render_quality.scorecard(made, is_complete=completeness))


@quality_app.command("rules")
def quality_rules(json: Json = False) -> None:
    """List the rules in force, your own included.

    Example: careloom quality rules
    """
    from careloom.cli import output, render_quality
    from careloom.cli.session import opened
    from careloom.services.quality import list_rules

    with opened() as (platform, who):
        found = list_rules(platform, who)
    output.give(found, as_json=json, show=render_quality.rules)
