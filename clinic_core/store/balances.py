"""What accounts other than invoices add up to: a copy of the ledger for speed, never ahead of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from clinic_core.domain.journal import Balance
from clinic_core.store.mongo import Document, IndexModel, Stored, from_document, reaching, stream, to_document


class Balances:
    """The `balances` collection: one document per account."""

    def __init__(self, database: Database[Document]) -> None:
        self._collection = database["balances"]

    def create_indexes(self) -> None:
        """The kind of account: a range of ids would read the whole collection on the embedded server."""
        self._collection.create_indexes([IndexModel("kind")])

    def get(self, account: str) -> Balance:
        """The balance of an account; nothing yet when there is none."""
        with reaching():
            found = self._collection.find_one({"_id": account})
        return Balance(id=account) if found is None else from_document(Balance, found)

    def many(self, accounts: Iterable[str]) -> dict[str, Balance]:
        """The balances of accounts, those that there are."""
        with reaching():
            found = [from_document(Balance, d) for d in self._collection.find({"_id": {"$in": sorted(set(accounts))}})]
        return {balance.id: balance for balance in found}

    def of_kind(self, kind: str) -> list[Balance]:
        """All balances of one kind, ``till`` or ``credit``."""
        with reaching():
            found = self._collection.find({"kind": kind})
            return [from_document(Balance, document) for document in found]

    def advance(self, before: Balance, after: Balance) -> None:
        """Replace `before` by `after`, unless somebody did it already."""
        with reaching():
            if before.seq:
                self._collection.replace_one({"_id": before.id, "seq": before.seq}, _document(after))
                return
            try:
                self._collection.insert_one(_document(after))
            except DuplicateKeyError:
                return  # another process wrote the first one; whoever comes next goes on from it

    def put_many(self, balances: Iterable[Balance]) -> None:
        """Save balances of a bulk load in place of what is there."""
        for balance in balances:
            with reaching():
                self._collection.replace_one({"_id": balance.id}, _document(balance), upsert=True)

    def every(self) -> Iterator[Stored[Balance]]:
        """All of them, for checks."""
        return stream(self._collection, Balance, {})


def _document(balance: Balance) -> Document:
    return to_document(balance) | {"kind": balance.id.partition(":")[0]}
