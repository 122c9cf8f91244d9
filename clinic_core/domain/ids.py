"""Identifiers are made by the app before the write, so that every write is safe to repeat."""

from __future__ import annotations

import uuid

_NAMESPACE = uuid.UUID("5f0f3a52-3e5b-4d6c-9a57-0c1f1f6c9f10")


def new_id() -> str:
    """A fresh random identifier: 32 hexadecimal characters (UUID version 4, RFC 9562)."""
    return uuid.uuid4().hex


def derived_id(kind: str, source: str) -> str:
    """The one identifier of `kind` that belongs to `source` (UUID version 5), e.g. a visit's invoice.

    Deriving it makes "create once" a property of the primary key instead of a check.
    """
    return uuid.uuid5(_NAMESPACE, f"{kind}:{source}").hex
