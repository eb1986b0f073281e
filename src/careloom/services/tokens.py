"""Access tokens: made for a registered client, and read back into the principal that it stands for."""

from careloom.errors import Unauthenticated
from careloom.services.access import Principal
from careloom.services.platform import Platform


def principal_of(platform: Platform, token: str, *, request: str = "") -> Principal:
    """Who sends this token. raises Unauthenticated."""
    raise Unauthenticated("the token is not known", "Get one at /oauth2/token.")
