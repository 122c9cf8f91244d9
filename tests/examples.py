"""The examples in CONTRIBUTING.md, so that tests can run them."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

_GUIDE = Path(__file__).resolve().parent.parent / "CONTRIBUTING.md"


def example(path: str) -> str:
    """The Python block whose first line is ``# path``."""
    blocks = re.findall(r"^ *```python\n(.*?)^ *```", _GUIDE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    (found,) = [code for code in map(textwrap.dedent, blocks) if code.startswith(f"# {path}\n")]
    return found
