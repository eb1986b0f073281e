"""Options that several commands of synthetic data have, and what their text means."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from careloom.services.platform import Platform
    from careloom.services.synthesize_release import ReleaseAsk

Table = Annotated[str, typer.Option(help="Of the research zone's lake: silver/patients, or a version of it, @3.")]
File = Annotated[Path | None, typer.Option(exists=True, dir_okay=False, help="CSV or Parquet in place of a table.")]
Metadata = Annotated[
    Path | None, typer.Option(exists=True, dir_okay=False, help="TOML; without it it is guessed, never private.")
]
Account = Annotated[str, typer.Option(help="Of the privacy ledger: research, or a cohort of it.")]
Engine = Annotated[str, typer.Option(help="See careloom synthesize engines.")]
Epsilon = Annotated[float | None, typer.Option(help="Bound per patient; without it the fit is not private.")]
Delta = Annotated[float, typer.Option(help="Far below one over the number of patients.")]
RowsPerPatient = Annotated[int, typer.Option(help="The most rows of a patient that are learnt privately.")]
Target = Annotated[str, typer.Option(help="The column that matters most.")]
Seed = Annotated[int, typer.Option(help="Of everything but private noise.")]
Name = Annotated[str, typer.Option(help="What people call the model.")]
Controls = Annotated[float, typer.Option(help="Share of the patients who are set aside for the judge.")]
Where = Annotated[list[str] | None, typer.Option(help="sex=female: of every patient; may be repeated.")]
SmallCell = Annotated[int | None, typer.Option(min=2, help="Fewer patients are rare; else 10.")]
PolicyName = Annotated[str, typer.Option(help="strict, or what a privacy officer chooses: empirical, a file.")]
Reason = Annotated[str, typer.Option(help="Why another policy is chosen; it stands in the certificate.")]


def options_of(given: list[str] | None) -> dict[str, Any]:
    """``name=value`` each, the value as a number or a truth where it reads as one. raises QueryError"""
    return {name: _value(text) for name, text in texts_of(given).items()}


def texts_of(given: list[str] | None) -> dict[str, str]:
    """``name=value`` each, the value as it stands: a code that looks like a number is none. raises QueryError"""
    from careloom.errors import QueryError

    found = {}
    for one in given or ():
        name, equals, value = one.partition("=")
        if not equals or not name:
            raise QueryError("an option is written name=value", "For example bins=16.")
        found[name] = value
    return found


def _value(text: str) -> Any:
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def release_ask(platform: "Platform", sample: str, table: str, policy: str, reason: str) -> "ReleaseAsk":
    """What the gate is asked, where a policy whose name ends in .toml is a file. raises NotFound, FormatError for it"""
    from careloom.services.synthesize_release import ReleaseAsk

    own = platform.read_text(Path(policy)) if policy.endswith(".toml") else ""
    return ReleaseAsk(sample, table, "strict" if own else policy, own, reason)


def write_file(out: Path, content: bytes) -> None:
    """Writes a file of the caller's. raises SetupError"""
    from careloom.errors import SetupError

    try:
        out.write_bytes(content)
    except OSError as error:
        raise SetupError(f"{out.name} cannot be written ({type(error).__name__})", "Name another place.") from None
