"""What both kinds of patch share: the error that names operation and path, and how large a result may grow."""

from typing import Any, ClassVar

from careloom.errors import InputError

OPERATIONS_AT_MOST = 10_000
VALUES_AT_MOST = 1_000_000
"""Objects, lists and plain values that the operations of one patch may put in or copy."""
LEVELS_AT_MOST = 200
PATH_SHOWN = 200


class PatchError(InputError):
    """A patch that cannot be applied; nothing of it was. `operation` counts from 0, -1 where it is about all of them.

    Names the path as the patch has it, never a value of the resource.
    """

    code: ClassVar[str] = "input.patch"

    def __init__(self, problem: str, remedy: str, operation: int = -1, path: str = "") -> None:
        where = "the patch" if operation < 0 else f"the patch, operation {operation}"
        shown = path if len(path) <= PATH_SHOWN else path[:PATH_SHOWN] + "..."
        super().__init__(f"{where}{f', path {shown}' if path else ''}: {problem}", remedy)
        self.problem = problem
        self.operation = operation
        self.path = path

    def placed(self, operation: int, path: str) -> "PatchError":
        """The same error at that operation."""
        return self if self.operation >= 0 else PatchError(self.problem, self.remedy, operation, path)


class Growth:
    """Counts what a patch puts in."""

    def __init__(self) -> None:
        self.values = 0

    def allow(self, value: Any, below: int) -> None:
        """Nothing while a value at that level keeps within the limits. raises PatchError"""
        level = [value]
        while level:
            self.values += len(level)
            below += 1
            if self.values > VALUES_AT_MOST or below > LEVELS_AT_MOST:
                raise PatchError(
                    "the result would grow too large", f"Keep it within {LEVELS_AT_MOST} levels, and copy less."
                )
            inner = [list(one.values()) if isinstance(one, dict) else one for one in level]
            level = [each for one in inner if isinstance(one, list) for each in one]


def copied(value: Any) -> Any:
    """A copy of JSON that shares no object or list with it."""
    if isinstance(value, dict):
        return {key: copied(one) for key, one in value.items()}
    return [copied(one) for one in value] if isinstance(value, list) else value
