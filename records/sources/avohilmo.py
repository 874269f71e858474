"""AvoHilmo, the Finnish register of primary care: its CSV files as batches of the schema's tables.

The main file has one row a service event; child files (diagnoses, procedures) are joined to it by `AVOHILMO_ID`. Files
are told apart by their headers, so names do not matter: `SUU_TOIMENPIDE` has `TOIMENPIDE_HAMMAS`, `TOIMENPIDE`,
`ICD10` and `ICPC2` have the column of that name, a table of persons has the person and a date of birth.

- Columns are separated by `;`, the text is latin-1, times are `dd.mm.yyyy HH:MM` of the wall clock in Helsinki
  (`records.clock.utc` says what happens when clocks change).
- Oral health is what `KAYNTI_PALVELUMUOTO` says is T60 or, for a row without a visit, what `AJANVARAUS_PALVELUMUOTO`
  says. All other rows are left out and counted.
- A visit took place when `KAYNTI_ALKOI` is given and `PERUUTUS_AJANKOHTA` is not. It is known when it has ended.
- A contact is `YHTEYDENOTTO_AJANKOHTA`, else `HOIDONTARVE_AJANKOHTA`. The register does not say how contact was made.
- Codes get their meaning from `tables/avohilmo.csv` or the user's own table. A contact type that it does not know
  leaves `mode` empty, so that the import keeps the visit aside; an unknown urgency is `routine`, an unknown profession
  `other`, an unknown reason of a cancellation `cancelled`, all counted.
- Procedures and diagnoses get ids made of their content (row, code, tooth, how many-th of the same), so that they are
  the same in the next export whatever its order. The rows of one service event must stand together in a child file:
  otherwise equal ones get the same id and the import keeps the later ones aside.
- A person is one row, with the municipality of their latest service event; `special_needs` when WYA30 was ever done.

Memory holds one block of a file, and 33 bytes a row of oral health in the main files, three times that while they are
put in order.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from records.clock import days, utc
from records.sources.batch import Batch, SourceError
from records.sources.columns import Ints, constant, count, instants, join, numbered
from records.sources.csvfile import Dialect, header, read_csv, require
from records.sources.meanings import Meanings

Flags = NDArray[np.bool_]

DIALECT = Dialect(";", "latin-1", ("%d.%m.%Y %H:%M",))
PERSONS = Dialect(";", "latin-1", ("%d.%m.%Y", "ISO8601"))
TABLE = Path(__file__).parent.parent / "tables" / "avohilmo.csv"
ORAL_HEALTH = "T60"
LONGEST_VISIT = 480
"""Minutes; a visit that took longer has a wrong start or end."""
SPECIAL_NEEDS = "WYA30"
SOURCE = "avohilmo"

KEY = "AVOHILMO_ID"
TIMES = (
    "YHTEYDENOTTO_AJANKOHTA", "HOIDONTARVE_AJANKOHTA", "AJANVARAUS_AJANKOHTA", "AJANVARAUS_VARATTU", "KAYNTI_ALKOI",
    "KAYNTI_LOPPUI", "PERUUTUS_AJANKOHTA",
)  # fmt: skip
TEXTS = (
    "ASIAKAS_KOTIKUNTA", "PALVELUNTUOTTAJA_YKSIKKO", "HTA_KIIREELLISYYS", "AJANVARAUS_AMMATTI",
    "AJANVARAUS_PALVELUMUOTO", "KAYNTI_KIIREELLISYYS", "KAYNTI_AMMATTI", "KAYNTI_PALVELUMUOTO", "KAYNTI_YHTEYSTAPA",
    "PERUUTUS_SYY",
)  # fmt: skip
TEETH = {"decayed": "HH_PYSYVA_KARIOITUNEET", "missing": "HH_PYSYVA_PUUTTUVAT", "filled": "HH_PYSYVA_PAIKATUT"}
BIRTH = "SYNTYMAPVM"


@dataclass(frozen=True)
class Options:
    """What differs between those who hold the data.

    Attributes:
        person_column: the column of the person's pseudonym.
        birth_column: the column of the date of birth in a table of persons.
        meanings: what codes mean.
    """

    person_column: str
    birth_column: str
    meanings: Meanings


def read_avohilmo(
    paths: Sequence[Path],
    *,
    person_column: str = "TNRO",
    birth_column: str = BIRTH,
    codes: str | Path = TABLE,
) -> Iterator[Batch]:
    """Read AvoHilmo files.

    Args:
        paths: main files, child files and tables of persons in any order, or folders of `*.csv`.
        person_column: the column of the person's pseudonym, never an identity code.
        birth_column: the column of the date of birth in a table of persons.
        codes: a table of meanings like `tables/avohilmo.csv`.

    Raises:
        SourceError: a file cannot be read; see `records.sources.csvfile.read_csv`.
    """
    options = Options(person_column, birth_column, Meanings.read(Path(codes)))
    files = _sorted_out(paths, options)
    register = _Register(options)
    for path in files["main"]:
        yield from register.main(path)
    register.seal()
    for kind in ("SUU_TOIMENPIDE", "TOIMENPIDE", "ICD10", "ICPC2"):
        for path in files[kind]:
            yield from register.child(path, kind)
    for path in files["persons"]:
        yield from register.persons(path)
    yield register.patients()


def _sorted_out(paths: Sequence[Path], options: Options) -> dict[str, list[Path]]:
    """Files by kind, each kind in order of name, so that the order given does not matter."""
    found: dict[str, list[Path]] = {
        kind: [] for kind in ("main", "SUU_TOIMENPIDE", "TOIMENPIDE", "ICD10", "ICPC2", "persons")
    }
    for path in paths:
        for file in sorted(path.glob("*.csv")) if path.is_dir() else [path]:
            found[_kind(file, options)].append(file)
    if not found["main"]:
        raise SourceError(f"no main file: none has both {KEY} and {options.person_column}")
    return {kind: sorted(some) for kind, some in found.items()}


def _kind(path: Path, options: Options) -> str:
    names = header(path, DIALECT)
    if KEY not in names:
        require(path, names, [options.person_column] if options.birth_column in names else [KEY])
        require(path, names, [options.birth_column])
        return "persons"
    for kind, column in (("SUU_TOIMENPIDE", "TOIMENPIDE_HAMMAS"), *((one, one) for one in ("ICD10", "ICPC2"))):
        if column in names:
            require(path, names, ["TOIMENPIDE"] if kind == "SUU_TOIMENPIDE" else [])
            return kind
    if "TOIMENPIDE" in names:
        return "TOIMENPIDE"
    require(path, names, [options.person_column, *TIMES, *TEXTS, *TEETH.values()])
    return "main"


@dataclass
class _Register:
    """What the child files must know of the main ones: aligned arrays, one entry a row of oral health.

    `person` is a position in `names`; `took_place` says whether there was a visit, at `start` and known at `end`.
    """

    options: Options
    names: dict[str, int] = field(default_factory=dict)
    parts: list[tuple[Ints, Ints, Ints, Ints, Flags]] = field(default_factory=list)
    homes: dict[int, tuple[int, str]] = field(default_factory=dict)
    special: set[int] = field(default_factory=set)
    births: dict[str, int] = field(default_factory=dict)

    TYPES: ClassVar[dict[str, pa.DataType]] = {
        KEY: pa.int64(),
        **dict.fromkeys(TIMES, pa.timestamp("s")),
        **dict.fromkeys(TEXTS, pa.string()),
        **dict.fromkeys(TEETH.values(), pa.int32()),
    }

    def main(self, path: Path) -> Iterator[Batch]:
        """Contacts, appointments, visits and findings of one main file."""
        types = {**self.TYPES, self.options.person_column: pa.string()}
        for rows in read_csv(path, types, DIALECT):
            left_out: Counter[tuple[str, str]] = Counter()
            oral = _oral(rows)
            count(left_out, "main", "not oral health", int((~oral).sum()))
            lacking = (rows[KEY].is_null().to_numpy() | rows[self.options.person_column].is_null().to_numpy()) & oral
            count(left_out, "main", f"no {KEY} or no person", int(lacking.sum()))
            some = _Events(rows.filter(pa.array(oral & ~lacking)), self.options)
            self._remember(some)
            tables = some.tables()
            yield Batch(tables, rows.num_rows, left_out + some.left_out, some.notices)

    def _remember(self, rows: _Events) -> None:
        encoded = rows.person.combine_chunks().dictionary_encode()
        numbers = [self.names.setdefault(name, len(self.names)) for name in encoded.dictionary.to_pylist()]
        person = np.array(numbers, np.int64)[encoded.indices.to_numpy()]
        start, end = (np.where(rows.took_place, some, 0) for some in (rows.start, rows.end))
        self.parts.append((rows.ids, person, start, end, rows.took_place))
        self._remember_homes(rows, person)

    def _remember_homes(self, rows: _Events, person: Ints) -> None:
        """The municipality of every person's latest row; of two at the same moment, the one that sorts last."""
        homes = rows.rows["ASIAKAS_KOTIKUNTA"].combine_chunks().dictionary_encode()
        known = homes.is_valid().to_numpy(zero_copy_only=False)
        ranks = np.argsort(pc.sort_indices(homes.dictionary).to_numpy())
        code = ranks[pc.fill_null(homes.indices, 0).to_numpy()[known]] if len(ranks) else np.zeros(0, np.int64)
        # packed into one number a row, because numbers sort many times faster than rows: 24, 27 and 12 bits
        packed = (person[known] << 39) | (rows.latest[known] // 60_000_000 << 12) | code
        packed.sort()
        last = packed[np.append(np.diff(packed >> 39) != 0, True)] if len(packed) else packed
        texts = pc.take(homes.dictionary, pc.sort_indices(homes.dictionary)).to_pylist()
        for one in last.tolist():
            new = ((one >> 12) & (2**27 - 1), texts[one & (2**12 - 1)])
            self.homes[one >> 39] = max(self.homes.get(one >> 39, new), new)

    def seal(self) -> None:
        """All main files are read: order what is remembered by id."""
        columns = [np.concatenate(some) for some in zip(*self.parts, strict=True)] if self.parts else []
        self.parts.clear()
        empty = np.zeros(0, np.int64)
        ids, self.person, self.start, self.end, took_place = columns or [empty, empty, empty, empty, empty.astype(bool)]
        order = np.argsort(ids, kind="stable")
        self.ids = ids[order]
        self.person, self.start, self.end = self.person[order], self.start[order], self.end[order]
        self.took_place = took_place[order].astype(bool)
        self.everyone = pa.array(list(self.names), pa.string())

    def child(self, path: Path, kind: str) -> Iterator[Batch]:
        """Procedures or diagnoses of one child file."""
        types = {KEY: pa.int64(), "TOIMENPIDE": pa.string(), "TOIMENPIDE_HAMMAS": pa.string()}
        types |= {"ICD10": pa.string(), "ICPC2": pa.string()}
        for rows in _whole(read_csv(path, types, DIALECT)):
            yield self._children(rows, kind)

    def _children(self, rows: pa.Table, kind: str) -> Batch:
        left_out: Counter[tuple[str, str]] = Counter()
        notices: Counter[tuple[str, str]] = Counter()
        at, found = self._places(rows[KEY])
        count(left_out, kind, "its main row is missing or not oral health", int((~found).sum()))
        visited = found & self.took_place[at] if len(self.ids) else found
        count(left_out, kind, "no visit took place", int((found & ~visited).sum()))
        if kind == "ICPC2":
            count(left_out, kind, "diagnoses are ICD-10 only", int(visited.sum()))
            return Batch({}, rows.num_rows, left_out)
        codes = rows["ICD10" if kind == "ICD10" else "TOIMENPIDE"]
        coded = visited & codes.is_valid().to_numpy()
        count(left_out, kind, "there is no code", int((visited & ~coded).sum()))
        mask = pa.array(coded)
        upper = pc.utf8_upper(pc.utf8_trim_whitespace(codes.filter(mask)))
        if kind == "ICD10":
            return Batch({"diagnoses": self._diagnoses(upper, at[coded])}, rows.num_rows, left_out)
        teeth = _teeth(rows, mask, kind, notices)
        return Batch({"procedures": self._procedures(upper, teeth, at[coded], kind)}, rows.num_rows, left_out, notices)

    def _places(self, keys: pa.ChunkedArray) -> tuple[Ints, Flags]:
        """Where the main rows of child rows are, and which child rows have one."""
        wanted = pc.fill_null(keys, -1).to_numpy()
        if not len(self.ids):
            return np.zeros(len(wanted), np.int64), np.zeros(len(wanted), bool)
        at = np.minimum(np.searchsorted(self.ids, wanted), len(self.ids) - 1)
        return at, (self.ids[at] == wanted) & keys.is_valid().to_numpy()

    def _diagnoses(self, codes: pa.ChunkedArray, at: Ints) -> pa.Table:
        codes = pc.replace_substring(codes, ".", "")
        key = join(_id(self.ids[at]), "/", codes, numbered(at, codes))
        return pa.table({**self._shared(at, key), "code": codes})

    def _procedures(self, codes: pa.ChunkedArray, teeth: pa.Array, at: Ints, kind: str) -> pa.Table:
        with_tooth = pc.binary_join_element_wise(codes, pc.coalesce(teeth.cast(pa.string()), ""), "-")
        origin = "" if kind == "SUU_TOIMENPIDE" else "other-"
        key = join(_id(self.ids[at]), "/", origin, with_tooth, numbered(at, with_tooth))
        self.special.update(self.person[at[pc.equal(codes, SPECIAL_NEEDS).to_numpy()]].tolist())
        systems = _systems(codes)
        return pa.table({**self._shared(at, key), "code": codes, "code_system": systems, "tooth": teeth})

    def _shared(self, at: Ints, key: pa.Array) -> dict[str, pa.Array]:
        return {
            "patient_id": self.everyone.take(pa.array(self.person[at])),
            "event_id": key,
            "event_time": instants(self.start[at]),
            "recorded_at": instants(self.end[at]),
            "source": constant(SOURCE, len(at)),
            "visit_id": _id(self.ids[at]),
        }

    def persons(self, path: Path) -> Iterator[Batch]:
        """Remember the dates of birth of the people who have rows of oral health."""
        types = {self.options.person_column: pa.string(), self.options.birth_column: pa.timestamp("s")}
        for rows in read_csv(path, types, PERSONS):
            names = rows[self.options.person_column].to_pylist()
            born = rows[self.options.birth_column].cast(pa.date32()).cast(pa.int32()).to_pylist()
            needed = [(name, day) for name, day in zip(names, born, strict=True) if name in self.names]
            self.births.update((name, day) for name, day in needed if day is not None)
            left_out = Counter({("persons", "nothing of oral health"): len(names) - len(needed)})
            yield Batch({}, rows.num_rows, +left_out)

    def patients(self) -> Batch:
        """Everybody who has rows of oral health, once."""
        home = [self.homes.get(at, (0, None))[1] for at in range(len(self.names))]
        births = pa.array([self.births.get(name) for name in self.names], pa.int32()).cast(pa.date32())
        rows = pa.table(
            {
                "patient_id": self.everyone,
                "birth_date": births,
                "sex": constant("unknown", len(self.names)),
                "municipality": pa.array(home, pa.string()),
                "special_needs": pa.array([at in self.special or None for at in range(len(self.names))], pa.bool_()),
            }
        )
        return Batch({"patients": rows}, 0)


class _Events:
    """One block of rows of oral health.

    Attributes:
        start, end: of the visit, microseconds UTC; the end is the start when it is missing or before it; 0 where none.
        latest: the latest moment of the row.
        took_place: rows with a visit.
    """

    def __init__(self, rows: pa.Table, options: Options) -> None:
        self.rows = rows
        self.person = rows[options.person_column]
        self.ids: Ints = rows[KEY].to_numpy()
        self.left_out: Counter[tuple[str, str]] = Counter()
        self.notices: Counter[tuple[str, str]] = Counter()
        self._meanings = options.meanings
        self._times = {name: _utc(rows[name]) for name in TIMES}
        self._given = {name: rows[name].is_valid().to_numpy() for name in TIMES}
        self.start = self._times["KAYNTI_ALKOI"]
        self.took_place: Flags = self._given["KAYNTI_ALKOI"] & ~self._given["PERUUTUS_AJANKOHTA"]
        ended = self._given["KAYNTI_LOPPUI"] & (self._times["KAYNTI_LOPPUI"] >= self.start)
        self.end = np.where(ended, self._times["KAYNTI_LOPPUI"], self.start)
        self.latest = np.max([np.where(self._given[one], self._times[one], 0) for one in TIMES], axis=0)
        self._lasted = (self.end - self.start) // 60_000_000
        self.minutes = pa.array(
            self._lasted.astype(np.int32), mask=~(ended & (self._lasted >= 1) & (self._lasted <= LONGEST_VISIT))
        )

    def tables(self) -> dict[str, pa.Table]:
        """The tables that the rows make."""
        made = {
            "contacts": self._contacts(),
            "appointments": self._appointments(),
            "visits": self._visits(),
            "findings": self._findings(),
        }
        idle = len(self.ids) - int(self._used.sum())
        count(self.left_out, "main", "neither contact, booking, cancellation nor visit", idle)
        return made

    @property
    def _used(self) -> Flags:
        return np.asarray(self._asked | self._booked | self.took_place | self._cancelled)

    @property
    def _asked(self) -> Flags:
        return np.asarray(self._given["YHTEYDENOTTO_AJANKOHTA"] | self._given["HOIDONTARVE_AJANKOHTA"])

    @property
    def _booked(self) -> Flags:
        return np.asarray(self._given["AJANVARAUS_AJANKOHTA"] & self._given["AJANVARAUS_VARATTU"])

    @property
    def _cancelled(self) -> Flags:
        return np.asarray(self._given["PERUUTUS_AJANKOHTA"] & self._given["AJANVARAUS_VARATTU"])

    def _contacts(self) -> pa.Table:
        when = np.where(
            self._given["YHTEYDENOTTO_AJANKOHTA"],
            self._times["YHTEYDENOTTO_AJANKOHTA"],
            self._times["HOIDONTARVE_AJANKOHTA"],
        )
        urgency = self._meaning("urgency", "HTA_KIIREELLISYYS", when, self._asked, "routine")
        service = pc.if_else(pc.equal(urgency, "emergency"), "emergency", "other")
        columns = {"channel": constant("other", len(when)), "urgency": urgency, "service": service}
        return self._table(self._asked, when, when, columns)

    def _visits(self) -> pa.Table:
        mask = self.took_place
        count(self.notices, "visits", f"minutes are not 1 to {LONGEST_VISIT}, not used", self._unlikely(mask))
        mode = self._meaning("mode", "KAYNTI_YHTEYSTAPA", self.start, mask, None)
        columns = {
            "minutes": self.minutes,
            "profession": self._meaning("profession", "KAYNTI_AMMATTI", self.start, mask, "other"),
            "urgency": self._meaning("urgency", "KAYNTI_KIIREELLISYYS", self.start, mask, "routine"),
            "mode": mode,
            "unit": self.rows["PALVELUNTUOTTAJA_YKSIKKO"],
            "producer": constant("own", len(self.ids)),
        }
        return self._table(mask, self.start, self.end, columns)

    def _unlikely(self, mask: Flags) -> int:
        return int((mask & self.minutes.is_null().to_numpy(zero_copy_only=False) & self._given["KAYNTI_LOPPUI"]).sum())

    def _appointments(self) -> pa.Table:
        cancelled = self._times["PERUUTUS_AJANKOHTA"]
        missed = self._meaning("cancellation", "PERUUTUS_SYY", cancelled, self._cancelled, "cancelled")
        booked = self._given["AJANVARAUS_VARATTU"]
        fulfilled = self.took_place & booked
        homeless = self._given["AJANVARAUS_AJANKOHTA"] | self._given["PERUUTUS_AJANKOHTA"]
        count(self.notices, "appointments", "no start that was booked, not used", int((homeless & ~booked).sum()))
        return pa.concat_tables(
            [
                self._state("booked", "booked", self._booked, self._times["AJANVARAUS_AJANKOHTA"]),
                self._state("cancelled", missed, self._cancelled, cancelled),
                self._state("fulfilled", "fulfilled", fulfilled, self.end),
            ]
        )

    def _state(self, name: str, state: str | pa.Array, mask: Flags, when: Ints) -> pa.Table:
        states = constant(state, len(self.ids)) if isinstance(state, str) else state
        real = name == "fulfilled"
        columns = {
            "appointment_id": _id(self.ids),
            "state": states,
            "starts_at": instants(self._times["AJANVARAUS_VARATTU"]),
            "minutes": self.minutes if real else pa.nulls(len(self.ids), pa.int32()),
            "profession": self._meaning("profession", "AJANVARAUS_AMMATTI", when, mask, "other"),
        }
        return self._table(mask, when, when, columns, f"-{name}")

    def _findings(self) -> pa.Table:
        parts = {kind: self.rows[column] for kind, column in TEETH.items()}
        parts["dmft"] = pc.add(pc.add(parts["decayed"], parts["missing"]), parts["filled"])
        tables = []
        for kind, value in parts.items():
            mask = self.took_place & value.is_valid().to_numpy()
            columns = {"visit_id": _id(self.ids), "kind": constant(kind, len(self.ids)), "value": value}
            tables.append(self._table(mask, self.start, self.end, columns, f"-{kind}"))
        return pa.concat_tables(tables)

    def _meaning(self, field: str, column: str, when: Ints, mask: Flags, default: str | None) -> pa.Array:
        """What the codes of a column mean; `default`, and counted, where that is not known."""
        day = days(instants(when)) if self._meanings.is_dated(field) else np.zeros(len(when), np.int32)
        found = self._meanings.of(field, self.rows[column], day)
        unknown = int((mask & found.is_null().to_numpy(zero_copy_only=False)).sum())
        taken = f", taken as {default}" if default else ""
        count(self.notices, "main", f"{column} is missing or unknown{taken}", unknown)
        return pc.fill_null(found, default) if default else found

    def _table(
        self, mask: Flags, when: Ints, known: Ints, columns: Mapping[str, pa.Array | pa.ChunkedArray], suffix: str = ""
    ) -> pa.Table:
        shared = {
            "patient_id": self.person,
            "event_id": join(_id(self.ids), suffix) if suffix else _id(self.ids),
            "event_time": instants(when),
            "recorded_at": instants(known),
            "source": constant(SOURCE, len(self.ids)),
        }
        return pa.table({**shared, **columns}).filter(pa.array(mask))


def _whole(blocks: Iterator[pa.Table]) -> Iterator[pa.Table]:
    """Blocks of a child file that do not tear the rows of one service event apart."""
    held: pa.Table | None = None
    for block in blocks:
        rows = block if held is None else pa.concat_tables([held, block])
        keys = pc.fill_null(rows[KEY], -1).to_numpy()
        ended = np.flatnonzero(keys != keys[-1])
        whole = int(ended[-1]) + 1 if len(ended) else 0
        held = rows.slice(whole)
        if whole:
            yield rows.slice(0, whole)
    if held is not None:
        yield held


def _oral(rows: pa.Table) -> Flags:
    form = pc.coalesce(rows["KAYNTI_PALVELUMUOTO"], rows["AJANVARAUS_PALVELUMUOTO"])
    return np.asarray(pc.fill_null(pc.equal(form, ORAL_HEALTH), False).to_numpy())


def _utc(times: pa.ChunkedArray) -> Ints:
    return utc(pc.fill_null(times.cast(pa.timestamp("us")).cast(pa.int64()), 0).to_numpy())


def _id(ids: Ints) -> pa.Array:
    return join("avohilmo/", pa.array(ids).cast(pa.string()))


def _teeth(rows: pa.Table, mask: pa.Array, kind: str, notices: Counter[tuple[str, str]]) -> pa.Array:
    """FDI teeth; null, and counted, where the text is none."""
    if "TOIMENPIDE_HAMMAS" not in rows.column_names:
        return pa.nulls(pc.sum(mask).as_py() or 0, pa.int16())
    encoded = rows["TOIMENPIDE_HAMMAS"].filter(mask).combine_chunks().dictionary_encode()
    texts = encoded.dictionary.to_pylist()
    number = pa.array([int(one) if _is_tooth(one) else None for one in texts], pa.int16())
    teeth = number.take(encoded.indices)
    count(notices, kind, "TOIMENPIDE_HAMMAS is no tooth, not used", teeth.null_count - encoded.null_count)
    return teeth


def _is_tooth(text: str) -> bool:
    return (
        len(text) == 2 and text.isascii() and text.isdigit() and "1" <= text[1] <= ("8" if text[0] < "5" else "5")
    ) and "1" <= text[0] <= "8"


def _systems(codes: pa.ChunkedArray) -> pa.Array:
    """`thl` for what is formed like a code of the classification, `local` for the words that houses use (VALMI)."""
    encoded = codes.combine_chunks().dictionary_encode()
    formed = pc.and_(
        pc.match_substring_regex(encoded.dictionary, "^[A-Z]{2}[A-Z0-9]{3}$"),
        pc.match_substring_regex(encoded.dictionary, "^[A-Z]{2}[A-Z0-9]*[0-9]"),
    )
    return pc.if_else(formed, "thl", "local").take(encoded.indices)
