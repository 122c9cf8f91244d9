"""Invoices. A unique index on (series, number) is what makes two equal numbers impossible.

Every change is one write of one document, guarded by what was read. What happens to an invoice's money after it is
issued is in the journal; the invoice keeps the sums (`advance`). Beside its own fields a document carries what is asked
for by index: `open` ("draft", or "owing:" and the day of issue), `due_minor` (while money is owed),
`live_appointment_id` (until it is cancelled) and `unposted: true` (issued, and its charges not yet in the journal).
The indexes are sparse, not partial: the embedded server's planner ignores partial ones.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta

from pymongo.database import Database
from pymongo.errors import ConnectionFailure, DuplicateKeyError

from clinic_core.domain.billing import OWING, Invoice, InvoiceStatus
from clinic_core.errors import AlreadyExists, Conflict, NotFound
from clinic_core.store.mongo import (
    Document,
    IndexModel,
    Stored,
    batches,
    conflict_key,
    existing,
    from_document,
    insert_many,
    reaching,
    stream,
    to_document,
)
from clinic_core.store.runs import Runs

COUNT_SECONDS = 20.0
_ASKED_AT_ONCE = 50
_DRAFT = "draft"
_OWING = "owing:"
_AFTER_OWING = "owing;"  # the first text after all that begin with _OWING
_LOOKS_BACK = (7, 14, 31, 92, 0)  # days; 0 is for ever


class Invoices:
    """The `invoices` collection."""

    def __init__(self, database: Database[Document]) -> None:
        self._collection = database["invoices"]
        self._owing_count = 0, 0.0  # how many, and until when that is believed
        self._numbers = Runs(self._used_numbers)

    def create_indexes(self) -> None:
        """One invoice per number, per visit and per import id; a visit's, a patient's; worklist; months."""
        self._collection.create_indexes(
            [
                IndexModel([("series", 1), ("number", 1)], unique=True, sparse=True),
                IndexModel("live_appointment_id", unique=True, sparse=True),
                IndexModel("source_id", unique=True, sparse=True),
                IndexModel("appointment_id", sparse=True),
                IndexModel([("patient_id", 1), ("drafted_at", -1)]),
                IndexModel("open", sparse=True),
                IndexModel("payer_open", sparse=True),
                IndexModel("payer_id", sparse=True),
                IndexModel("unposted", sparse=True),
            ]
        )

    def add(self, invoice: Invoice) -> Invoice:
        """Save a new draft and return what is there: the same id again is the invoice that was made first.

        Raises AlreadyExists when the visit has another invoice that is not cancelled.
        """
        with reaching():
            try:
                self._collection.insert_one(_document(invoice))
                return invoice
            except DuplicateKeyError as error:
                return self._made_before(invoice, error)
            except ConnectionFailure:
                found = self.find(invoice.id)
                if found is None:
                    raise
                return found

    def add_many(self, invoices: Iterable[Invoice]) -> None:
        """Save many that are numbered already, for the demo, in their order: a crash leaves no gap.

        Those that are there already (same id) stay as they are; raises AlreadyExists for a number that is taken.
        """
        left = [_document(invoice) for invoice in invoices]
        while refused := insert_many(self._collection, left, ordered=True):
            left = left[min(refused) :]
            there = existing(self._collection, [document["_id"] for document in left])
            if left[0]["_id"] not in there:
                raise AlreadyExists("An invoice with this number exists already.")
            left = [document for document in left if document["_id"] not in there]

    def add_history(self, series: str, invoices: Iterable[Invoice]) -> None:
        """Save invoices of another system under the next numbers of `series`, in their order: a crash leaves no gap.

        Those that are there already (same id or import id) stay as they are. Should somebody else number in the
        same series meanwhile, the rest take the numbers after theirs.
        """
        left = list(invoices)
        while left:
            first = self.last_number(series) + 1
            numbered = [replace(one, series=series, number=first + i) for i, one in enumerate(left)]
            refused = insert_many(self._collection, [_document(one) for one in numbered], ordered=True)
            at, key = next(iter(refused.items()), (len(left), {}))
            self._numbers.seen(series, max(first + at - 1, 0))
            left = left[at:] if "number" in key else left[at + 1 :]

    def get(self, invoice_id: str) -> Invoice:
        """One invoice; raises NotFound."""
        found = self.find(invoice_id)
        if found is None:
            raise NotFound("This invoice does not exist. Look for it by its number.")
        return found

    def find(self, invoice_id: str) -> Invoice | None:
        """One invoice, None when there is none of that id."""
        return self._one({"_id": invoice_id})

    def by_number(self, series: str, number: int) -> Invoice | None:
        """The invoice of a number, None when it was never given out."""
        return self._one({"series": series, "number": number})

    def of_appointment(self, appointment_id: str) -> Invoice | None:
        """The visit's invoice that is not cancelled; None when there is none."""
        return self._one({"live_appointment_id": appointment_id})

    def of_appointments(self, appointment_ids: Iterable[str]) -> dict[str, Invoice]:
        """Appointment id -> its invoice, in one query; a cancelled one only when no other took its place."""
        wanted = {"appointment_id": {"$in": sorted(set(appointment_ids))}}
        with reaching():
            found = [_invoice(document) for document in self._collection.find(wanted)]
        found.sort(key=lambda i: (i.status is not InvoiceStatus.CANCELLED, i.drafted_at))
        return {invoice.appointment_id: invoice for invoice in found if invoice.appointment_id is not None}

    def statuses_of_appointments(self, appointment_ids: Iterable[str]) -> dict[str, tuple[str, InvoiceStatus]]:
        """Appointment id -> id and status of the invoice that `of_appointments` gives, without reading it whole.

        However many they are: asked in small batches.
        """
        fields = {"appointment_id": 1, "status": 1, "drafted_at": 1}
        found: list[Document] = []
        with reaching():
            for some in batches(sorted(set(appointment_ids)), _ASKED_AT_ONCE):
                found += self._collection.find({"appointment_id": {"$in": some}}, fields)
        found.sort(key=lambda d: (d["status"] != InvoiceStatus.CANCELLED.value, d["drafted_at"]))
        return {str(d["appointment_id"]): (str(d["_id"]), InvoiceStatus(d["status"])) for d in found}

    def of_patient(self, patient_id: str, *, most: int = 100) -> list[Invoice]:
        """A patient's invoices, latest first."""
        with reaching():
            found = self._collection.find({"patient_id": patient_id}).sort("drafted_at", -1).limit(most)
            return [_invoice(document) for document in found]

    def charging(self, patient_id: str, service_ids: Iterable[str]) -> list[Invoice]:
        """Those of a patient's invoices that charge one of the services, latest first, however many there are."""
        wanted = {"patient_id": patient_id, "lines.service_id": {"$in": sorted(set(service_ids))}}
        with reaching():
            found = [_invoice(document) for document in self._collection.find(wanted)]
        return sorted(found, key=lambda invoice: (invoice.drafted_at, invoice.id), reverse=True)

    def every(self) -> Iterator[Stored[Invoice]]:
        """All of them in no order, one batch in memory, for checks."""
        return stream(self._collection, Invoice, {})

    def by_source_ids(self, source_ids: Iterable[str]) -> dict[str, str]:
        """Import id -> invoice id of those that are there."""
        with reaching():
            found = self._collection.find({"source_id": {"$in": list(source_ids)}}, {"source_id": 1})
            return {document["source_id"]: document["_id"] for document in found}

    def drafts(self) -> list[Invoice]:
        """All drafts, latest first."""
        with reaching():
            found = [_invoice(document) for document in self._collection.find({"open": _DRAFT})]
        return sorted(found, key=lambda invoice: (invoice.drafted_at, invoice.id), reverse=True)

    def owing(self, *, today: date, most: int) -> list[Invoice]:
        """The latest issued ones with money due.

        It looks back step by step for when they were issued, and reads only the latest whole: 0.2 ms each.
        """
        listed: list[tuple[datetime, str]] = []
        before = _AFTER_OWING
        for days in _LOOKS_BACK:
            since = _OWING + (today - timedelta(days=days)).isoformat() if days else _OWING
            with reaching():
                found = self._collection.find({"open": {"$gte": since, "$lt": before}}, {"issued_at": 1})
                listed += [(document["issued_at"], document["_id"]) for document in found]
            if len(listed) >= most:
                break
            before = since
        latest = [invoice_id for _, invoice_id in sorted(listed, reverse=True)[:most]]
        with reaching():
            whole = {d["_id"]: _invoice(d) for d in self._collection.find({"_id": {"$in": latest}})}
        kept = (whole[invoice_id] for invoice_id in latest if invoice_id in whole)
        return [invoice for invoice in kept if invoice.due_minor]  # paid between the two reads

    def count_owing(self) -> int:
        """How many are issued with money due; at most `COUNT_SECONDS` old, for it costs 30 µs each."""
        count, until = self._owing_count
        if time.monotonic() < until:
            return count
        with reaching():
            count = self._collection.count_documents({"open": {"$gte": _OWING, "$lt": _AFTER_OWING}})
        self._owing_count = count, time.monotonic() + COUNT_SECONDS
        return count

    def last_number(self, series: str) -> int:
        """The highest number given out in a series, 0 when there is none."""
        return self._numbers.last(series)

    def begun(self, series: Iterable[str]) -> bool:
        """Whether one of these series has an invoice."""
        with reaching():
            return self._collection.find_one({"series": {"$in": list(series)}, "number": 1}, {"_id": 1}) is not None

    def change(self, before: Invoice, after: Invoice) -> Invoice:
        """Replace the version that was read by `after` (one version more). The same change twice is harmless.

        Raises Conflict when somebody changed the invoice since it was read.
        """
        newer = replace(after, version=before.version + 1)
        self._owing_count = 0, 0.0
        with reaching():
            try:
                done = self._collection.replace_one({"_id": before.id, "version": before.version}, _document(newer))
                if done.matched_count:
                    return newer
                return self._settled(newer)
            except ConnectionFailure:
                if self.find(newer.id) != newer:
                    raise
                return newer

    def issue(self, before: Invoice, after: Invoice, series: str) -> Invoice:
        """`change` that gives `after` the next number of the series.

        A number is taken only when the one before it is in use, and the unique index decides between two who want
        it: there are neither doubles nor gaps, whoever dies when.
        """
        while True:
            number = self.last_number(series) + 1
            try:
                return self.change(before, replace(after, series=series, number=number))
            except DuplicateKeyError as error:
                if "number" not in conflict_key(error):
                    raise
                self._numbers.seen(series, number)

    def advance(self, before: Invoice, after: Invoice) -> Invoice | None:
        """Replace what was read by `after`, which holds one more entry; None when somebody was quicker."""
        newer = replace(after, version=before.version + 1)
        self._owing_count = 0, 0.0
        with reaching():
            done = self._collection.replace_one({"_id": before.id, "version": before.version}, _document(newer))
        return newer if done.matched_count else None

    def unposted(self, *, most: int = 500) -> list[Invoice]:
        """Issued ones whose charges are not in the journal yet."""
        with reaching():
            return [_invoice(document) for document in self._collection.find({"unposted": True}).limit(most)]

    def before_the_journal(self) -> list[str]:
        """The ids of those that a release without a journal issued, by day of issue. Reads the whole collection."""
        wanted = {"posted": {"$exists": False}, "issued_on": {"$exists": True}}
        with reaching():
            found = [
                (document["issued_on"], document["_id"]) for document in self._collection.find(wanted, {"issued_on": 1})
            ]
        return [invoice_id for _, invoice_id in sorted(found)]

    def many(self, invoice_ids: Iterable[str]) -> list[Invoice]:
        """Those of these ids that exist, in no order."""
        found: list[Invoice] = []
        for some in batches(sorted(set(invoice_ids))):
            with reaching():
                found += [_invoice(document) for document in self._collection.find({"_id": {"$in": some}})]
        return found

    def posted(self, invoice_ids: Iterable[str]) -> dict[str, int]:
        """Invoice id -> how many entries of the ledger it holds."""
        found: dict[str, int] = {}
        for some in batches(sorted(set(invoice_ids))):
            with reaching():
                for document in self._collection.find({"_id": {"$in": some}}, {"posted": 1}):
                    found[document["_id"]] = int(document.get("posted", 0))
        return found

    def of_payer(self, payer_id: str) -> list[Invoice]:
        """Those on which a payer owes money, oldest first."""
        with reaching():
            found = [_invoice(document) for document in self._collection.find({"payer_open": payer_id})]
        return sorted(found, key=lambda invoice: (invoice.issued_on or invoice.drafted_on, invoice.id))

    def with_payer(self, payer_id: str) -> list[Invoice]:
        """All that a payer owes or owed a share of, oldest first: 0.2 ms each."""
        with reaching():
            found = [_invoice(document) for document in self._collection.find({"payer_id": payer_id})]
        return sorted(found, key=lambda invoice: (invoice.issued_on or invoice.drafted_on, invoice.id))

    def all_owing(self) -> list[Invoice]:
        """All issued ones with money due, oldest first: 0.1 ms each."""
        with reaching():
            found = self._collection.find({"open": {"$gte": _OWING, "$lt": _AFTER_OWING}})
            owing = [_invoice(document) for document in found]
        return sorted(owing, key=lambda invoice: (invoice.issued_on or invoice.drafted_on, invoice.id))

    def _used_numbers(self, series: str, numbers: list[int]) -> set[int]:
        with reaching():
            found = self._collection.find({"series": series, "number": {"$in": numbers}}, {"number": 1})
            return {int(document["number"]) for document in found}

    def _one(self, wanted: Document) -> Invoice | None:
        with reaching():
            document = self._collection.find_one(wanted)
        return None if document is None else _invoice(document)

    def _settled(self, newer: Invoice) -> Invoice:
        """After a guard that did not match: the very change may be there already."""
        current = self.get(newer.id)
        if _same_change(current, newer):
            return current
        raise Conflict("Somebody else changed this invoice just now. Open it again and repeat your change.")

    def _made_before(self, wanted: Invoice, error: DuplicateKeyError) -> Invoice:
        found = self.find(wanted.id)
        if found is None:
            raise AlreadyExists("This visit has an invoice already. Open that one.") from error
        if (found.patient_id, found.appointment_id) != (wanted.patient_id, wanted.appointment_id):
            raise AlreadyExists("An invoice with this id belongs to another patient or visit.") from error
        return found


