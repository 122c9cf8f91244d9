"""A till that issues invoices until it is killed: `python -m tests.store.till URL NAME`."""

from __future__ import annotations

import sys
from dataclasses import replace
from itertools import count
from urllib.parse import urlsplit

from clinic_core.domain.billing import InvoiceStatus
from clinic_core.store.invoices import Invoices
from clinic_core.store.mongo import connect, database_of
from tests import make

SERIES = "INV-2026"


def main(url: str, name: str) -> None:
    """Draft and issue for ever; each number that was answered is printed."""
    store = Invoices(database_of(connect(url), urlsplit(url).path.strip("/")))
    for turn in count():
        draft = store.add(make.invoice(id=f"{name}-{turn}"))
        issued = replace(draft, status=InvoiceStatus.ISSUED, issued_at=make.NOW, issued_on=make.MONDAY, issued_by=name)
        print(store.issue(draft, issued, SERIES).number, flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
