"""Commands about codes: ``careloom terminology``."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from careloom.cli import terminology_copies
from careloom.cli.options import FALLS_SHORT, Json, filled

if TYPE_CHECKING:
    from careloom.terminology.concepts import Concept, Release
    from careloom.terminology.operations import Validation

System = Annotated[str, typer.Argument(help="A code system: its URI, or SNOMED, LOINC, RxNorm, ICD-10-CM, CVX, ...")]
Code = Annotated[str, typer.Argument(help="A code of it.")]
Version = Annotated[str, typer.Option(help="A version of the system; by default the newest.")]

terminology_app = typer.Typer(help="Code systems: load them, and ask what codes mean.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Adds the commands to the command line."""
    terminology_copies.register(terminology_app)
    app.add_typer(terminology_app, name="terminology")


def _release(release: "Release", is_expired: bool) -> dict[str, Any]:
    return {
        "system": release.system,
        "version": release.version,
        "title": release.title,
        "effective": release.effective and release.effective.isoformat(),
        "expires": release.expires and release.expires.isoformat(),
        "expired": is_expired,
        "concepts": release.concepts,
        "whole": release.is_whole,
        "licence": release.licence,
    }


def _concept(concept: "Concept") -> dict[str, Any]:
    return {
        "system": concept.system,
        "code": concept.code,
        "name": concept.name,
        "version": concept.version,
        "active": concept.is_active,
        "abstract": concept.is_abstract,
        "names": list(concept.names),
        "parents": list(concept.parents),
        "properties": {key: list(values) for key, values in concept.properties.items()},
    }


@terminology_app.command("load")
def terminology_load(
    path: Annotated[
        Path, typer.Argument(help="A folder, zip archive or file: RF2, RRF, LOINC, OBO, OBO graphs, FHIR.")
    ],
    version: Annotated[str, typer.Option(help="The version, where the files do not name it.")] = "",
    expires: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="The first day on which it holds no longer.")
    ] = None,
    json: Json = False,
) -> None:
    """Load a release of a code system; versions are kept side by side.

    Example: careloom terminology load SnomedCT_USEditionRF2_20260301.zip --expires 2027-03-01
    """
    from careloom.cli import output, render_terminology
    from careloom.cli.session import opened
    from careloom.services.terminology import load

    def watch(release: "Release") -> None:
        if not json:
            output.say(f"Reading {release.title or release.system}, version {release.version}")

    with opened() as (platform, who):
        found = load(platform, who, path, version=version, expires=expires and expires.date(), watch=watch)
    report = [
        {
            **_release(each.release, False),
            "rows": each.rows,
            "issues": [{"code": issue.code, "place": issue.place, "message": issue.message} for issue in each.issues],
        }
        for each in found
    ]
    output.give(report, as_json=json, show=render_terminology.loaded)


@terminology_app.command("list")
def terminology_list(json: Json = False) -> None:
    """List the releases that are known, loaded or shipped.

    Example: careloom terminology list
    """
    from careloom.cli import output, render_terminology
    from careloom.cli.session import opened
    from careloom.services.terminology import releases

    with opened() as (platform, who):
        found = [_release(*each) for each in releases(platform, who)]
    output.give(found, as_json=json, show=render_terminology.releases)


@terminology_app.command("remove")
def terminology_remove(system: System, version: Annotated[str, typer.Argument(help="The version to forget.")]) -> None:
    """Forget a loaded release.

    Example: careloom terminology remove SNOMED 20250901
    """
    from careloom.cli import output
    from careloom.cli.session import opened
    from careloom.services.terminology import remove

    with opened() as (platform, who):
        remove(platform, who, system, version)
    output.say(f"Removed version {version}")


