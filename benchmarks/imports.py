"""How fast AvoHilmo is read and imported: made-up rows, and the bare parse of the same bytes beside it.

    python -m benchmarks.imports [--rows 1000000] [--rounds 3] [--json FILE]

One core. Every round measures all in turn: the bare parse of all columns by `pyarrow.csv`, our reader, the whole import
into a new store, and the same import again; what is printed is the median. Beside the main file there is a file of
procedures with a row and a half a visit, and one of diagnoses with half a row; rows are counted of the main file and of
all files. The rows are made in a process of their own, so that the memory measured is that of the import.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv
from numpy.random import Generator

from benchmarks.memory import highest_megabytes
from records.imports import import_batches
from records.sources.avohilmo import KEY, TEETH, TEXTS, TIMES, read_avohilmo

CHUNK = 100_000
UNUSED = 25
"""Columns of the register that nobody reads: postal code, weight, smoking and the like."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark and print its table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.imports", description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows of the main file (default %(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="rounds (default %(default)s)")
    parser.add_argument("--json", type=Path, help="file for the figures")
    given = parser.parse_args(arguments)
    pa.set_cpu_count(1)
    pa.set_io_thread_count(1)
    with tempfile.TemporaryDirectory(prefix="tarve-imports-") as name:
        figures = measure(Path(name), given.rows, given.rounds)
    for key, value in figures.items():
        sys.stdout.write(f"{key:<46}{value:>14,.2f}\n")
    if given.json:
        given.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    return 0


def measure(folder: Path, rows: int, rounds: int) -> dict[str, float]:
    """Medians over the rounds, and the highest memory of the process."""
    files = _made_elsewhere(folder, rows)
    lines = sum(path.read_bytes().count(b"\n") - 1 for path in files)
    took: dict[str, list[float]] = {"parse": [], "read": [], "import": []}
    for _ in range(rounds):
        took["parse"].append(_seconds(lambda: _parse(files)))
        took["read"].append(_seconds(lambda: _read(files)))
        took["import"].append(_seconds(lambda: _import(folder / "store", files)))
        took.setdefault("import again", []).append(_seconds(lambda: _import(folder / "store", files)))
        shutil.rmtree(folder / "store")
    median = {name: statistics.median(some) for name, some in took.items()}
    figures = {f"{name}: main rows a second": rows / seconds for name, seconds in median.items()}
    figures |= {f"{name}: rows of all files a second": lines / seconds for name, seconds in median.items()}
    figures |= {f"{name}: times the bare parse": median[name] / median["parse"] for name in median if name != "parse"}
    figures["size of the files, MB"] = sum(path.stat().st_size for path in files) / 1e6
    figures["highest memory, MB"] = highest_megabytes()
    return figures


def _seconds(run: Callable[[], None]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def _parse(files: Sequence[Path]) -> None:
    for path in files:
        options = pacsv.ReadOptions(use_threads=False, encoding="latin-1")
        with pacsv.open_csv(path, options, pacsv.ParseOptions(delimiter=";")) as reader:
            for _ in reader:
                pass


def _read(files: Sequence[Path]) -> None:
    for _ in read_avohilmo(files):
        pass


def _import(store: Path, files: Sequence[Path]) -> None:
    import_batches(store, read_avohilmo(files), store.with_name("aside"), origin="benchmark")


def _made_elsewhere(folder: Path, rows: int) -> list[Path]:
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(make, folder, rows).result()


def make(folder: Path, rows: int) -> list[Path]:
    """Write a main file, a file of procedures and one of diagnoses; they hold nobody's data."""
    rng = np.random.Generator(np.random.PCG64(1))
    files = [folder / f"{name}.csv" for name in ("main", "procedures", "diagnoses")]
    for start in range(0, rows, CHUNK):
        ids = np.arange(start, min(start + CHUNK, rows)) + 1
        _append(files[0], _main(rng, ids, max(rows // 12, 1)))
        _append(files[1], _children(rng, ids, "TOIMENPIDE", ["SAA01", "SFA20", "WX110", "EB1AA", "VALMI"], 1.5))
        _append(files[2], _children(rng, ids, "ICD10", ["K021", "Z012", "K045"], 0.5))
    return files


def _main(rng: Generator, ids: np.ndarray, people: int) -> pa.Table:
    many = len(ids)
    start = rng.integers(1_400_000_000, 1_700_000_000, many) // 300 * 300
    oral = rng.random(many) < 0.9
    given = {
        "YHTEYDENOTTO_AJANKOHTA": _times(start - 2_000_000, rng.random(many) < 0.4),
        "AJANVARAUS_AJANKOHTA": _times(start - 1_900_000, rng.random(many) < 0.6),
        "AJANVARAUS_VARATTU": _times(start, rng.random(many) < 0.6),
        "KAYNTI_ALKOI": _times(start, rng.random(many) < 0.93),
        "KAYNTI_LOPPUI": _times(start + 1800, rng.random(many) < 0.9),
        "PERUUTUS_AJANKOHTA": _times(start - 90_000, rng.random(many) < 0.05),
        "KAYNTI_PALVELUMUOTO": np.where(oral, "T60", "T11"),
        "KAYNTI_YHTEYSTAPA": rng.choice(["R10", "R10", "R10", "R52"], many),
        "KAYNTI_AMMATTI": rng.choice(["22221", "22225", "32250", "51325"], many),
        "KAYNTI_KIIREELLISYYS": rng.choice(["E", "K", "P"], many),
        "ASIAKAS_KOTIKUNTA": rng.choice(["091", "049", "092"], many),
        "PALVELUNTUOTTAJA_YKSIKKO": rng.choice([f"1.2.246.10.1234567.10.{at}" for at in range(40)], many),
    }
    columns = {KEY: ids, "TNRO": np.char.add("P", rng.integers(10**7, 10**7 + people, many).astype(str))}
    columns |= {name: given.get(name, np.full(many, "")) for name in (*TIMES, *TEXTS)}
    columns |= {
        name: np.where(rng.random(many) < 0.2, rng.integers(0, 9, many).astype(str), "") for name in TEETH.values()
    }
    columns |= {f"MUU_{at}": rng.choice(["", "", "å", "123"], many) for at in range(UNUSED)}
    return pa.table(columns)


def _children(rng: Generator, ids: np.ndarray, name: str, codes: list[str], mean: float) -> pa.Table:
    keys = np.repeat(ids, rng.poisson(mean, len(ids)))
    columns = {KEY: keys, name: rng.choice(codes, len(keys))}
    if name == "TOIMENPIDE":
        columns["TOIMENPIDE_HAMMAS"] = rng.choice(["", "16", "26", "36", "46"], len(keys))
    return pa.table(columns)


def _times(seconds: np.ndarray, given: np.ndarray) -> np.ndarray:
    iso = seconds.astype("datetime64[s]").astype("datetime64[m]").astype(str)
    parts = np.array([f"{one[8:10]}.{one[5:7]}.{one[:4]} {one[11:]}" for one in iso.tolist()])
    return np.where(given, parts, "")


def _append(path: Path, rows: pa.Table) -> None:
    header = pacsv.WriteOptions(include_header=not path.exists(), delimiter=";", quoting_style="none")
    sink = pa.BufferOutputStream()
    pacsv.write_csv(rows, sink, header)
    with path.open("ab") as file:
        file.write(sink.getvalue().to_pybytes().decode("utf-8").encode("latin-1"))


if __name__ == "__main__":
    sys.exit(main())
