"""``careloom models list|show|verify|register|approve|promote|rollback|retire|shadow|canary|watch|mirror``, and
``pin-rights``.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from careloom.cli.options import Json

Version = Annotated[str, typer.Argument(help="NAME@3, NAME@champion or NAME.")]
Reason = Annotated[str, typer.Option(help="Why; it stands in the audit chain.")]


def register(models_app: typer.Typer) -> None:
    """Adds the commands to ``careloom models``."""
    for name, command in (
        ("list", list_), ("show", show), ("verify", verify), ("register", register_version), ("approve", approve),
        ("promote", promote), ("rollback", rollback), ("retire", retire), ("shadow", shadow), ("canary", canary),
        ("watch", watch), ("mirror", mirror), ("pin-rights", pin_rights),
    ):  # fmt: skip
        models_app.command(name)(command)


def list_(model: Annotated[str, typer.Argument(help="A model; all of them without.")] = "", json: Json = False) -> None:
    """List versions, newest first: state, who answers, measures, gates.

    Example: careloom models list readmission-30d
    """
    from careloom.cli import output, render_models
    from careloom.services.models import models

    _with(lambda platform, who: models(platform, who, model), json, render_models.versions, output)


def show(version: Version, json: Json = False) -> None:
    """Show a version: lineage, files, what each gate found, who registered and approved it, who answers now.

    Example: careloom models show readmission-30d@3
    """
    from careloom.cli import output, render_models
    from careloom.services.models import shown

    _with(lambda platform, who: shown(platform, who, version), json, render_models.version, output)


def verify(version: Version, json: Json = False) -> None:
    """Check a version's signature and every file; exit 6 if anything was changed.

    Example: careloom models verify readmission-30d@champion
    """
    from careloom.cli import output, render_models
    from careloom.services.models import verify as run

    found = _with(lambda platform, who: run(platform, who, version), json, render_models.verified, output)
    if not found["whole"]:
        raise typer.Exit(6)


def register_version(
    model: Annotated[str, typer.Argument(help="The model's name.")],
    folder: Annotated[Path, typer.Argument(exists=True, file_okay=False, help="Its files; never a pickle.")],
    lineage: Annotated[Path, typer.Option(exists=True, dir_okay=False, help="JSON: data, seeds, evaluation, leaks.")],
    evaluate_on: Annotated[
        str, typer.Option(help="A risk task: it is measured on its held-out patients, and gates read only that.")
    ] = "",
    zone: Annotated[str, typer.Option(help="Of these patients: research or synthetic.")] = "research",
    facts: Annotated[str, typer.Option(help="A version of the table of facts, or newest; made anew without.")] = "",
    gates: Annotated[str, typer.Option(help="By which it is judged.")] = "clinical-risk",
    new_gates: Annotated[bool, typer.Option("--new-gates", help="The version before had others.")] = False,
    reason: Reason = "",
    json: Json = False,
) -> None:
    """Register a version that was trained elsewhere, on data of nobody who is here.

    What the lineage says of its evaluation is declared: no gate reads it.

    Example: careloom models register readmission-30d model/ --lineage lineage.json --evaluate-on readmission-30d
    """
    import orjson

    from careloom.cli import output, render_models
    from careloom.errors import FormatError
    from careloom.services.models import RegisterAsk
    from careloom.services.models_brought import EvaluateOn, bring_in

    try:
        told = orjson.loads(lineage.read_bytes())
    except ValueError:
        raise FormatError(f"{lineage.name} is no JSON", "See docs/reference/models.md for what it holds.") from None
    files = {str(one.relative_to(folder)): one.read_bytes() for one in sorted(folder.rglob("*")) if one.is_file()}
    ask = RegisterAsk(model, files, told, gates=gates, reason=reason, new_gates=new_gates)
    on = EvaluateOn(evaluate_on, zone, facts) if evaluate_on else None
    _with(lambda platform, who: bring_in(platform, who, ask, on), json, render_models.version, output)


def approve(
    version: Version,
    reason: Reason = "",
    hold: Annotated[bool, typer.Option("--hold", help="Its run deploys nothing: you say what it becomes.")] = False,
    json: Json = False,
) -> None:
    """Say as a second person that a version may answer for patients; exit 4 if a gate keeps it back.

    Example: careloom models approve readmission-30d@3 --reason "looked at its card"
    """
    from careloom.cli import output, render_models
    from careloom.services.models_promote import approve as run

    said = render_models.step("is approved")
    _with(lambda platform, who: run(platform, who, version, reason, is_held=hold), json, said, output)


def promote(version: Version, reason: Reason = "", json: Json = False) -> None:
    """Make a version the champion: all patients get its answers. Not for who registered it.

    Example: careloom models promote readmission-30d@3 --reason "its canary was fine"
    """
    from careloom.cli import output, render_models
    from careloom.services.models_promote import promote as run

    _with(lambda platform, who: run(platform, who, version, reason), json, render_models.step("is champion"), output)


def rollback(
    model: Annotated[str, typer.Argument(help="The model's name.")], reason: Reason = "", json: Json = False
) -> None:
    """Take back the newest step at once: end a canary, or let the champion before answer again.

    Example: careloom models rollback readmission-30d --reason "alerts doubled overnight"
    """
    from careloom.cli import output, render_models
    from careloom.services.models_promote import roll_back

    _with(lambda platform, who: roll_back(platform, who, model, reason), json, render_models.rolled_back, output)


def retire(version: Version, reason: Reason = "", json: Json = False) -> None:
    """Take a version out for good; its manifest stays.

    Example: careloom models retire readmission-30d@1 --reason "replaced"
    """
    from careloom.cli import output, render_models
    from careloom.services.models_promote import retire as run

    _with(lambda platform, who: run(platform, who, version, reason), json, render_models.step("is retired"), output)


def shadow(
    version: Version,
    end: Annotated[bool, typer.Option("--end", help="Take it out again.")] = False,
    json: Json = False,
) -> None:
    """Let a version score every patient beside the champion; nobody is shown what it says.

    Example: careloom models shadow readmission-30d@4
    """
    from careloom.cli import output, render_models
    from careloom.services.models_traffic import shadow as run

    said = render_models.step("listens no more" if end else "listens")
    _with(lambda platform, who: run(platform, who, version, end=end), json, said, output)


def canary(
    version: Version,
    share: Annotated[float | None, typer.Option(help="Of patients, 0 to 1; by default as the limits say.")] = None,
    json: Json = False,
) -> None:
    """Let an approved version answer for a share of patients; it is taken out by itself if it breaks a limit.

    Example: careloom models canary readmission-30d@4 --share 0.1
    """
    from careloom.cli import output, render_models
    from careloom.services.models_traffic import canary as run

    said = render_models.step("answers for a share of patients")
    _with(lambda platform, who: run(platform, who, version, share), json, said, output)


def watch(model: Annotated[str, typer.Argument(help="The model's name.")], json: Json = False) -> None:
    """Show what was counted of everybody who answers, and which limits are broken; exit 7 if one is.

    Example: careloom models watch readmission-30d
    """
    from careloom.cli import output, render_models
    from careloom.cli.options import FALLS_SHORT
    from careloom.services.models_watch import watch as run

    found = _with(lambda platform, who: run(platform, who, model), json, render_models.watched, output)
    if any(part["breaches"] for part in found["parts"].values()):
        raise typer.Exit(FALLS_SHORT)


def pin_rights(version: Version, reason: Reason = "", json: Json = False) -> None:
    """Pin on a version of before rights were pinned those that its trainer holds now. Not for who registered it.

    A training that drift or an erasure asks for then has these rights.
    Example: careloom models pin-rights readmission-30d@1 --reason "trained in the research zone, as today"
    """
    from careloom.cli import output, render_models
    from careloom.services.models_pin import pin_rights as run

    said = render_models.step("is trained again with the rights of its trainer")
    _with(lambda platform, who: run(platform, who, version, reason), json, said, output)


def mirror(json: Json = False) -> None:
    """Bring MLflow up to what the registry says; the worker does so by itself.

    Example: careloom models mirror
    """
    from careloom.cli import output
    from careloom.services.models_mirror import mirror as run

    def said(done: dict[str, Any]) -> None:
        output.say(f"{done['shown']} versions added, {done['changed']} models changed.")

    _with(run, json, said, output)


def _with(act: Callable[[Any, Any], Any], json: bool, show_as: Callable[[Any], None], output: Any) -> Any:
    """Does it as the person at the keyboard, and gives the answer."""
    from careloom.cli import session

    with session.opened() as (platform, who):
        done = act(platform, who)
    output.give(done, as_json=json, show=show_as)
    return done
