"""Facts as Arrow tables: small when stored, quick to join, typed when they become frames."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final, TypeAlias
from zoneinfo import ZoneInfo

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from clinic_core.domain import facts
from clinic_core.domain.appointments import Appointment
from clinic_core.domain.billing import Invoice

Tables: TypeAlias = dict[str, pa.Table]

SHAPE: Final = 1  # count up whenever a column changes: blocks of an older shape are made anew
CHARGES: Final = "charges"
PAYMENTS: Final = "payments"
VISITS: Final = "visits"

_CODE: Final = pa.dictionary(pa.int32(), pa.string())
_DAY: Final = pa.timestamp("s")
_MONEY: Final = pa.int64()
_SCHEMAS: Final = {
    CHARGES: pa.schema(
        [
            ("document_id", pa.string()),
            ("label", pa.string()),
            ("patient_id", pa.string()),
            ("practitioner_id", _CODE),
            ("service_id", _CODE),
            ("day", _DAY),
            ("event", _CODE),
            ("quantity", pa.int64()),
            ("gross_minor", _MONEY),
            ("discount_minor", _MONEY),
            ("net_minor", _MONEY),
            ("tax_minor", _MONEY),
            ("total_minor", _MONEY),
        ]
    ),
    PAYMENTS: pa.schema(
        [
            ("document_id", pa.string()),
            ("label", pa.string()),
            ("patient_id", pa.string()),
            ("practitioner_id", _CODE),
            ("method", _CODE),
            ("day", _DAY),
            ("key", pa.string()),
            ("amount_minor", _MONEY),
        ]
    ),
    VISITS: pa.schema(
        [
            ("document_id", pa.string()),
            ("patient_id", pa.string()),
            ("practitioner_id", _CODE),
            ("service_id", _CODE),
            ("day", _DAY),
            ("status", _CODE),
            ("untimed", pa.bool_()),
            ("waited_minutes", pa.float64()),
            ("lead_days", pa.int64()),
        ]
    ),
}


def of_invoices(invoices: Iterable[Invoice]) -> Tables:
    """The tables `charges` and `payments` of these invoices."""
    kept = list(invoices)
    return {
        CHARGES: _table(CHARGES, [charge for invoice in kept for charge in facts.charges(invoice)]),
        PAYMENTS: _table(PAYMENTS, [receipt for invoice in kept for receipt in facts.receipts(invoice)]),
    }


def of_appointments(appointments: Iterable[Appointment], zone: ZoneInfo) -> Tables:
    """The table `visits` of these appointments."""
    return {VISITS: _table(VISITS, [visit for one in appointments for visit in facts.visits(one, zone)])}


def joined(parts: Iterable[Tables], names: Iterable[str]) -> Tables:
    """All rows of several tables per name, in order; no rows when no part has any."""
    kept = list(parts)
    return {
        name: pa.concat_tables([_SCHEMAS[name].empty_table(), *(part[name] for part in kept if name in part)])
        for name in names
    }


def without(tables: Tables, document_ids: Collection[str]) -> Tables:
    """The rows that come from other documents than these."""
    if not document_ids:
        return tables
    gone = pa.array(document_ids, pa.string())
    return {name: t.filter(pc.invert(pc.is_in(t["document_id"], value_set=gone))) for name, t in tables.items()}


def frame(table: pa.Table) -> pd.DataFrame:
    """A table as a frame: codes as categories, days as ``datetime64[s]``, money as int64."""
    made: pd.DataFrame = table.unify_dictionaries().to_pandas(split_blocks=True)
    return made


def encode(tables: Tables) -> dict[str, bytes]:
    """Arrow streams, compressed, by table name."""
    return {name: _encoded(table) for name, table in tables.items()}


def decode(streams: Mapping[str, bytes]) -> Tables:
    """The tables of streams that `encode` made."""
    return {name: pa.ipc.open_stream(stream).read_all() for name, stream in streams.items()}


def _table(name: str, rows: Sequence[tuple[Any, ...]]) -> pa.Table:
    schema = _SCHEMAS[name]
    columns = zip(*rows, strict=True) if rows else [()] * len(schema)
    arrays = [_array(column, field.type) for column, field in zip(columns, schema, strict=True)]
    return pa.Table.from_arrays(arrays, schema=schema)


def _array(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    return pa.array(values, pa.date32()).cast(kind) if kind == _DAY else pa.array(values, kind)


def _encoded(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as writer:
        writer.write_table(table.unify_dictionaries())
    return bytes(sink.getvalue())
