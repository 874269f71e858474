"""Many rows at once between a database and Arrow tables: as fast as each kind of database lets them through.

PostgreSQL copies them as CSV, which Arrow reads and writes; SQLite hands over tuples.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import Any

import pyarrow as pa
import pyarrow.csv as pacsv
from sqlalchemy import Connection, Dialect, Select, Table, column, select, table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError

from records.schema import INSTANT

ROWS_AT_ONCE = 2_000
"""So few that the tuples of one part stay in the processor's cache: ten times as many took half as long again."""
ROWS_OF_CSV = 20_000
CACHE_KIBIBYTES = 131_072
"""What SQLite may keep of a file in memory while many rows are written: its own 2 MB make that take twice as long."""

_KEPT = {INSTANT: pa.int64(), pa.date32(): pa.string(), pa.bool_(): pa.int64()}
"""How SQLite keeps what it has no type for; see `records.database.tables`."""


def fetch(
    connection: Connection, query: Select[Any], schema: pa.Schema, done: Callable[[int], object] = lambda _: None
) -> pa.Table:
    """The rows of a query as an Arrow table.

    Args:
        connection: a connection in a transaction.
        query: what it selects stands for the columns of the schema, in their order.
        schema: columns of text, whole numbers, days or instants.
        done: told, now and then, of how many more rows have come.
    """
    read = _read_copy if connection.dialect.name == "postgresql" else _read_tuples
    batches = []
    with _driver_errors(connection):
        for batch in read(connection, query, schema):
            batches.append(batch)
            done(batch.num_rows)
    return pa.Table.from_batches(batches, schema)


def upsert(
    connection: Connection,
    into: Table,
    rows: pa.Table,
    changing: Sequence[str],
    done: Callable[[int], object] = lambda _: None,
) -> None:
    """Insert rows; where the key of one is there already, some columns take its values.

    Args:
        connection: a connection in a transaction.
        into: a table whose primary key is one column.
        rows: the rows, with the table's column names.
        changing: the columns that change.
        done: told, now and then, of how many more rows were written.
    """
    if rows.num_rows:
        write = _write_copy if connection.dialect.name == "postgresql" else _write_tuples
        with _driver_errors(connection):
            write(connection, into, rows, changing, done)


def _read_tuples(connection: Connection, query: Select[Any], schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    cursor = _driver(connection).cursor()
    compiled = query.compile(dialect=connection.dialect)
    cursor.execute(str(compiled), [_bound(compiled, name, connection.dialect) for name in compiled.positiontup or ()])
    while rows := cursor.fetchmany(ROWS_AT_ONCE):
        columns = zip(zip(*rows, strict=True), schema, strict=True)
        yield pa.record_batch([_from_sqlite(values, field.type) for values, field in columns], schema=schema)


def _from_sqlite(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    return pa.array(values, _KEPT.get(kind, kind)).cast(kind)


def _read_copy(connection: Connection, query: Select[Any], schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    compiled = query.compile(dialect=connection.dialect)
    given = {name: _bound(compiled, name, connection.dialect) for name in compiled.params}
    connection.exec_driver_sql("SET LOCAL datestyle TO 'ISO, YMD'")
    with _driver(connection).cursor().copy(f"COPY ({compiled}) TO STDOUT (FORMAT csv)", given) as copy:
        sent = iter(copy)  # always one row at a time, says PostgreSQL's protocol
        while rows := b"".join(islice(sent, ROWS_OF_CSV)):
            yield from _from_csv(rows, schema)


def _from_csv(rows: bytes, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    reading = pacsv.ReadOptions(column_names=schema.names)
    parsing = pacsv.ParseOptions(newlines_in_values=True)
    converting = pacsv.ConvertOptions(
        column_types=schema, null_values=[""], strings_can_be_null=True, quoted_strings_can_be_null=False
    )
    for batch in pacsv.read_csv(pa.BufferReader(rows), reading, parsing, converting).to_batches():
        yield pa.record_batch(batch.columns, schema=schema)


def _write_tuples(
    connection: Connection, into: Table, rows: pa.Table, changing: Sequence[str], done: Callable[[int], object]
) -> None:
    statement = sqlite.insert(into).values(dict.fromkeys(rows.column_names))
    statement = statement.on_conflict_do_update(
        index_elements=list(into.primary_key), set_={name: statement.excluded[name] for name in changing}
    )
    sql = str(statement.compile(dialect=connection.dialect))
    connection.exec_driver_sql(f"PRAGMA cache_size = -{CACHE_KIBIBYTES}")
    for batch in rows.to_batches(max_chunksize=ROWS_AT_ONCE):
        columns = [_for_sqlite(values).to_pylist() for values in batch.columns]
        _driver(connection).cursor().executemany(sql, zip(*columns, strict=True))
        done(batch.num_rows)


def _for_sqlite(values: pa.Array) -> pa.Array:
    return values.cast(_KEPT.get(values.type, values.type))


def _write_copy(
    connection: Connection, into: Table, rows: pa.Table, changing: Sequence[str], done: Callable[[int], object]
) -> None:
    names = ", ".join(rows.column_names)
    connection.exec_driver_sql("DROP TABLE IF EXISTS incoming")
    connection.exec_driver_sql(f"CREATE TEMPORARY TABLE incoming (LIKE {into.name}) ON COMMIT DROP")
    with _driver(connection).cursor().copy(f"COPY incoming ({names}) FROM STDIN (FORMAT csv)") as copy:
        for batch in rows.to_batches(max_chunksize=ROWS_AT_ONCE):
            sink = io.BytesIO()
            pacsv.write_csv(batch, sink, pacsv.WriteOptions(include_header=False))
            copy.write(sink.getvalue())
            done(batch.num_rows)
    incoming = table("incoming", *(column(name) for name in rows.column_names))
    statement = postgresql.insert(into).from_select(rows.column_names, select(incoming))
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=list(into.primary_key), set_={name: statement.excluded[name] for name in changing}
        )
    )


@contextmanager
def _driver_errors(connection: Connection) -> Iterator[None]:
    """Tell the driver's own errors as SQLAlchemy does."""
    driver: Any = connection.dialect.dbapi
    try:
        yield
    except driver.Error as error:
        raise DBAPIError.instance(None, None, error, driver.Error, hide_parameters=True) from error


def _driver(connection: Connection) -> Any:
    """The driver's own connection, in the same transaction."""
    return connection.connection.driver_connection


def _bound(compiled: Any, name: str, dialect: Dialect) -> Any:
    """The value of a parameter as the driver wants it."""
    parameter = compiled.binds[name]
    process = parameter.type.dialect_impl(dialect).bind_processor(dialect)
    return process(parameter.value) if process else parameter.value