def _same_change(current: Invoice, newer: Invoice) -> bool:
    """Whether `current` is `newer`, made earlier by the same request: instants, number and maker may differ."""
    if newer.status is InvoiceStatus.CANCELLED or current.status is InvoiceStatus.CANCELLED:
        return current.status is newer.status and current.cancel_reason == newer.cancel_reason
    if newer.status is InvoiceStatus.DRAFT:
        return current == newer
    return current.status in OWING and current.lines == newer.lines


def _document(invoice: Invoice) -> Document:
    derived: Document = {}
    if invoice.status in OWING and not invoice.posted:
        derived["unposted"] = True
    if invoice.status in OWING and invoice.payer_due_minor:
        derived["payer_open"] = invoice.payer_id
    if invoice.status is InvoiceStatus.DRAFT:
        derived["open"] = _DRAFT
    if invoice.status in OWING:
        derived["due_minor"] = invoice.due_minor
    if invoice.status is InvoiceStatus.ISSUED and invoice.issued_on is not None:
        derived["open"] = _OWING + invoice.issued_on.isoformat()
    if invoice.appointment_id is not None and invoice.status is not InvoiceStatus.CANCELLED:
        derived["live_appointment_id"] = invoice.appointment_id
    return to_document(invoice) | derived


def _invoice(document: Document) -> Invoice:
    return from_document(Invoice, document)
