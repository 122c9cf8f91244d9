"""Reads an archive of mongodump by what its format says, and by nothing that wrote it.

(Source: mongo-tools, common/archive/archive.go, prelude.go, demultiplexer.go.)
"""

from __future__ import annotations

import json
import struct
from typing import Any

import bson

END = b"\xff\xff\xff\xff"
_STRING, _BOOL, _INT32, _INT64 = 2, 8, 16, 18
_HEADER = {"concurrent_collections": _INT32, "version": _STRING, "server_version": _STRING, "tool_version": _STRING}
_NAMESPACE = {"db": _STRING, "collection": _STRING, "metadata": _STRING, "size": _INT32, "type": _STRING}
_BLOCK = {"db": _STRING, "collection": _STRING, "EOF": _BOOL, "CRC": _INT64}
_POLYNOMIAL = 0xC96C5795D7870F42  # CRC-64/XZ (ECMA-182), reflected
_ALL = (1 << 64) - 1


def read(file: bytes) -> tuple[list[dict[str, Any]], dict[str, list[bytes]]]:
    """What it tells of each namespace, and the documents of each; AssertionError where it is none."""
    assert file[:4] == struct.pack("<I", 0x8199E26D)
    header, at = _document(file, 4)
    assert _told(header, _HEADER)["version"] == "0.1"
    namespaces = []
    while file[at : at + 4] != END:
        raw, at = _document(file, at)
        namespaces.append(_told(raw, _NAMESPACE))
        assert isinstance(json.loads(namespaces[-1]["metadata"])["indexes"], list)
    found, ended = {each["collection"]: list[bytes]() for each in namespaces}, set[str]()
    at += 4
    while at < len(file):
        raw, at = _document(file, at)
        head = _told(raw, _BLOCK)
        name = head["collection"]
        assert name not in ended
        some, at = _body(file, at)
        found[name] += some
        if head["EOF"]:
            assert not some
            assert head["CRC"] == _crc(b"".join(found[name]))
            ended.add(name)
        else:
            assert head["CRC"] == 0
    assert ended == set(found)
    return namespaces, found


def _body(file: bytes, at: int) -> tuple[list[bytes], int]:
    some = []
    while file[at : at + 4] != END:
        raw, at = _document(file, at)
        some.append(raw)
    return some, at + 4


def _document(file: bytes, at: int) -> tuple[bytes, int]:
    (size,) = struct.unpack_from("<i", file, at)
    assert size >= 5
    assert file[at + size - 1] == 0
    return file[at : at + size], at + size


def _told(raw: bytes, wanted: dict[str, int]) -> dict[str, Any]:
    """The fields, which must be just these, in this order and of these types."""
    at, sizes = 4, {_BOOL: 1, _INT32: 4, _INT64: 8}
    for name, kind in wanted.items():
        start = bytes([kind]) + name.encode() + b"\x00"
        assert raw[at : at + len(start)] == start, (name, raw)
        at += len(start)
        at += 4 + struct.unpack_from("<i", raw, at)[0] if kind == _STRING else sizes[kind]
    assert at == len(raw) - 1
    return dict(bson.decode(raw))


def _crc(data: bytes) -> int:
    """As a signed number; its check value is that of the catalogue."""
    table = [_row(byte) for byte in range(256)]
    assert _sum(b"123456789", table) == 0x995DC9BBDF1939FA
    whole = _sum(data, table)
    return whole - (1 << 64) if whole >> 63 else whole


def _row(byte: int) -> int:
    for _ in range(8):
        byte = byte >> 1 ^ (_POLYNOMIAL if byte & 1 else 0)
    return byte


def _sum(data: bytes, table: list[int]) -> int:
    crc = _ALL
    for byte in data:
        crc = table[(crc ^ byte) & 0xFF] ^ crc >> 8
    return crc ^ _ALL
