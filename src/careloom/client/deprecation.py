"""What a platform says of addresses that are going away becomes a warning, once for each place in a program."""

import warnings

import httpx

from careloom.client.problems import clean


def warn_of(response: httpx.Response) -> None:
    """Warns if the address that answered is deprecated (RFC 9745), and says until when it answers (RFC 8594)."""
    if "Deprecation" not in response.headers:
        return
    until = clean(response.headers.get("Sunset", ""))
    when = f"answers until {until}" if until else "will not answer for ever"
    warnings.warn(
        f"an address of the platform that this program calls {when}: update careloom", FutureWarning, stacklevel=5
    )
