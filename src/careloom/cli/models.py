"""The commands of trained models: ``careloom models``."""

import typer

from careloom.cli import models_card

models_app = typer.Typer(no_args_is_help=True, help="Trained models: versions, and their cards.")


def register(app: typer.Typer) -> None:
    """Adds the commands to the command line."""
    models_card.register(models_app)
    app.add_typer(models_app, name="models")
