"""The archive: what is written is read again, also by the stock tools, and damage shows."""

from __future__ import annotations

import io
import json
import math
import os
import random
import shutil
import subprocess
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import bson
import pytest
from bson import Binary, Code, Decimal128, MaxKey, MinKey, ObjectId, Regex, Timestamp
from bson.int64 import Int64
from bson.son import SON
from pymongo import MongoClient

from clinic_core.backup import archive, dump, keys, restore, sealed
from clinic_core.backup.archive import VIEW, Namespace, Reader
from clinic_core.clinic import Clinic
from clinic_core.errors import AlreadyExists, Damaged
from tests.backup import stock
from tests.conftest import fresh_database

NAMESPACES = (
    Namespace(name="empty", indexes=[SON([("v", 2), ("key", SON([("_id", 1)])), ("name", "_id_")])]),
    Namespace(name="full", options={"validator": {"a": {"$gt": 1}}}, uuid="ab" * 16),
    Namespace(name="seen", kind=VIEW, options={"viewOn": "full", "pipeline": [{"$match": {"a": Int64(1)}}]}),
)
KINDS: list[dict[str, Any]] = [
    {"_id": 1, "money": Decimal128("1.10"), "none": Decimal128("NaN"), "nan": math.nan, "minus": -0.0, "end": math.inf},
    {"_id": Int64(2), "small": Int64(5), "int": 5, "float": 5.0, "empty": [], "nothing": {}, "null": None},
    {"_id": "3", "b": 1, "a": 2, "when": datetime(1, 1, 1), "bytes": b"\x00", "user": Binary(b"q", 128)},  # noqa: DTZ001
    {"_id": {"b": 1, "a": 2}, "a.b": 1, "$price": 2, "": 3, "re": Regex("^a", "i"), "code": Code("x", {"y": 1})},
    {"_id": ObjectId(), "min": MinKey(), "max": MaxKey(), "at": [Timestamp(5, 1)]},
]
DOCUMENTS = [bson.encode({"_id": number, "a": "x" * number}) for number in range(200)]


def _written() -> bytes:
    batches = [("full", b"".join(DOCUMENTS[:150])), ("full", b"".join(DOCUMENTS[150:]))]
    return b"".join(archive.write("clinic", "8.0.1", NAMESPACES, batches))


def _read(file: bytes) -> tuple[Reader, dict[str, list[bytes]]]:
    reader, found = Reader(io.BytesIO(file)), dict[str, list[bytes]]()
    for name, some in reader.batches():
        found.setdefault(name, []).extend(some)
    return reader, found


def test_what_is_written_is_read_again() -> None:
    """Options, index definitions, the order of keys in them, and every byte of every document."""
    reader, found = _read(_written())
    assert found == {"full": DOCUMENTS}
    assert [(each.name, each.kind, dict(each.options)) for each in reader.namespaces] == [
        (each.name, each.kind, dict(each.options)) for each in NAMESPACES
    ]
    assert (reader.database, reader.server_version) == ("clinic", "8.0.1")


def test_the_layout_is_that_of_the_stock_tools() -> None:
    """Read by what mongo-tools says of the format, byte by byte, without the code that wrote it."""
    heads, found = stock.read(_written())
    assert [(each["collection"], each["type"], json.loads(each["metadata"])["type"]) for each in heads] == [
        ("empty", "", "collection"),
        ("full", "", "collection"),
        ("seen", "view", "view"),
    ]
    assert found == {"empty": [], "full": DOCUMENTS, "seen": []}


def test_damage_shows() -> None:
    """Cut anywhere, or a document changed: never a short collection that looks whole."""
    whole, dice = _written(), random.Random(1)
    start = whole.index(DOCUMENTS[100])
    changed = whole[: start + 20] + b"y" + whole[start + 21 :]
    for bad in [whole[: dice.randrange(len(whole))] for _ in range(50)] + [changed, b"", b"not one"]:
        with pytest.raises(Damaged):
            _read(bad)


