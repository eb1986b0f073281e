"""The commands of risk: what is known of patients, made ready for models."""

import typer

from careloom.cli import risk_cohorts, risk_features, risk_forecast

risk_app = typer.Typer(no_args_is_help=True, help="Risk models: cohorts, training sets, forecasts.")


def register(app: typer.Typer) -> None:
    """Adds the commands to the command line."""
    risk_cohorts.register(risk_app)
    risk_features.register(risk_app)
    risk_forecast.register(risk_app)
    app.add_typer(risk_app, name="risk")
