"""What can be wrong with an expression of FHIRPath, by when it shows; every error names its column and a remedy.

PathError
├── PathSyntaxError      no FHIRPath: known when it is read
├── PathMeaningError     FHIRPath that can mean nothing (no such element, function, type): known when it is compiled
├── PathEvaluationError  means nothing for what it met (many items where one is wanted): known when it is evaluated
└── PathLimitError       too long, too deep, or too much work
"""

from typing import ClassVar, Self

from careloom.errors import QueryError


class PathError(QueryError):
    """An expression that cannot be read, compiled or evaluated; `column` counts from 1, 0 where it is not known yet.

    Never holds a value that the expression met.
    """

    code: ClassVar[str] = "input.fhirpath"

    def __init__(self, problem: str, remedy: str, column: int = 0) -> None:
        super().__init__(f"FHIRPath, column {column}: {problem}" if column else f"FHIRPath: {problem}", remedy)
        self.problem = problem
        self.column = column

    def placed(self, column: int) -> Self:
        """The same error at that column, unless it has one."""
        return self if self.column else type(self)(self.problem, self.remedy, column)


class PathSyntaxError(PathError):
    """A text that the grammar of FHIRPath does not know."""

    code = "input.fhirpath.syntax"


class PathMeaningError(PathError):
    """An expression that can find nothing, whatever it is asked of."""

    code = "input.fhirpath.meaning"


class PathEvaluationError(PathError):
    """An expression that means nothing for what it met."""

    code = "input.fhirpath.evaluation"


class PathLimitError(PathError):
    """An expression that is too long or too deep, or that would take more work than its caller allows."""

    code = "input.fhirpath.limit"
