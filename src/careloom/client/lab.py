"""The SDK in a notebook that ``careloom lab`` opened: signed in by one line.

from careloom.client.lab import connect
api = connect()
"""

import json
import os
from pathlib import Path
from typing import Any

from careloom.client.careloom import Careloom
from careloom.client.credentials import ClientSecret
from careloom.errors import SetupError

VARIABLE = "CARELOOM_LAB"
"""Names the file that holds address and credential; it is gone when the lab ends."""


def connect(**more: Any) -> Careloom:
    """A client that sees the research and the synthetic zone, as long as the lab is open.

    more    as of `Careloom`: timeout, transport, ca, pace
    raises  SetupError outside of a lab, and where it has ended
    """
    place = os.environ.get(VARIABLE, "")
    if not place:
        raise SetupError("this notebook was not opened by a lab", "Start Jupyter with `careloom lab`.")
    try:
        held = json.loads(Path(place).read_text("utf-8"))
        base_url, credential = held["base_url"], ClientSecret(held["client_id"], held["secret"])
    except (OSError, ValueError, KeyError, TypeError):
        raise SetupError("the lab that opened this notebook has ended", "Start `careloom lab` again.") from None
    return Careloom(base_url, credential, **more)
