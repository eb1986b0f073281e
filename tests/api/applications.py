"""Applications that go from one installation to the next: to make one takes longer than most tests of it."""

from threading import BoundedSemaphore
from typing import Any

from flask_openapi3 import OpenAPI

from careloom.api.app import create_app
from careloom.api.context import EXTENSION
from careloom.services.platform import Platform
from careloom.settings_served import Api

PLACES = "careloom-upload-places"
UNLIMITED = "100000/minute"
"""The rate of sign-ins where no test asks for another: more than a suite asks for."""
AMPLE = Api().client_rate
"""What a client may use by default: more than a suite uses, so that nobody is refused for the one before."""
_free: dict[str, list[OpenAPI]] = {}
"""By the settings of the section [api], which an application is made of; one that is in use is not here."""
_views: dict[OpenAPI, dict[str, Any]] = {}


def lent(platform: Platform) -> OpenAPI:
    """An application over the platform, nobody else's until it is taken back.

    Its counters for /metrics go on from the installation before. It counts who signs in, so one that may refuse them is
    not lent again; see `taken_back`.
    """
    waiting = _free.setdefault(_settings_of(platform), [])
    if waiting:
        app = waiting.pop()
        app.extensions[EXTENSION] = platform
    else:
        app = create_app(platform)
        _views[app] = dict(app.view_functions)
    return app


def taken_back(app: OpenAPI) -> None:
    """The next installation with the same settings gets it, unless a test changed it or has left something in it."""
    platform = app.extensions.pop(EXTENSION)
    places: BoundedSemaphore = app.extensions[PLACES]
    is_as_made = app.view_functions == _views[app] and places._value == places._initial_value  # type: ignore[attr-defined]
    if is_as_made and platform.settings.api.sign_in_rate == UNLIMITED and platform.settings.api.client_rate == AMPLE:
        _free[_settings_of(platform)].append(app)
    else:
        del _views[app]


def _settings_of(platform: Platform) -> str:
    return platform.settings.api.model_dump_json()