@terminology_app.command("lookup")
def terminology_lookup(system: System, code: Code, version: Version = "", json: Json = False) -> None:
    """Tell what a code means.

    Example: careloom terminology lookup ICD-10-CM E11.9
    """
    from careloom.cli import output, render_terminology
    from careloom.cli.session import opened
    from careloom.services.terminology import lookup

    with opened() as (platform, who):
        found = lookup(platform, who, system, code, version or None)
    report = {**_concept(found.concept), "children": list(found.children), "expired": found.is_expired}
    output.give(report, as_json=json, show=lambda _: render_terminology.concept(found))


@terminology_app.command("validate")
def terminology_validate(
    system: System,
    code: Code,
    display: Annotated[str, typer.Option(help="A name that the code should have.")] = "",
    version: Version = "",
    json: Json = False,
) -> None:
    """Check a code, and a name for it; exits 7 unless it is valid.

    Example: careloom terminology validate ICD-10-CM E11.9 --display 'Type 2 diabetes mellitus without complications'
    """
    from careloom.cli import output, render_terminology
    from careloom.cli.session import opened
    from careloom.services.terminology import validate

    with opened() as (platform, who):
        found = validate(platform, who, system, code, display, version or None)
    output.give(_validation(found), as_json=json, show=render_terminology.validation)
    if found.outcome != "valid":
        raise typer.Exit(FALLS_SHORT)


def _validation(found: "Validation") -> dict[str, Any]:
    return {
        "outcome": found.outcome,
        "concept": _concept(found.concept) if found.concept else None,
        "issues": [
            {"code": issue.code, "severity": issue.severity, "message": issue.message, "remedy": issue.remedy}
            for issue in found.issues
        ],
    }


@terminology_app.command("translate")
def terminology_translate(
    system: System,
    code: Code,
    to: Annotated[str, typer.Option(help="The system to translate to; by default every one.")] = "",
    json: Json = False,
) -> None:
    """Tell what a code is called in other systems, and how exactly.

    Example: careloom terminology translate SNOMED 44054006 --to ICD-10-CM
    """
    from careloom.cli import output, render_terminology
    from careloom.cli.session import opened
    from careloom.services.terminology import translations

    with opened() as (platform, who):
        found = translations(platform, who, system, code, to)
    report = [
        {
            "system": each.system,
            "code": each.code,
            "name": concept.name if concept else "",
            "equivalence": each.equivalence,
            "origin": each.origin,
        }
        for each, concept in found
    ]
    output.give(report, as_json=json, show=lambda _: render_terminology.translations(found))


@terminology_app.command("subsumes")
def terminology_subsumes(
    system: System,
    first: Annotated[str, typer.Argument(help="A code.")],
    second: Annotated[str, typer.Argument(help="Another code.")],
    version: Version = "",
    json: Json = False,
) -> None:
    """Tell whether one code includes another.

    Example: careloom terminology subsumes ICD-10-CM E11 E11.9
    """
    from careloom.cli import output
    from careloom.cli.session import opened
    from careloom.services.terminology import compare

    with opened() as (platform, who):
        found = compare(platform, who, system, first, second, version or None)
    output.give({"outcome": found}, as_json=json, show=lambda report: output.say(report["outcome"]))


@terminology_app.command("search")
def terminology_search(
    text: Annotated[str, typer.Argument(help="Words of a name; misspelt ones are found too.")],
    system: Annotated[str, typer.Option(callback=filled, help="Only this code system.")] = "",
    limit: Annotated[int, typer.Option(help="How many answers, 1 to 100.")] = 10,
    json: Json = False,
) -> None:
    """Find codes by name.

    Example: careloom terminology search 'chronic kidney disease' --system ICD-10-CM
    """
    from careloom.cli import output, render_terminology
    from careloom.cli.session import opened
    from careloom.services.terminology import search

    with opened() as (platform, who):
        found = search(platform, who, text, system, limit)
    report = [{"score": match.score, "matched": match.matched, **_concept(match.concept)} for match in found]
    output.give(report, as_json=json, show=render_terminology.matches)
