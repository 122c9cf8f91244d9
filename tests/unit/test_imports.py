"""Who may import whom. The layers and their reasons are in docs/architecture.md; this table is what enforces them."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
OURS = ("app", "clinic_core", "pages", "scheduler", "ui", "web")
SCREENS = (
    "clinic_core.clinic",
    "clinic_core.documents",
    "clinic_core.domain",
    "clinic_core.errors",
    "clinic_core.logs",
)
SCREENS += ("clinic_core.process", "clinic_core.reports", "clinic_core.services", "clinic_core.settings")


@dataclass(frozen=True)
class Layer:
    """Code that starts with `code` may import our modules in `ours` and the packages in `packages`; all else is out."""

    code: str
    ours: tuple[str, ...]
    packages: tuple[str, ...] = ()


# The first layer whose `code` fits is the one.
LAYERS = (
    Layer("clinic_core.errors", ()),
    Layer("clinic_core.domain", ("clinic_core.domain", "clinic_core.errors"), ("anyascii", "babel", "phonenumbers")),
    Layer(
        "clinic_core.reports",
        ("clinic_core.reports", "clinic_core.domain", "clinic_core.errors"),
        ("numpy", "pandas", "xlsxwriter"),
    ),
    Layer(
        "clinic_core.documents",
        ("clinic_core.documents", "clinic_core.domain", "clinic_core.errors"),
        ("babel", "fpdf", "segno"),
    ),
    Layer(
        "clinic_core.store",
        ("clinic_core.store", "clinic_core.domain", "clinic_core.errors"),
        ("bson", "cattrs", "pymongo"),
    ),
    Layer(
        "clinic_core.gateways",
        ("clinic_core.gateways", "clinic_core.domain", "clinic_core.errors", "clinic_core.settings"),
        ("boto3", "botocore", "icalendar", "requests", "twilio", "urllib3"),
    ),
    Layer(
        "clinic_core.services.noshow_training",  # imports scikit-learn when it trains, in the sidecar
        ("clinic_core.domain",),
        ("numpy", "pandas", "sklearn"),
    ),
    Layer(
        "clinic_core.services",
        (
            "clinic_core.services",
            "clinic_core.clinic",
            "clinic_core.domain",
            "clinic_core.reports",
            "clinic_core.errors",
        ),
        ("numpy", "pandas", "pyarrow", "streamlit_authenticator"),  # the last one only for its password hasher
    ),
    Layer("clinic_core.settings", ("clinic_core.errors",), ("dotenv",)),
    Layer("clinic_core.logs", ("clinic_core.errors", "clinic_core.settings")),
    Layer(
        "clinic_core.clinic",
        (
            "clinic_core.store",
            "clinic_core.gateways",
            "clinic_core.domain",
            "clinic_core.errors",
            "clinic_core.settings",
        ),
        ("pymongo",),
    ),
    Layer(
        "clinic_core.backup",
        (
            *(f"clinic_core.{name}" for name in ("backup", "clinic", "domain", "embedded", "errors", "folder")),
            *(f"clinic_core.{name}" for name in ("gateways", "reports", "services", "settings", "store", "versions")),
        ),
        ("bson", "cryptography", "fastcrc", "pymongo", "pyrage"),
    ),
    Layer("clinic_core.bench", ("clinic_core.bench", "clinic_core.errors"), ("requests", "streamlit", "websockets")),
    Layer("clinic_core", ("clinic_core",), ("tqdm",)),  # commands and the processes they start
    Layer(
        "scheduler",
        tuple(f"clinic_core.{name}" for name in ("clinic", "domain", "errors", "jobs", "logs", "settings", "sidecar")),
        ("schedule",),
    ),
    Layer("pages", (*SCREENS, "ui"), ("pandas", "plotly", "streamlit")),
    Layer("ui", (*SCREENS, "ui"), ("babel", "pandas", "plotly", "pyarrow", "streamlit")),
    Layer("web", (*SCREENS, "ui", "web"), ("anyio", "google", "starlette", "streamlit", "twilio")),  # google: protobuf
    Layer("app", ("clinic_core.logs", "clinic_core.process", "ui", "web"), ("starlette", "streamlit")),
)


def modules() -> list[Path]:
    """Every source file of the system."""
    folders = [path for name in OURS for path in (ROOT / name).rglob("*.py")]
    return sorted([*folders, *(ROOT / f"{name}.py" for name in OURS if (ROOT / f"{name}.py").exists())])


def module_name(path: Path) -> str:
    """The name by which a file is imported."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def imports(source: str) -> Iterator[tuple[int, str]]:
    """Line and full name of everything that a source imports, inside functions too."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: write the whole name instead of a relative import"
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def faults(module: str, source: str) -> list[str]:
    """What the module imports and may not."""
    layer = next((layer for layer in LAYERS if _within(module, layer.code)), None)
    assert layer is not None, f"{module} belongs to no layer: add it to LAYERS"
    return [f"{module}:{line} imports {name}" for line, name in imports(source) if not _allowed(layer, module, name)]


def _allowed(layer: Layer, module: str, name: str) -> bool:
    top = name.partition(".")[0]
    if top in sys.stdlib_module_names:
        return True
    if top in OURS:
        return any(_within(name, prefix) for prefix in (*layer.ours, module))
    return top in layer.packages


def _within(name: str, prefix: str) -> bool:
    return name == prefix or name.startswith(f"{prefix}.")


@pytest.mark.parametrize("path", modules(), ids=module_name)
def test_a_module_imports_only_what_its_layer_may(path: Path) -> None:
    """The message names the line and what it must not import."""
    assert faults(module_name(path), path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("clinic_core.domain.money", "import pandas"),
        ("clinic_core.domain.money", "from clinic_core.store import mongo"),
        ("clinic_core.domain.money", "def f():\n    import pymongo.errors"),
        ("clinic_core.reports.revenue", "from clinic_core.services import reports"),
        ("clinic_core.documents.invoice", "from clinic_core.store.invoices import Invoices"),
        ("clinic_core.store.users", "from clinic_core.services.users import add"),
        ("clinic_core.services.users", "from pymongo import MongoClient"),
        ("clinic_core.services.users", "import streamlit as st"),
        ("clinic_core.services.users", "from clinic_core.store.users import Users"),
        ("clinic_core.services.users", "import fpdf"),
        ("clinic_core.services.check", "from clinic_core.backup import keys"),
        ("clinic_core.gateways.objects", "from clinic_core.store import mongo"),
        ("clinic_core.backup.keys", "from clinic_core.commands import backup"),
        ("clinic_core.cli", "from ui import session"),
        ("clinic_core.commands.up", "import streamlit"),
        ("pages.today", "from pages import billing"),
        ("pages.today", "from clinic_core.store.users import Users"),
        ("ui.session", "import pymongo"),
        ("ui.session", "from web import auth"),
        ("scheduler", "from ui import session"),
    ],
)
def test_the_rules_catch_what_they_are_for(module: str, source: str) -> None:
    """Each of these is a step across a border."""
    assert len(faults(module, source)) == 1
