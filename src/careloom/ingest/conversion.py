"""What a converter makes of one record."""

from dataclasses import dataclass, field

from careloom.fhir.drafts import Draft, Resource
from careloom.issues import Issue


@dataclass(slots=True)
class Conversion:
    """The drafts made of one record and what was wrong on the way.

    drafts  resources with the source's own ids and references; empty when the record is refused
    issues  an issue that refuses means that the whole record is quarantined; warnings travel to the run's report
    """

    drafts: list[Draft] = field(default_factory=list)
    issues: list[Issue] = field(default_factory=list)

    @property
    def refused(self) -> bool:
        """True when the record is to be quarantined whole."""
        return any(issue.refuses for issue in self.issues)


def without_home(organization: Resource) -> Resource:
    """An Organization whose addresses and telecoms are of no use ``home``, as FHIR's org-2 and org-3 ask for."""
    for name in ("address", "telecom"):
        for part in organization.get(name, ()):
            if part.get("use") == "home":
                del part["use"]
    return organization
