"""The ledger's entries. One insert is the whole of a money event, and a unique index makes everybody take turns.

Beside an entry's own fields a document carries `month` and `unfolded: true` (its facts are in no block yet). That mark
is the only thing that is ever taken from an entry.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import date
from itertools import groupby

from pymongo.database import Database
from pymongo.errors import ConnectionFailure, DuplicateKeyError

from clinic_core.domain.journal import Entry, close_slot, entry_id, key_slot, slot
from clinic_core.errors import Conflict, IllegalTransition
from clinic_core.store.mongo import (
    Document,
    IndexModel,
    Stored,
    batches,
    from_document,
    insert_many,
    reaching,
    stream,
    to_document,
    without,
)
from clinic_core.store.runs import Runs

_ASKED_AT_ONCE = 40


class Journal:
    """The `journal` collection."""

    def __init__(self, database: Database[Document]) -> None:
        self._collection = database["journal"]
        self._days = Runs(self._used_ids)
        self._accounts = Runs(self._used_slots)

    def create_indexes(self) -> None:
        """What only one entry can hold; the months, and what is not in a month's block."""
        self._collection.create_indexes(
            [
                IndexModel("slots", unique=True, sparse=True),
                IndexModel("month", sparse=True),
                IndexModel("unfolded", sparse=True),
            ]
        )

    def next_number(self, day: date) -> int:
        """The number that a day's next entry takes."""
        return self._days.last(day.isoformat()) + 1

    def add(self, entry: Entry, number: int = 0) -> Entry | None:
        """Save an entry under the next number of its day; None when another one holds what it needs: look again.

        `number` is that next number, read before the caller saw that the day is open. Whoever closes the day after
        that needs the very same number, so that nothing can follow the entry which closes a day.
        """
        placed = replace(entry, id=entry_id(entry.day, number or self.next_number(entry.day)))
        with reaching():
            try:
                self._collection.insert_one(_document(placed))
                return placed
            except DuplicateKeyError:
                return None
            except ConnectionFailure:
                found = self.by_key(entry.key)
                if found is None:
                    raise
                return found

    def add_many(self, entries: Iterable[Entry], *, folded: bool = False) -> None:
        """Save many that are numbered already, for the demo; those that are there already stay as they are.

        `folded` leaves out the mark for the fold: the caller rebuilds all facts at the end.
        """
        mark = {"unfolded"} if folded else set[str]()
        insert_many(self._collection, [without(_document(entry), mark) for entry in entries])

    def add_history(self, entries: Sequence[Entry]) -> int:
        """Save entries of the past after the last ones of their days, and return how many were not there yet.

        They come in the order of time. Those whose key is there stay as they are, so repeating it is harmless.
        Raises IllegalTransition for a day that is closed.
        """
        there = set(self.keys(entry.key for entry in entries))
        new = sorted((entry for entry in entries if entry.key not in there), key=lambda entry: entry.day)
        return sum(self._add_to_day(day, list(same)) for day, same in groupby(new, key=lambda entry: entry.day))

    def _add_to_day(self, day: date, entries: Sequence[Entry]) -> int:
        """Save entries of one day in as few writes as others allow; how many were not there yet."""
        added = 0
        while entries:
            first = self._next_of_open(day)
            documents = [_document(replace(e, id=entry_id(day, first + i))) for i, e in enumerate(entries)]
            refused = insert_many(self._collection, documents, ordered=True)
            at = next(iter(refused), len(entries))
            added += at
            self._days.seen(day.isoformat(), first + at - 1)
            there = at < len(entries) and self.by_key(entries[at].key) is not None
            if "slots" in refused.get(at, {}) and not there:
                raise Conflict("Others change the same accounts right now. Do it again in a minute.")
            entries = entries[at + 1 :] if there else entries[at:]
        return added

    def get(self, entry_id: str) -> Entry | None:
        """One entry, None when there is none of that id."""
        return self._one({"_id": entry_id})

    def by_key(self, key: str) -> Entry | None:
        """The entry of a key."""
        return self._one({"slots": key_slot(key)})

    def keys(self, keys: Iterable[str]) -> list[str]:
        """Which of these keys have an entry."""
        found: list[str] = []
        for some in batches([key_slot(key) for key in keys], _ASKED_AT_ONCE):
            with reaching():
                found += [str(d["key"]) for d in self._collection.find({"slots": {"$in": some}}, {"key": 1})]
        return found

    def holding(self, slots: Iterable[str]) -> dict[str, Entry]:
        """Slot -> the entry that holds it, for those of the slots that are held."""
        wanted = sorted(set(slots))
        with reaching():
            found = [_entry(document) for document in self._collection.find({"slots": {"$in": wanted}})]
        return {name: entry for entry in found for name in entry.slots if name in wanted}

    def after(self, account: str, sequence: int) -> Entry | None:
        """The next entry of an account."""
        return self._one({"slots": slot(account, sequence + 1)})

    def of_account(self, account: str, first: int, last: int) -> list[Entry]:
        """The entries of an account from its `first` to its `last` event, in order."""
        found: list[Entry] = []
        for some in batches([slot(account, n) for n in range(first, last + 1)], _ASKED_AT_ONCE):
            with reaching():
                found += [_entry(document) for document in self._collection.find({"slots": {"$in": some}})]
        return sorted(found, key=lambda entry: entry.sequence(account))

    def last_of(self, account: str) -> int:
        """How many events an account has."""
        return self._accounts.last(account)

    def begun(self, days: Iterable[date]) -> set[date]:
        """Those of the days that have an entry."""
        first = {entry_id(day, 1): day for day in days}
        with reaching():
            return {first[d["_id"]] for d in self._collection.find({"_id": {"$in": sorted(first)}}, {"_id": 1})}

    def of_day(self, day: date) -> list[Entry]:
        """The entries of a business day in the order of their numbers.

        They are asked for one by one: for a range of ids the embedded server reads the whole collection.
        """
        ids, found = [entry_id(day, number) for number in range(1, self.next_number(day))], list[Entry]()
        for some in batches(ids, _ASKED_AT_ONCE):
            with reaching():
                found += [_entry(document) for document in self._collection.find({"_id": {"$in": some}})]
        return sorted(found, key=lambda entry: entry.id)

    def every(self) -> Iterator[Stored[Entry]]:
        """All of them in no order, one batch in memory, for checks."""
        return stream(self._collection, Entry, {})

    def is_empty(self) -> bool:
        """Whether nothing was ever booked."""
        with reaching():
            return self._collection.find_one({}, {"_id": 1}) is None

    def count(self) -> int:
        """About how many there are."""
        with reaching():
            return self._collection.estimated_document_count()

    def unfolded(self) -> list[Entry]:
        """Those whose facts are in no block yet."""
        with reaching():
            return [_entry(document) for document in self._collection.find({"unfolded": True})]

    def _next_of_open(self, day: date) -> int:
        number = self.next_number(day)
        if self.holding([close_slot(day)]):
            raise IllegalTransition(f"{day.isoformat()} is closed; nothing can be added to it. Use a day that is open.")
        return number

    def _one(self, wanted: Document) -> Entry | None:
        with reaching():
            document = self._collection.find_one(wanted)
        return None if document is None else _entry(document)

    def _used_ids(self, day: str, numbers: list[int]) -> set[int]:
        ids = {entry_id(date.fromisoformat(day), number): number for number in numbers}
        with reaching():
            found = self._collection.find({"_id": {"$in": list(ids)}}, {"_id": 1})
            return {ids[document["_id"]] for document in found}

    def _used_slots(self, account: str, numbers: list[int]) -> set[int]:
        wanted = {slot(account, number): number for number in numbers}
        with reaching():
            found = list(self._collection.find({"slots": {"$in": list(wanted)}}, {"slots": 1}))
        return {wanted[name] for document in found for name in document["slots"] if name in wanted}


def _document(entry: Entry) -> Document:
    return to_document(entry) | {"month": entry.month, "unfolded": True}


def _entry(document: Document) -> Entry:
    return from_document(Entry, document)
