"""What a change event makes of a document; pure, as every rule of the change journal.

Events are applied to states that may already have them: a backup is read while people work, so a part of it is newer
than the first event replayed onto it. Every event sets paths to literal values, so running through all of them again
ends where they ended, provided that a path which no longer fits is passed over: whoever took its parent away comes
later in the same stream.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

Document = dict[str, Any]
Path = Sequence[str | int]

WRITES: Final = frozenset({"insert", "replace", "update", "delete"})
_WHOLE: Final = frozenset({"insert", "replace"})


def applied(document: Document | None, event: Mapping[str, Any]) -> Document | None:
    """The document after the event, None where there is none. `document` may be changed in place."""
    operation = event["operationType"]
    if operation in _WHOLE:
        return dict(event["fullDocument"])
    if operation == "delete":
        return None
    if document is not None:
        _update(document, event["updateDescription"])
    return document


def _update(document: Document, description: Mapping[str, Any]) -> None:
    exact = description.get("disambiguatedPaths") or {}
    for cut in description.get("truncatedArrays") or ():
        _truncate(document, _path(cut["field"], exact), cut["newSize"])
    for name in description.get("removedFields") or ():
        _remove(document, _path(name, exact))
    for name, value in (description.get("updatedFields") or {}).items():
        _set(document, _path(name, exact), value)


def _path(name: str, exact: Mapping[str, Path]) -> Path:
    """The steps of a dotted path. `exact` has those where a name holds a dot or looks like a position."""
    return exact.get(name) or name.split(".")


def _set(document: Document, path: Path, value: Any) -> None:
    place: Any = document
    for step, following in zip(path, path[1:], strict=False):
        place = _child(place, step, following)
    _put(place, path[-1], value)


def _child(place: Any, step: str | int, following: str | int) -> Any:
    """What is at the step; a missing document is made, as the server does. None where the path does not fit."""
    if isinstance(place, dict):
        return place.setdefault(str(step), [] if isinstance(following, int) else {})
    if isinstance(place, list) and _is_position(step):
        if int(step) >= len(place) or place[int(step)] is None:
            _put(place, step, {})
        return place[int(step)]
    return None


def _put(place: Any, step: str | int, value: Any) -> None:
    if isinstance(place, dict):
        place[str(step)] = value
    elif isinstance(place, list) and _is_position(step):
        at = int(step)
        place.extend([None] * (at + 1 - len(place)))
        place[at] = value


def _remove(document: Document, path: Path) -> None:
    place = _found(document, path[:-1])
    if isinstance(place, dict):
        place.pop(str(path[-1]), None)
    elif isinstance(place, list) and _is_position(path[-1]) and int(path[-1]) < len(place):
        place[int(path[-1])] = None


def _truncate(document: Document, path: Path, size: int) -> None:
    place = _found(document, path)
    if isinstance(place, list):
        del place[size:]


def _found(place: Any, path: Path) -> Any:
    for step in path:
        if isinstance(place, dict):
            place = place.get(str(step))
        elif isinstance(place, list) and _is_position(step) and int(step) < len(place):
            place = place[int(step)]
        else:
            return None
    return place


def _is_position(step: str | int) -> bool:
    return isinstance(step, int) or step.isdecimal()
