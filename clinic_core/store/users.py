"""The collection `users`: one document per member of staff who may sign in."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from clinic_core.domain.access import Role
from clinic_core.domain.users import User
from clinic_core.errors import AlreadyExists, Conflict, NotFound
from clinic_core.store.mongo import Document, IndexModel, from_document, reaching, to_document


class Users:
    """Reads and writes users; a change names the version it was made from."""

    def __init__(self, database: Database[Document]) -> None:
        self._collection = database["users"]

    def create_indexes(self) -> None:
        """The unique username."""
        self._collection.create_indexes([IndexModel("username", unique=True)])

    def add(self, user: User) -> None:
        """Save a new user. The same write again is harmless; raises AlreadyExists when the username is taken."""
        with reaching():
            try:
                self._collection.insert_one(to_document(user))
            except DuplicateKeyError as error:
                if self._collection.find_one({"_id": user.id}, {"_id": 1}) is None:
                    raise AlreadyExists(f"There is a user {user.username} already; choose another name.") from error

    def get(self, user_id: str) -> User:
        """The user; raise NotFound when there is none."""
        if (found := self.find(user_id)) is None:
            raise NotFound("There is no such user any more.")
        return found

    def find(self, user_id: str) -> User | None:
        """The user with that id, if any."""
        return self._one({"_id": str(user_id)})

    def named(self, username: str) -> User | None:
        """The user with that username (lower case), if any."""
        return self._one({"username": str(username)})

    def all(self) -> list[User]:
        """Every user, by name."""
        with reaching():
            return [from_document(User, found) for found in self._collection.find().sort("name", 1)]

    def count_active(self, role: Role) -> int:
        """How many active users have that role."""
        with reaching():
            return self._collection.count_documents({"role": role.value, "active": True})

    def is_empty(self) -> bool:
        """Whether nobody can sign in yet."""
        with reaching():
            return self._collection.find_one({}, {"_id": 1}) is None

    def save(self, user: User) -> User:
        """Save a change of the version that was read; raises Conflict when somebody changed it since."""
        newer = replace(user, version=user.version + 1)
        with reaching():
            done = self._collection.replace_one({"_id": user.id, "version": user.version}, to_document(newer))
        if not done.matched_count:
            raise Conflict("Somebody else changed this user just now. Reload and enter your change again.")
        return newer

    def _one(self, query: dict[str, Any]) -> User | None:
        with reaching():
            found = self._collection.find_one(query)
        return None if found is None else from_document(User, found)
