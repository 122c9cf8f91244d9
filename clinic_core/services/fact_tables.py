"""Facts as Arrow tables: what a month's block is stored as."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date
from typing import Any, Final, TypeAlias
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc

from clinic_core.domain import facts
from clinic_core.domain.appointments import Appointment
from clinic_core.domain.billing import number_text
from clinic_core.domain.facts import Owner
from clinic_core.domain.journal import Entry, entry_id

Tables: TypeAlias = dict[str, pa.Table]

SHAPE: Final = 4  # count up whenever a column changes: blocks of an older shape are made anew
CHARGES: Final = "charges"
PAYMENTS: Final = "payments"
VISITS: Final = "visits"

_CODE: Final = pa.dictionary(pa.int32(), pa.string())
_DAY: Final = pa.date32()
_MONEY: Final = pa.int64()
_SMALL: Final = pa.int32()
SCHEMAS: Final[Mapping[str, pa.Schema]] = {
    CHARGES: pa.schema(
        [
            ("entry", pa.int64()),
            ("document_id", _CODE),
            ("series", _CODE),  # of the invoice's number
            ("number", _SMALL),
            ("patient_id", _CODE),
            ("practitioner_id", _CODE),
            ("service_id", _CODE),
            ("location_id", _CODE),
            ("payer_id", _CODE),
            ("day", _DAY),
            ("event", _CODE),
            ("by", _CODE),
            ("quantity", _SMALL),
            ("gross_minor", _MONEY),
            ("discount_minor", _MONEY),
            ("net_minor", _MONEY),
            ("tax_minor", _MONEY),
            ("total_minor", _MONEY),
            ("basis_points", _SMALL),
        ]
    ),
    PAYMENTS: pa.schema(
        [
            ("entry", pa.int64()),
            ("document_id", _CODE),
            ("series", _CODE),  # of the invoice's number
            ("number", _SMALL),
            ("patient_id", _CODE),
            ("practitioner_id", _CODE),
            ("location_id", _CODE),
            ("payer_id", _CODE),
            ("method", _CODE),
            ("day", _DAY),
            ("event", _CODE),
            ("by", _CODE),
            ("amount_minor", _MONEY),
            ("settled_minor", _MONEY),
            ("credit_minor", _MONEY),
            ("written_off_minor", _MONEY),
        ]
    ),
    VISITS: pa.schema(
        [
            ("document_id", pa.string()),
            ("patient_id", _CODE),
            ("practitioner_id", _CODE),
            ("service_id", _CODE),
            ("location_id", _CODE),
            ("day", _DAY),
            ("hour", _SMALL),
            ("minute", _SMALL),
            ("minutes", _SMALL),
            ("status", _CODE),
            ("untimed", pa.bool_()),
            ("waited_minutes", pa.float64()),
            ("lead_days", _SMALL),
            ("notice_hours", pa.float64()),
            ("booked_by", _CODE),
            ("booked_on", _DAY),
            ("settled_on", _DAY),
            ("past", pa.string()),
        ]
    ),
}
SOURCE_ID: Final[Mapping[str, str]] = {CHARGES: "entry", PAYMENTS: "entry", VISITS: "document_id"}
_NUMBERS: Final = 10**8  # entries that fit into a day


def entry_code(entry_id: str) -> int:
    """An entry's id as a number: ``"2026-11-22#00042"`` -> 2026112200000042."""
    day, _, number = entry_id.partition("#")
    return int(day.replace("-", "")) * _NUMBERS + int(number)


def entry_id_of(code: int) -> str:
    """The id that `entry_code` made a number of."""
    day, number = divmod(code, _NUMBERS)
    return entry_id(date(day // 10_000, day // 100 % 100, day % 100), number)


def of_entries(entries: Iterable[Entry], others: Mapping[str, Owner]) -> Tables:
    """The tables `charges` and `payments` of entries; `others` are the invoices that they touch besides their own."""
    kept = sorted(entries, key=lambda entry: entry.id)
    return {
        CHARGES: _table(CHARGES, [_coded(row) for entry in kept for row in facts.charges(entry)]),
        PAYMENTS: _table(PAYMENTS, [_coded(row) for entry in kept for row in facts.settlements(entry, others)]),
    }


def of_appointments(appointments: Iterable[Appointment], zone: ZoneInfo) -> Tables:
    """The table `visits` of these appointments."""
    return {VISITS: _table(VISITS, [visit for one in appointments for visit in facts.visits(one, zone)])}


def merged(tables: Tables, gone: Collection[str], more: Tables) -> Tables:
    """The rows of other documents than those that are gone, and then more rows."""
    made: Tables = {}
    for name, table in more.items():
        known = tables[name][SOURCE_ID[name]]
        kept = tables[name].filter(pc.invert(pc.is_in(known, value_set=source_ids(name, gone))))
        made[name] = pa.concat_tables([kept, table]).combine_chunks()
    return made


def source_ids(name: str, document_ids: Collection[str]) -> pa.Array:
    """The ids of documents as a table has them."""
    if SOURCE_ID[name] == "entry":
        return pa.array(sorted(map(entry_code, document_ids)), pa.int64())
    return pa.array(sorted(document_ids), pa.string())


def encode(tables: Tables) -> dict[str, bytes]:
    """Arrow streams, compressed, by table name."""
    return {name: _encoded(table) for name, table in tables.items()}


def decode(streams: Mapping[str, bytes]) -> Tables:
    """The tables of streams that `encode` made."""
    return {name: pa.ipc.open_stream(stream).read_all() for name, stream in streams.items()}


def label_of(series: str, number: int) -> str:
    """What an invoice is called; "" for what is none."""
    return number_text(series, number) if number else series


def _coded(row: tuple[Any, ...]) -> tuple[Any, ...]:
    """A charge or settlement with its entry's id as a number, and its label as series and number."""
    entry, document, label, *rest = row
    series, _, digits = label.rpartition("-")
    number = int(digits) if digits.isascii() and digits.isdigit() else 0
    plain = bool(number) and number_text(series, number) == label
    return entry_code(entry), document, series if plain else label, number if plain else 0, *rest


def _table(name: str, rows: Sequence[tuple[Any, ...]]) -> pa.Table:
    schema = SCHEMAS[name]
    columns = zip(*rows, strict=True) if rows else [()] * len(schema)
    arrays = [pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)]
    return pa.Table.from_arrays(arrays, schema=schema)


def _encoded(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as writer:
        writer.write_table(table.unify_dictionaries().combine_chunks())
    return bytes(sink.getvalue())
