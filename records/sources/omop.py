"""OMOP CDM 5.4: person, visit, procedure and condition, as Parquet or CSV, mapped onto the schema's tables.

Files are found by their names: `person`, `visit_occurrence`, `procedure_occurrence`, `condition_occurrence`, with
`.csv` (UTF-8, commas) or `.parquet`. What a concept means is said by a table of the user's: CSV with `concept_id`,
`system`, `code`, one row a meaning. Systems are `thl`, `snomed`, `cdt` and `local` for procedures, `icd10` for
conditions, and for the concept of a visit `mode` and `profession`. Rows whose concept has no meaning are left out and
counted; a visit without one is `office`, `other`, and counted.

What OMOP loses: when a row became known (`recorded_at` is when the care ended), contacts and bookings, urgency (visits
are `routine`), teeth and surfaces, findings, who produced the visit (`own`), consent and non-disclosure. Times are wall
clock in Helsinki; what is known only to the day is stamped with its end.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from records.clock import utc
from records.schema import CODE_SYSTEMS
from records.sources.batch import Batch, SourceError
from records.sources.columns import Ints, constant, count, instants, join
from records.sources.csvfile import Dialect, header, read_csv, require
from records.sources.own import require_columns, typed

SEX_OF = {8507: "male", 8532: "female"}
"""Standard concepts of the vocabulary Gender."""
LONGEST_VISIT = 480
DAY = 86_400_000_000
INT, DATE, TIME, TEXT = pa.int64(), pa.date32(), pa.timestamp("us"), pa.string()
NEEDED = {
    "person": {"person_id": INT, "gender_concept_id": INT, "year_of_birth": INT},
    "visit_occurrence": {
        "visit_occurrence_id": INT, "person_id": INT, "visit_concept_id": INT, "visit_start_date": DATE,
    },
    "procedure_occurrence": {
        "procedure_occurrence_id": INT, "person_id": INT, "procedure_concept_id": INT, "procedure_date": DATE,
    },
    "condition_occurrence": {
        "condition_occurrence_id": INT, "person_id": INT, "condition_concept_id": INT, "condition_start_date": DATE,
    },
}  # fmt: skip
OPTIONAL = {
    "person": {"month_of_birth": INT, "day_of_birth": INT},
    "visit_occurrence": {"visit_start_datetime": TIME, "visit_end_datetime": TIME, "care_site_id": INT},
    "procedure_occurrence": {"procedure_datetime": TIME, "visit_occurrence_id": INT},
    "condition_occurrence": {"condition_start_datetime": TIME, "visit_occurrence_id": INT},
}


@dataclass(frozen=True)
class Concepts:
    """Codes by system and concept."""

    systems: Mapping[str, Mapping[int, str]]

    @classmethod
    def read(cls, path: Path) -> Concepts:
        """Read the user's table.

        Raises:
            SourceError: it cannot be read, lacks a column, or a concept is no number.
        """
        systems: dict[str, dict[int, str]] = {}
        require(path, header(path, Dialect()), ["concept_id", "system", "code"])
        with path.open(encoding="utf-8", newline="") as file:
            for line, row in enumerate(csv.DictReader(file), start=2):
                if not row["concept_id"].isdigit() or not row["system"] or not row["code"]:
                    raise SourceError(f"{path.name}, line {line}: a concept is a number, a system and a code")
                systems.setdefault(row["system"], {})[int(row["concept_id"])] = row["code"]
        return cls(systems)

    def codes(self, system: str, concepts: pa.ChunkedArray) -> pa.Array:
        """The code of every concept; null where there is none."""
        known = self.systems.get(system, {})
        at = pc.index_in(concepts.combine_chunks(), pa.array(list(known), INT))
        return pa.array(list(known.values()), TEXT).take(at)


def read_omop(paths: Sequence[Path], *, concepts: str | Path) -> Iterator[Batch]:
    """Read files of the CDM, or folders of them; `concepts` is the table of what concepts mean.

    Raises:
        SourceError: a file cannot be read or lacks a column, or there is none.
    """
    known = Concepts.read(Path(concepts))
    made = {"person": _people, "visit_occurrence": _visits, "procedure_occurrence": _procedures}
    made["condition_occurrence"] = _conditions
    files = [file for path in paths for file in (sorted(path.iterdir()) if path.is_dir() else [path])]
    files = sorted(file for file in files if file.stem in NEEDED and file.suffix in {".csv", ".parquet"})
    if not files:
        raise SourceError(f"there is no file of the CDM; their names are {', '.join(NEEDED)}")
    for file in files:
        for rows in _rows(file):
            yield made[file.stem](rows, known)


def _rows(file: Path) -> Iterator[pa.Table]:
    types = {**NEEDED[file.stem], **OPTIONAL[file.stem]}
    if file.suffix == ".csv":
        require(file, header(file, Dialect()), list(NEEDED[file.stem]))
        for rows in read_csv(file, types, Dialect()):
            yield _whole(rows, types)
        return
    try:
        with pq.ParquetFile(file) as opened:
            found = opened.schema_arrow.names
            require_columns(file, found, list(NEEDED[file.stem]))
            for batch in opened.iter_batches(columns=[name for name in types if name in found]):
                yield _whole(typed(file, pa.Table.from_batches([batch]), pa.schema(list(types.items()))), types)
    except (pa.ArrowInvalid, OSError) as error:
        raise SourceError(f"{file.name} is not a readable Parquet file") from error


def _whole(rows: pa.Table, types: Mapping[str, pa.DataType]) -> pa.Table:
    """With the optional columns that the file lacks."""
    for name, type_ in types.items():
        if name not in rows.column_names:
            rows = rows.append_column(name, pa.nulls(rows.num_rows, type_))
    return rows


def _people(rows: pa.Table, _: Concepts) -> Batch:
    parts = [rows[name].cast(TEXT) for name in ("year_of_birth", "month_of_birth", "day_of_birth")]
    text = pc.binary_join_element_wise(*(pc.utf8_lpad(one, 2, "0") for one in parts), "-")
    born = pc.strptime(text, "%Y-%m-%d", "s", error_is_null=True).cast(DATE)
    genders = pa.array(list(SEX_OF), INT)
    sex = pa.array(list(SEX_OF.values())).take(pc.index_in(rows["gender_concept_id"].combine_chunks(), genders))
    notices: Counter[tuple[str, str]] = Counter()
    count(notices, "person", "the date of birth is not whole, not used", born.null_count)
    columns = {"patient_id": rows["person_id"].cast(TEXT), "birth_date": born, "sex": pc.fill_null(sex, "unknown")}
    return Batch({"patients": pa.table(columns)}, rows.num_rows, notices=notices)


def _visits(rows: pa.Table, concepts: Concepts) -> Batch:
    notices: Counter[tuple[str, str]] = Counter()
    start, valid = _moments(rows, "visit_start_datetime", "visit_start_date")
    end = utc(pc.fill_null(rows["visit_end_datetime"].cast(INT), 0).to_numpy())
    lasted = (end - start) // 60_000_000
    timed = rows["visit_end_datetime"].is_valid().to_numpy() & rows["visit_start_datetime"].is_valid().to_numpy()
    likely = timed & (lasted >= 1) & (lasted <= LONGEST_VISIT)
    count(notices, "visits", f"minutes are not 1 to {LONGEST_VISIT}, not used", int((timed & ~likely).sum()))
    mode = concepts.codes("mode", rows["visit_concept_id"])
    profession = concepts.codes("profession", rows["visit_concept_id"])
    count(notices, "visits", "mode is not known, taken as office", mode.null_count)
    count(notices, "visits", "profession is not known, taken as other", profession.null_count)
    columns = {
        **_shared(rows, "visit_occurrence_id", start, np.where(timed & (end > start), end, start), valid),
        "minutes": pa.array(np.where(likely, lasted, 0).astype(np.int32), mask=~likely),
        "profession": pc.fill_null(profession, "other"),
        "urgency": constant("routine", rows.num_rows),
        "mode": pc.fill_null(mode, "office"),
        "unit": rows["care_site_id"].cast(TEXT),
        "producer": constant("own", rows.num_rows),
    }
    return Batch({"visits": pa.table(columns)}, rows.num_rows, notices=notices)


def _procedures(rows: pa.Table, concepts: Concepts) -> Batch:
    code, system = pa.nulls(rows.num_rows, TEXT), pa.nulls(rows.num_rows, TEXT)
    for name in CODE_SYSTEMS:
        found = concepts.codes(name, rows["procedure_concept_id"])
        system = pc.if_else(pc.and_(code.is_null(), found.is_valid()), name, system)
        code = pc.coalesce(code, found)
    when, valid = _moments(rows, "procedure_datetime", "procedure_date")
    columns = {**_at_visit(rows, "procedure_occurrence_id", when, valid), "code": code, "code_system": system}
    return _coded("procedures", columns, rows.num_rows)


def _conditions(rows: pa.Table, concepts: Concepts) -> Batch:
    code = pc.replace_substring(concepts.codes("icd10", rows["condition_concept_id"]), ".", "")
    when, valid = _moments(rows, "condition_start_datetime", "condition_start_date")
    return _coded("diagnoses", {**_at_visit(rows, "condition_occurrence_id", when, valid), "code": code}, rows.num_rows)


def _coded(name: str, columns: Mapping[str, pa.Array], rows: int) -> Batch:
    left_out: Counter[tuple[str, str]] = Counter()
    table = pa.table(dict(columns))
    table = table.set_column(table.column_names.index("code"), "code", pc.utf8_upper(table["code"]))
    table = table.filter(table["code"].is_valid())
    count(left_out, name, "the concept has no code in the table of concepts", rows - table.num_rows)
    return Batch({name: table}, rows, left_out)


def _at_visit(rows: pa.Table, key: str, when: Ints, valid: np.ndarray) -> dict[str, pa.Array]:
    visit = join("omop/", rows["visit_occurrence_id"].cast(TEXT))
    return {**_shared(rows, key, when, when, valid), "visit_id": visit}


def _shared(rows: pa.Table, key: str, when: Ints, known: Ints, valid: np.ndarray) -> dict[str, pa.Array]:
    unknown = pa.array(~valid)
    return {
        "patient_id": rows["person_id"].cast(TEXT),
        "event_id": join("omop/", rows[key].cast(TEXT)),
        "event_time": pc.if_else(unknown, None, instants(when)),
        "recorded_at": pc.if_else(unknown, None, instants(known)),
        "source": constant("omop", rows.num_rows),
    }


def _moments(rows: pa.Table, time: str, day: str) -> tuple[Ints, np.ndarray]:
    """The moment of every row, the end of the day where only the day is known, and whether either is."""
    end = utc((pc.fill_null(rows[day].cast(pa.int32()), 0).to_numpy().astype(np.int64) + 1) * DAY) - 1
    exact = utc(pc.fill_null(rows[time].cast(INT), 0).to_numpy())
    has_time = rows[time].is_valid().to_numpy()
    return np.where(has_time, exact, end), has_time | rows[day].is_valid().to_numpy()
