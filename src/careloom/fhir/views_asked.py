"""The paths and conditions of a view that are not plain, asked of the evaluator of FHIRPath."""

from typing import Any

from careloom.fhir.fhirpath import Expression
from careloom.fhir.fhirpath_scope import Environment, Scope, start
from careloom.fhir.fhirpath_values import Node, plain, resource_node
from careloom.fhir.views_definition import ROW_INDEX, Column, Definition
from careloom.fhir.views_interpret import fitted


class Asked:
    """One scope for each resource, so that its steps count together. Raises what the evaluator raises, and ValueError
    for several values where one is wanted.
    """

    def __init__(self, definition: Definition) -> None:
        self.environment = Environment(variables={**definition.constants, ROW_INDEX: 0})
        self.columns: list[Column] = []
        self.conditions: list[Expression] = []
        self.scope: Scope | None = None
        self.root: Node | None = None

    def begin(self, resource: Any) -> None:
        """Starts with another resource."""
        self.root = resource_node(resource)
        self.scope = start(self.root, self.environment)

    def value(self, number: int, held: Any, kind: str, index: int) -> Any:
        """What a column holds where `held` is the JSON of what it is asked of."""
        if self.scope is None or self.root is None:
            raise TypeError
        column, scope = self.columns[number], self.scope
        scope.variables[ROW_INDEX] = index
        node = self.root if held is self.root.value else Node(held, kind)
        values = [fitted(column, one) for item in column.path.run(scope, [node]) if (one := plain(item)) is not None]
        if column.collection:
            return values
        if len(values) > 1:
            raise ValueError
        return values[0] if values else None

    def holds(self, number: int) -> bool:
        """Whether a condition of the view holds."""
        if self.scope is None or self.root is None:
            raise TypeError
        values = [plain(item) for item in self.conditions[number].run(self.scope, [self.root])]
        if len(values) > 1 or (values and values[0] is not None and values[0].__class__ is not bool):
            raise ValueError
        return values == [True]
