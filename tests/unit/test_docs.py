"""The documentation tells the truth: its links lead somewhere, its tables are whole, its examples run."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from types import ModuleType
from typing import Any

import pandas as pd
import pytest

from clinic_core import commands
from clinic_core.domain.access import STAFF_ROLES
from clinic_core.domain.appointments import AppointmentStatus, CancelReason
from clinic_core.domain.billing import InvoiceStatus, PaymentMethod
from clinic_core.domain.encounters import EncounterStatus
from clinic_core.domain.people import ContactBy, Sex
from clinic_core.settings import Settings, secret_variables, variables
from tests.examples import example

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*(ROOT / "docs").rglob("*.md"), *ROOT.glob("*.md")])


def read(name: str) -> str:
    """A file of the project."""
    return (ROOT / name).read_text(encoding="utf-8")


def links(page: Path) -> Iterator[str]:
    """The relative links of a page."""
    found = re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8"))
    return (link for link in found if not re.match(r"[a-z]+:", link))


def anchors(page: Path) -> set[str]:
    """What `#…` may name in a page, as the usual renderers make it."""
    titles = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    """To a file that is there, and a heading in it."""
    for link in links(page):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def test_every_setting_is_described_with_its_default() -> None:
    """In docs/settings.md and in .env.example."""
    table = dict(re.findall(r"^\| `([A-Z_]+)` \| (.*?) \|", read("docs/settings.md"), re.MULTILINE))
    assert set(table) == set(variables())
    plain = {option.metadata["name"]: option.default for option in fields(Settings)}
    told = {name: value.strip("`") for name, value in table.items() if value.startswith("`")}
    meant = {name: str(default) for name, default in plain.items() if isinstance(default, int)}
    assert meant.items() <= told.items()
    assert all(f"\n{name}=" in read(".env.example") for name in variables())


def test_every_secret_that_may_be_a_file_is_named() -> None:
    """Neither more nor fewer."""
    paragraph = read("docs/settings.md").partition("## Secrets in files")[2].partition("##")[0]
    named = set(re.findall(r"`([A-Z_]+)`", paragraph))
    assert named == secret_variables()


@pytest.mark.parametrize(
    "codes", [AppointmentStatus, CancelReason, EncounterStatus, InvoiceStatus, PaymentMethod, Sex, ContactBy]
)
def test_every_code_is_in_the_glossary(codes: Any) -> None:
    """As it lies in the database."""
    assert all(f"`{code.value}`" in read("docs/glossary.md") for code in codes)


def test_the_guides_name_every_role_and_command() -> None:
    """A new one is missed here first."""
    guide = read("docs/guide/administrator.md")
    assert all(re.search(rf"^\| {role.value} \|", guide, re.MULTILINE) for role in STAFF_ROLES)
    assert all(
        f"`{command.NAME}`" in read("CHANGELOG.md") for command in commands.all_commands() if command.NAME != "web"
    )


def test_what_is_to_be_copied_is_there() -> None:
    """CONTRIBUTING's table of examples."""
    table = read("CONTRIBUTING.md").partition("## Copy a similar one")[2].partition("##")[0]
    paths = re.findall(r"`([\w/.]+)`", table)
    assert paths
    assert [path for path in paths if not (ROOT / path).exists()] == []


def test_the_example_of_a_report_works() -> None:
    """It is found by its title and builds its figures."""
    report = ModuleType("discounts")
    exec(example("clinic_core/reports/discounts.py"), report.__dict__)  # noqa: S102 - our own documentation
    charges = pd.DataFrame({"practitioner_id": ["a", "b", "a"], "discount_minor": [100, 0, 50]})
    table = report.build(charges)
    assert table.to_dict("records") == [{"practitioner_id": "a", "discount_minor": 150}]
    assert {measure.column for measure in report.MEASURES} | {report.KEY} == set(table.columns)
