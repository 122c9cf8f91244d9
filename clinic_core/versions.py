"""What is installed, against what this release was tested with."""

from __future__ import annotations

import re
from importlib.metadata import PackageNotFoundError, version

from clinic_core.settings import ROOT

_PIN = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^]]*\])?==([^\s;]+)(?:\s*;\s*(.*))?", re.MULTILINE)


def ours() -> str:
    """The version of this program."""
    try:
        return version("clinic")
    except PackageNotFoundError:  # it runs from its folder
        return "development"


def differing(pins: str | None = None) -> list[str]:
    """A line for each package that is missing or of another version than ``requirements.txt`` pins."""
    text = (ROOT / "requirements.txt").read_text(encoding="utf-8") if pins is None else pins
    found = []
    for name, pinned, only in _PIN.findall(text):
        try:
            installed = version(name)
        except PackageNotFoundError:
            installed = ""
        if installed != pinned and not (only and not installed):  # what another platform alone needs may be missing
            found.append(f"{name}: pinned {pinned}, installed {installed or 'not at all'}")
    return found
