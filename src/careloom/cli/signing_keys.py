"""Commands of the keys that sign tokens."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from careloom.cli.options import Json

if TYPE_CHECKING:
    from careloom.services.signing_keys import SigningKey, Use

_KID_LENGTH = 43
"""Characters of a SHA-256 thumbprint in base64url (RFC 7638): one of 64 begins with a hyphen, as an option does."""
keys_app = typer.Typer(no_args_is_help=True, help="The keys that sign access tokens and id_tokens.")


def register(app: typer.Typer) -> None:
    """Adds the commands to the command line."""
    app.add_typer(keys_app, name="keys")


@keys_app.command("list")
def keys_list(json: Json = False) -> None:
    """List the keys that /oauth2/jwks shows: the next ones, those that sign, and those whose tokens still hold.

    Example: careloom keys list
    """
    from careloom.cli.session import opened
    from careloom.services.signing_keys import list_keys

    with opened() as (platform, who):
        found = list_keys(platform, who)
    _give(found, as_json=json)


@keys_app.command("rotate")
def keys_rotate(use: Annotated[str, typer.Option(help="access, identity or all.")] = "all", json: Json = False) -> None:
    """Make new keys; they are shown at once, and sign after access.key_overlap_hours.

    Example: careloom keys rotate
    """
    from careloom.cli.session import opened
    from careloom.services.signing_keys import rotate_keys

    uses = uses_of(use)
    with opened() as (platform, who):
        found = rotate_keys(platform, who, uses)
    _give(found, as_json=json)


class _OfKids(TyperCommand):
    """A command of kids: what is as long as one is no option, whatever it begins with."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """The rest of the arguments, as click has it."""
        kids = [one for one in args if len(one) == _KID_LENGTH and one.startswith("-")]
        others = [one for one in args if one not in kids]
        return super().parse_args(ctx, [*others, "--", *kids] if kids and "--" not in others else args)


@keys_app.command("revoke", cls=_OfKids)
def keys_revoke(
    kid: Annotated[str, typer.Argument(help="The key, as keys list shows it.")], json: Json = False
) -> None:
    """End a key that somebody else may have: all that it signed is refused at once, and another signs.

    Example: careloom keys revoke 2YV6tyPL_5aB6bX2sq3Oa4wK9JxkJr0xw2pTn1mXq8s
    """
    from careloom.cli.session import opened
    from careloom.services.signing_keys import revoke_key

    with opened() as (platform, who):
        found = revoke_key(platform, who, kid)
    _give(found, as_json=json)


def uses_of(text: str) -> "tuple[Use, ...]":
    """The uses that a word names. raises QueryError"""
    from careloom.errors import QueryError
    from careloom.services.signing_keys import USES

    found = tuple(use for use in USES if text in (use, "all"))
    if not found:
        raise QueryError("keys are not used for that", "Say access, identity or all.")
    return found


def _give(found: "list[SigningKey]", *, as_json: bool) -> None:
    from careloom.cli import output

    output.give([asdict(one) for one in found], as_json=as_json, show=lambda _: _show(found))


def _show(found: "list[SigningKey]") -> None:
    from careloom.cli import output

    rows = [
        [one.kid, one.use, one.algorithm, one.state, f"{one.signs_from:%Y-%m-%d %H:%M}",
         f"{one.until:%Y-%m-%d %H:%M}" if one.until else ""]
        for one in found
    ]  # fmt: skip
    output.show_table("Signing keys", ["kid", "use", "algorithm", "state", "signs from", "until"], rows)
