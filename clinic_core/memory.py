"""How much memory this process took."""

from __future__ import annotations

import resource


def peak_mb() -> float:
    """The most memory this process ever had, in MiB; Linux counts KiB (getrusage)."""
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1)