@pytest.fixture
def odd(clinic: Clinic) -> Clinic:
    """A database with all that is unusual in it."""
    database = clinic.database
    database.command("create", "ruled", validator={"$jsonSchema": {"required": ["a"]}})
    database.command("create", "seen", viewOn="ruled", pipeline=[{"$match": {"a": 1}}])
    database["ruled"].insert_many(
        [{"_id": n, "a": float(n), "b": None, "c": [1, {"d": Int64(2)}]} for n in range(2_500)]
    )
    database["ruled"].create_index([("a", -1), ("b", 1)], unique=True, name="both")
    database["ruled"].create_index("c.d", partialFilterExpression={"a": {"$gt": 5}})
    database["kinds"].insert_many(KINDS)
    database["kinds"].create_index("text", collation={"locale": "en", "strength": 2})
    database["kinds"].create_index("when", expireAfterSeconds=60)
    return clinic


def _pieces(clinic: Clinic) -> Iterator[bytes]:
    with dump.dumping(clinic.database, dump.SNAPSHOT) as reading:
        yield from reading.pieces()


def test_a_database_comes_back_as_it_was(odd: Clinic) -> None:
    """Documents byte for byte, validators, views, and every index with all of its options."""
    target = odd.client[f"{odd.database.name}_back"]
    with dump.dumping(odd.database, dump.SNAPSHOT) as reading:
        file = io.BytesIO(b"".join(reading.pieces()))
    reader = restore.documents(file, target, lambda _: None)
    restore.indexes(target, reader.namespaces)
    assert restore.differences({n: t.told() for n, t in reading.tallies.items()}, restore.tallies(target)) == []
    assert restore.index_differences(reader.namespaces, target) == []
    file.seek(0)
    _, documents = stock.read(file.getvalue())
    assert (len(documents["kinds"]), len(documents["ruled"]), documents["seen"]) == (len(KINDS), 2_500, [])
    there = {each.name: each for each in dump.described(target)}
    assert {n.name: dict(n.options) for n in reading.namespaces} == {n: dict(each.options) for n, each in there.items()}
    target["ruled"].update_one({"_id": 7}, {"$set": {"b": 1}})
    assert restore.differences({n: t.told() for n, t in reading.tallies.items()}, restore.tallies(target)) == [
        "ruled: other contents"
    ]
    file.seek(0)
    with pytest.raises(AlreadyExists, match="not empty"):
        restore.documents(file, target, lambda _: None)


def test_documents_that_do_not_fit_their_indexes_are_told(clinic: Clinic) -> None:
    """Read one collection after the other, a value may be there twice: given away and taken again meanwhile."""
    target = clinic.client[f"{clinic.database.name}_back"]
    target["rooms"].insert_many([{"holds": "9 o'clock"}, {"holds": "9 o'clock"}])
    wanted = {"v": 2, "key": {"holds": 1}, "name": "holds_1", "unique": True}
    with pytest.raises(Damaged, match=r"indexes of rooms do not fit its documents \(DuplicateKey\)\. Use another"):
        restore.indexes(target, [Namespace(name="rooms", indexes=[wanted])])


def test_the_stock_mongorestore_reads_it(odd: Clinic, server_url: str, tmp_path: Path) -> None:
    """`age -d -i KEY FILE | mongorestore --archive --gzip`: no line of our code is needed."""
    program = os.environ.get("MONGORESTORE") or shutil.which("mongorestore")
    if not program:
        pytest.skip("NO MONGORESTORE: put it on the PATH or name it in MONGORESTORE")
    age = shutil.which("age")
    if not age:
        pytest.skip("NO AGE: install the package `age`")
    identity = keys.one_time_identity()
    (tmp_path / "kit").write_text(identity + "\n")
    with (tmp_path / "file").open("wb") as out:
        sealed.seal(_pieces(odd), out, [keys.public_of(identity)])
    url = fresh_database(server_url)
    name = url.rpartition("/")[2].partition("?")[0]
    opened = subprocess.run([age, "-d", "-i", "kit", "file"], cwd=tmp_path, capture_output=True, check=True)
    space = ["--nsFrom", f"{odd.database.name}.*", "--nsTo", f"{name}.*"]
    command = [program, "--archive", "--gzip", f"--uri={server_url}", *space]
    subprocess.run(command, input=opened.stdout, capture_output=True, check=True)
    client: MongoClient[dict[str, object]] = MongoClient(server_url)
    wanted = {each: tally.told() for each, tally in restore.tallies(odd.database).items()}
    assert restore.differences(wanted, restore.tallies(client[name])) == []
    client.close()
