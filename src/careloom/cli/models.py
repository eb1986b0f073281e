"""The commands of trained models: ``careloom models``."""

import typer

from careloom.cli import models_card, models_card_texts, models_registry, models_runs, models_serve

models_app = typer.Typer(no_args_is_help=True, help="Trained models: versions, who answers, pipelines, cards.")


def register(app: typer.Typer) -> None:
    """Adds the commands to the command line."""
    models_registry.register(models_app)
    models_runs.register(models_app)
    models_card.register(models_app)
    models_card_texts.register(models_app)
    models_serve.register(models_app)
    app.add_typer(models_app, name="models")
