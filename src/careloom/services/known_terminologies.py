"""What an installation knows of codes: the releases that were loaded, and those that ship."""

import json
from pathlib import Path
from typing import Any

from careloom.store.terminology import TerminologyStore
from careloom.terminology.concepts import Terminology
from careloom.terminology.layered import Layered
from careloom.terminology.packaged import PACKAGED

FOLDER_NAME = "terminology"


class Terminologies:
    """What an installation knows of codes: loaded releases before those that ship."""

    def __init__(self, folder: Path) -> None:
        self.store = TerminologyStore(folder)
        self._every = Layered([self.store, PACKAGED])

    @property
    def all(self) -> Terminology:
        """Every release as one."""
        return self._every

    def value_set(self, url: str) -> dict[str, Any] | None:
        """A loaded ValueSet; a version may follow the URL after a bar."""
        name, _, version = url.partition("|")
        text = self.store.value_set(name, version or None)
        found: dict[str, Any] | None = json.loads(text) if text else None
        return found

    def close(self) -> None:
        """Closes the file of the loaded ones."""
        self.store.close()
