"""What a collection holds, in two values that can be compared with those of a restored one."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

_MODULUS: Final = 1 << 256


@dataclass(slots=True)
class Tally:
    """How many documents there were, and the sum of their SHA-256 modulo 2^256, whatever their order.

    A sum needs no order and a few bytes of memory, so that 250,000 documents are compared as they stream by. It tells
    loss, change and doubling; forgery is told by the signature over it.
    """

    count: int = 0
    total: int = 0
    size: int = 0  # bytes

    def add(self, documents: Iterable[bytes | memoryview]) -> None:
        """Count raw documents."""
        for raw in documents:
            self.total += int.from_bytes(hashlib.sha256(raw).digest(), "big")
            self.count += 1
            self.size += len(raw)

    @property
    def sha256(self) -> str:
        """The sum, hexadecimal."""
        return f"{self.total % _MODULUS:064x}"

    def told(self) -> dict[str, Any]:
        """As a manifest has it."""
        return {"count": self.count, "sha256": self.sha256, "bytes": self.size}
