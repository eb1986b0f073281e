"""Every error Careloom raises on purpose, grouped by whose fault it is.

`CareloomError` is never raised itself::

    CareloomError
    ├── InputError        the data or the request is wrong: the sender can mend it
    │   ├── FormatError       bytes that no reader understands
    │   ├── QueryError        a search, filter or argument that means nothing here
    │   │   └── PathError         an expression of FHIRPath that means nothing (careloom.fhir.fhirpath_errors)
    │   ├── SchemaMismatch    a table whose columns are not the declared ones (careloom.tables.schema)
    │   ├── UnitError         a unit that is not UCUM, or two that measure different things (careloom.terminology.ucum)
    │   ├── PatchError        a patch of a resource that cannot be applied (careloom.fhir.patch)
    │   ├── ViewError         a ViewDefinition, or a resource that does not fit one (careloom.fhir.views_definition)
    │   ├── TooLarge          more bytes than this installation takes at once
    │   ├── Invalid           a resource that breaks the rules of FHIR; carries what is wrong, place by place
    │   │   └── Unprocessable     a rule of this installation keeps it out, or what a patch makes of it
    │   ├── NotSupported      something that this installation does not do for anybody
    │   └── NotFound          a well-formed name of something that is not there
    ├── AccessError       the caller may not do this: an administrator can mend it
    │   └── Unauthenticated   nobody knows who asks: no credential, or one that does not hold
    ├── StateError        right request, wrong moment: try again or finish something first
    │   ├── Conflict          somebody else changed it
    │   │   └── Precondition      it is not what the request says that it must be
    │   ├── Erased            it was here and was erased for good
    │   ├── Held              a legal hold keeps it: nothing of it may be removed
    │   ├── BudgetSpent       the privacy budget of the data does not admit it
    │   ├── Withheld          a gate keeps it in: of synthetic data, or of a model
    │   └── TimedOut          it took longer than it may
    ├── SetupError        this installation is not ready: the operator can mend it
    │   └── Unavailable       what it stands on does not answer now: that may pass by itself
    └── IntegrityError    what is kept does not match its proof: call the operator at once

Each class has a stable ``code``; each message says where and what to do, and never holds a patient's value.
What is wrong with one record is no exception but an `careloom.issues.Issue`.
"""

from collections.abc import Sequence
from typing import ClassVar


class CareloomError(Exception):
    """Something Careloom refuses to do; `where` names the place, `remedy` the next step.

    entry  of a Bundle: the entry that is at fault, as FHIRPath (``Bundle.entry[3]``); empty for what is in no Bundle
    """

    code: ClassVar[str] = "careloom"
    exit_code: ClassVar[int] = 1
    entry: str = ""

    def __init__(self, where: str, remedy: str) -> None:
        super().__init__(f"{where}\n  {remedy}" if remedy else where)
        self.where = where
        self.remedy = remedy

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        """What another process is told: the same error with all that it says."""
        return _again, (type(self), self.args, dict(self.__dict__))


def _again(kind: type[CareloomError], args: tuple[object, ...], told: dict[str, object]) -> CareloomError:
    made = kind.__new__(kind, *args)
    made.__dict__.update(told)
    return made


class InputError(CareloomError):
    """The data or the request is wrong; whoever sent it can mend it."""

    code = "input"
    exit_code = 2


class FormatError(InputError):
    """Bytes that no reader understands, or that break the rules of their own format."""

    code = "input.format"


class QueryError(InputError):
    """A search, filter or argument that means nothing here."""

    code = "input.query"


class Invalid(InputError):  # noqa: N818 - reads as what happened
    """A resource that breaks the rules of FHIR.

    issues  what is wrong, each a `careloom.issues.Issue`: places and rules, never a value
    """

    code = "input.invalid"

    def __init__(self, where: str, remedy: str, issues: Sequence[object] = ()) -> None:
        super().__init__(where, remedy)
        self.issues = tuple(issues)


class Unprocessable(Invalid):
    """A rule of this installation keeps it out, or the patch that makes it: a reference that leads nowhere, for one."""

    code = "input.invalid.unprocessable"


class NotSupported(InputError):  # noqa: N818 - reads as what happened
    """Something that this installation does not do for anybody, by its settings."""

    code = "input.not-supported"


class NotFound(InputError):  # noqa: N818 - reads as what happened
    """A well-formed name of something that is not there."""

    code = "input.not-found"


class TooLarge(InputError):  # noqa: N818 - reads as what happened
    """More bytes than this installation takes at once; its operator sets the limit."""

    code = "input.too-large"


class AccessError(CareloomError):
    """The caller may not do this; an administrator can grant it.

    reason  why, as a code (`careloom.services.access_decision.Reason`); empty where there is none
    """

    code = "access"
    exit_code = 3

    def __init__(self, where: str, remedy: str, reason: str = "") -> None:
        super().__init__(where, remedy)
        self.reason = reason


class Unauthenticated(AccessError):  # noqa: N818 - reads as what happened
    """Nobody knows who asks: there is no credential, or it is expired, revoked, forged or for somebody else."""

    code = "access.unauthenticated"


class StateError(CareloomError):
    """A right request at the wrong moment; it can succeed later."""

    code = "state"
    exit_code = 4


class Conflict(StateError):  # noqa: N818 - reads as what happened
    """Somebody else changed the thing first, or it is being changed now."""

    code = "state.conflict"


class Precondition(Conflict):
    """It is not, or not alone, what the request says that it must be: another version, or several matches."""

    code = "state.conflict.precondition"


class Erased(StateError):  # noqa: N818 - reads as what happened
    """The thing was here and was erased for good; no retry will bring it back."""

    code = "state.erased"


class Held(StateError):  # noqa: N818 - reads as what happened
    """A legal hold keeps the thing; it can be removed once the hold is released."""

    code = "state.held"


class BudgetSpent(StateError):  # noqa: N818 - reads as what happened
    """The privacy budget of a data set does not admit it."""

    code = "state.budget-spent"


class Withheld(StateError):  # noqa: N818 - reads as what happened
    """A gate keeps it in: synthetic rows that did not pass, are over or hold who left; a model that falls short."""

    code = "state.withheld"


class TimedOut(StateError):  # noqa: N818 - reads as what happened
    """It took longer than it may, and was stopped; nothing that it had finished is undone."""

    code = "state.timed-out"


class SetupError(CareloomError):
    """This installation is not ready for the request; its operator can mend it."""

    code = "setup"
    exit_code = 5


class Unavailable(SetupError):  # noqa: N818 - reads as what happened
    """What this installation stands on, such as its database, does not answer now; that may pass by itself."""

    code = "setup.unavailable"


class IntegrityError(CareloomError):
    """What is kept does not match its proof: bytes, chains or keys were changed or lost."""

    code = "integrity"
    exit_code = 6
