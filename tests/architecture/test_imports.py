"""What an import costs: heavy libraries only in files that carry their names, and none before it is asked for."""

import ast
import importlib.metadata
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.architecture.source import PACKAGE, ROOT, imports, modules, name_of, parse
from tests.every import over

# library -> a file (or folder) may import it if its path below the package matches
HEAVY = {
    "torch": r"_torch\.py$",
    "transformers": r"_torch\.py$",
    "opacus": r"_torch\.py$",
    "peft": r"_torch\.py$",
    "sklearn": r"_sklearn\.py$",
    "optuna": r"_optuna\.py$",
    "lightgbm": r"_lightgbm\.py$",
    "fairlearn": r"_fairlearn\.py$",
    "mlflow": r"_mlflow\.py$",
    "azure": r"_azure\.py$",
    "adlfs": r"_azure\.py$",
    "presidio_analyzer": r"_presidio\.py$",
    "tldextract": r"_presidio\.py$",
    "spacy": r"_presidio\.py$",
    "pyspark": r"_spark\.py$",
    "pytesseract": r"_tesseract\.py$",
    "flask": r"^(api/|dashboard/|serve\.py)",
    "flask_openapi3": r"^(api/|dashboard/|serve\.py)",
    "gunicorn": r"^(api/|serve\.py)",
    "dash": r"^(dashboard/|serve\.py)",
    "dash_mantine_components": r"^dashboard/",
    "dash_ag_grid": r"^dashboard/",
    "dash_cytoscape": r"^dashboard/",
    "plotly": r"^dashboard/",
    "matplotlib": r"^dashboard/",
    "reportlab": r"^(dashboard/|api/)",
}
HEAVY_FILE = re.compile(r"_(torch|sklearn|optuna|lightgbm|fairlearn|mlflow|azure|presidio|spark|tesseract)$")
# What a bare start may not load: the heavy ones, and the table libraries that cost a third of a second each.
NEVER_BARE = [*HEAVY, "polars", "pyarrow", "deltalake", "pandas", "numpy", "sklearn", "mlflow", "duckdb", "onnxruntime"]

# Base dependencies that no line needs to import: a driver that SQLAlchemy finds by the name in a URL, and what Polars
# converts frames through.
BY_NAME_ONLY = {"psycopg", "pyarrow", "tzdata"}


def slips(tree: ast.AST, path: str) -> list[str]:
    """Heavy imports of a file that its name does not announce, and imports of files that are reached by name only."""
    found = []
    for each in imports(tree):
        library = each.module.split(".")[0]
        if library in HEAVY and not re.search(HEAVY[library], path):
            found.append(f"{path}:{each.line} imports {library}")
        targets = [each.module, *(f"{each.module}.{name}" for name in each.names)]
        heavy = [target for target in targets if target.startswith("careloom.") and HEAVY_FILE.search(target)]
        if heavy and not HEAVY_FILE.search(path.removesuffix(".py")):
            found.append(f"{path}:{each.line} imports {heavy[0]}: reach it by name through pipeline.registry")
    return found


@over(modules(), name_of)
def test_heavy_libraries_stay_in_files_that_carry_their_names(module: Path) -> None:
    assert slips(parse(module), name_of(module)) == []


SLIPS = [
    ("import torch", "nlp/tagger.py", 1),
    ("def late():\n    import torch", "nlp/tagger.py", 1),
    ("import torch.nn", "nlp/tagger_torch.py", 0),
    ("import sklearn.tree", "synth/cart.py", 1),
    ("from sklearn import tree", "synth/cart_sklearn.py", 0),
    ("from azure.identity import DefaultAzureCredential", "crypto/keys.py", 1),
    ("from azure.identity import DefaultAzureCredential", "crypto/keys_azure.py", 0),
    ("from careloom.crypto import keys_azure", "crypto/keys.py", 1),
    ("import careloom.crypto.keys_azure", "services/platform.py", 1),
    ("from flask import Flask", "services/platform.py", 1),
    ("from flask import Flask", "api/app.py", 0),
    ("import dash", "api/app.py", 1),
    ("import polars", "tables/schema.py", 0),
]


@pytest.mark.parametrize(("code", "path", "expected"), SLIPS)
def test_a_heavy_import_in_the_wrong_file_is_noticed(code: str, path: str, expected: int) -> None:
    assert len(slips(ast.parse(code), path)) == expected


BROUGHT_BY = dict.fromkeys(("azure-monitor", "opentelemetry"), "azure-monitor-opentelemetry")
"""Names that several distributions share -> the one of ours that brings them."""


def loaded_by(code: str) -> set[str]:
    """The libraries that a fresh interpreter holds after running some code."""
    script = f"{code}\nimport sys\nsys.stderr.write('\\n'.join(sorted({{m.split('.')[0] for m in sys.modules}})))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(done.stderr.split())


def test_importing_careloom_loads_nothing_heavy() -> None:
    assert loaded_by("import careloom") & set(NEVER_BARE) == set()


def test_the_help_of_the_command_line_loads_nothing_heavy() -> None:
    help_page = (
        "import sys\nsys.argv = ['careloom', '--help']\nfrom careloom.cli.main import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass"
    )
    assert loaded_by(help_page) & set(NEVER_BARE) == set()


def test_every_library_that_is_imported_is_declared_and_every_declared_one_is_used() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    base = {re.split(r"[\[<>=]", text)[0] for text in project["dependencies"]}
    extras = {
        re.split(r"[\[<>=]", text)[0]
        for extra in ("ml", "azure", "presidio", "spark")
        for text in project["optional-dependencies"][extra]
    }
    providers = importlib.metadata.packages_distributions()
    used: dict[str, str] = {}
    for module in modules():
        for each in imports(parse(module)):
            library = each.module.split(".")[0]
            if library == "azure":  # many distributions share this name: azure.identity comes of azure-identity
                library = "-".join(each.module.split(".")[:2])
            if library not in sys.stdlib_module_names and library != "careloom":
                heavy = library.split("-")[0] in HEAVY or HEAVY_FILE.search(module.stem)
                brought = [BROUGHT_BY[library]] if library in BROUGHT_BY else providers.get(library, [library])
                for provider in brought[:1]:
                    used.setdefault(provider.lower().replace("_", "-"), "extra" if heavy else name_of(module))
    undeclared = {
        name: where for name, where in used.items() if name not in base | (extras if where == "extra" else set())
    }
    assert undeclared == {}, "imported but not declared in pyproject.toml"
    assert base - set(used) - BY_NAME_ONLY == set(), "declared in pyproject.toml but imported nowhere"


def test_the_package_is_where_these_tests_look() -> None:
    assert (PACKAGE / "errors.py") in modules()
