"""Fields for text: what a button or a key does next concerns what stands in them, to the last letter."""

import ast

from tests.architecture.source import PACKAGE, modules, name_of

FIELDS = ("Textarea", "TextInput")


def is_true(call: ast.Call, name: str) -> bool:
    return any(each.arg == name and ast.unparse(each.value) == "True" for each in call.keywords)


def test_every_field_hands_its_text_on_when_it_is_left() -> None:
    """Else a timer of the component does, which on a slow machine comes after the click or the key (dmc 2.8)."""
    calls = [
        (f"{name_of(module)}:{node.lineno}", is_true(node, "debounce"))
        for module in modules(PACKAGE / "dashboard")
        for node in ast.walk(ast.parse(module.read_text("utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in FIELDS
    ]
    assert len(calls) > 5
    assert [place for place, is_handed_on in calls if not is_handed_on] == []
