"""Several sources of terminology as one: what was loaded answers first, what ships after it."""

from collections.abc import Iterator, Sequence

from careloom.terminology.concepts import EQUIVALENCES, Concept, Match, Release, Terminology, Translation


class Layered:
    """Asks its layers in turn. The newest release that has a code answers for it."""

    def __init__(self, layers: Sequence[Terminology]) -> None:
        self._layers = tuple(layers)

    def releases(self) -> Sequence[Release]:
        """Every release, by system: whole ones before parts, the newest first, of equally new ones the first layer's.

        What ships in part fills gaps: it never answers before a publisher's release, be that older or undated.
        """
        ordered = [(release, place) for place, layer in enumerate(self._layers) for release in layer.releases()]
        ordered.sort(key=lambda item: (item[0].system, not item[0].is_whole, -_days(item[0]), item[1]))
        found: dict[tuple[str, str], Release] = {}
        for release, _ in ordered:
            found.setdefault((release.system, release.version), release)
        return list(found.values())

    def find(self, system: str, code: str, version: str | None = None) -> Concept | None:
        """The concept of that version; without one, of the newest release that has it."""
        if version is not None:
            return next(filter(None, (layer.find(system, code, version) for layer in self._layers)), None)
        for release in self.releases():
            if release.system == system:
                found = self.find(system, code, release.version)
                if found is not None:
                    return found
        return None

    def children(self, system: str, code: str, version: str | None = None) -> tuple[str, ...]:
        """The codes directly below a code in the release that has it."""
        concept = self.find(system, code, version)
        if concept is None:
            return ()
        below = (layer.children(system, code, concept.version) for layer in self._layers)
        return next(filter(None, below), ())

    def translations(self, system: str, code: str) -> Sequence[Translation]:
        """Every mapping of the code in any layer, most exact first."""
        every = dict.fromkeys(each for layer in self._layers for each in layer.translations(system, code))
        return sorted(every, key=lambda each: (EQUIVALENCES.index(each.equivalence), each.system, each.code))

    def codes(self, system: str, version: str | None = None) -> Iterator[str]:
        """Every code of a release, of the newest without a version."""
        newest = next((each.version for each in self.releases() if each.system == system), None)
        for layer in self._layers:
            if any((each.system, each.version) == (system, version or newest) for each in layer.releases()):
                yield from layer.codes(system, version or newest)
                return

    def search(self, text: str, system: str | None = None, limit: int = 10) -> Sequence[Match]:
        """The concepts whose names fit a text, best first; one for each code, of the first layer that has it."""
        found: dict[tuple[str, str], Match] = {}
        for layer in self._layers:
            for match in layer.search(text, system, limit):
                found.setdefault((match.concept.system, match.concept.code), match)
        ordered = sorted(found.values(), key=lambda match: (-match.score, len(match.matched), match.concept.code))
        return ordered[:limit]


def _days(release: Release) -> int:
    return release.effective.toordinal() if release.effective else 0
