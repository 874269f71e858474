"""The demo: from a simulated population to served, explained assessments, by the commands that anyone can type.

`python demo.py` leaves the service and the MLflow pages running until Ctrl-C; `--check` stops by itself and ends with
status 1 if anything is off.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pyarrow.parquet as pq

from serving.client import render

HOME = Path(__file__).parent
RECORDS = HOME / "var" / "records"
PATIENTS = 20_000
MOMENT = "2026-01-01T09:00:00+02:00"
"""The simulated records end on the day before."""
ASKED_AT_MOST = 400
STARTS_WITHIN = 90.0
WANTED = ("light", "heavy", "no_history")


class DemoError(RuntimeError):
    """Something that the demo promises did not happen."""


@dataclass(frozen=True)
class Server:
    """A server of the demo: what it is called, where it answers, and its process."""

    name: str
    url: str
    process: subprocess.Popen[bytes]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="stop by itself; status 1 if anything is off")
    parser.add_argument("--port", type=int, default=3000, help="port of the service")
    parser.add_argument("--mlflow-port", type=int, default=5000, help="port of the MLflow pages")
    options = parser.parse_args(arguments)
    try:
        _ports_are_free({"PORT": options.port, "MLFLOW_PORT": options.mlflow_port})
        _show(options)
    except DemoError as error:
        print(f"\ndemo: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped.")
    return 0


def _show(options: argparse.Namespace) -> None:
    started = time.monotonic()
    _train()
    with _servers(options) as (service, pages):
        token = _token(service.url, "booking-system")
        _explain(service.url, token)
        print(f"\n{_spent(started)}")
        print(f"Assessment service   {service.url}/   (its documentation; POST {service.url}/v1/assess)")
        print(
            "A token for it       python -m serving token --role booking-system"
            + (f" --url {service.url}" if options.port != 3000 else "")
        )
        print(f"Pages for people     {service.url}/pages   (users and passwords: python -m serving users)")
        print(f"MLflow               {pages.url}/")
        if options.check:
            _check(service.url, pages.url, token)
            print("Checked: all is well.")
        else:
            print("Ctrl-C stops both.")
            _wait(service, pages)


def _train() -> None:
    """From nothing to a champion in the service's model store."""
    for title, command in (
        (
            "1/5  Simulating a population",
            ["-m", "records", "simulate", "--patients", str(PATIENTS), "--out", str(RECORDS)],
        ),
        ("2/5  Features as of every booking contact", ["-m", "training", "features"]),
        ("3/5  Training three models, tracked in MLflow", ["-m", "training", "train"]),
        ("4/5  The gate", ["-m", "training", "promote", "--signed-by", "nobody: people of a demo"]),
        ("5/5  Handing the champion to the service", ["-m", "serving", "pull"]),
    ):
        print(f"\n== {title}", flush=True)
        done = subprocess.run([sys.executable, *command], cwd=HOME, env=_environment(), check=False)
        if done.returncode:
            raise DemoError(f"`python {' '.join(command)}` ended with status {done.returncode}")


def _environment() -> dict[str, str]:
    """Everything that the demo makes is under `var/`, as it is for whoever types the commands here."""
    return os.environ | {
        "BENTOML_HOME": os.environ.get("BENTOML_HOME", str(HOME / "var" / "bentoml")),
        "BENTOML_DO_NOT_TRACK": "True",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        # So few rows gain little from threads, and lose much to them where the cores have other work.
        "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1"),
        "TARVE_RECORDS": str(RECORDS),
        "PYTHONUNBUFFERED": "1",
    }


def _ports_are_free(ports: dict[str, int]) -> None:
    for variable, port in ports.items():
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError as error:
                raise DemoError(f"port {port} is in use; choose another: make demo {variable}={port + 1}") from error


@contextlib.contextmanager
def _servers(options: argparse.Namespace) -> Iterator[tuple[Server, Server]]:
    """The service and the MLflow pages, started, ready, and stopped at the end whatever happens."""
    binaries, logs = Path(sys.executable).parent, HOME / "var" / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack:
        service = stack.enter_context(_server("service", options.port, logs, [
            sys.executable, "-m", "serving", "start", "--port", str(options.port),
        ]))  # fmt: skip
        pages = stack.enter_context(_server("mlflow", options.mlflow_port, logs, [
            str(binaries / "mlflow"), "server", "--backend-store-uri", _store(), "--host", "127.0.0.1",
            "--port", str(options.mlflow_port), "--workers", "1",
        ]))  # fmt: skip
        print("\n== Starting the service and the MLflow pages", flush=True)
        _ready(service, "/readyz", logs)
        _ready(pages, "/health", logs)
        yield service, pages


def _store() -> str:
    uri = os.environ.get("MLFLOW_TRACKING_URI", "sqlite:///mlflow.db")
    return uri if "://" in uri and not uri.startswith("http") else "sqlite:///mlflow.db"


@contextlib.contextmanager
def _server(name: str, port: int, logs: Path, command: list[str]) -> Iterator[Server]:
    with (logs / f"{name}.log").open("wb") as log:
        process = subprocess.Popen(
            command, cwd=HOME, env=_environment(), stdout=log, stderr=log, start_new_session=True
        )
        try:
            yield Server(name, f"http://127.0.0.1:{port}", process)
        finally:
            _stop(process)


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Ask the server's whole process group to end; insist after ten seconds."""
    for sign in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, sign)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            continue
        return


def _ready(server: Server, path: str, logs: Path) -> None:
    deadline = time.monotonic() + STARTS_WITHIN
    while time.monotonic() < deadline:
        if server.process.poll() is not None:
            break
        with contextlib.suppress(httpx.TransportError):
            if httpx.get(server.url + path).is_success:
                return
        time.sleep(0.3)
    tail = (logs / f"{server.name}.log").read_text(errors="replace").splitlines()[-15:]
    raise DemoError(
        f"the {server.name} did not become ready within {STARTS_WITHIN:.0f} s; its log ends:\n" + "\n".join(tail)
    )


def _token(url: str, role: str) -> str:
    """A token of the demo's issuer, whose key the service made when it started."""
    done = subprocess.run([sys.executable, "-m", "serving", "token", "--role", role, "--url", url],
                          cwd=HOME, env=_environment(), capture_output=True, text=True, check=False)  # fmt: skip
    if done.returncode:
        raise DemoError(f"no token could be made: {done.stderr.strip()}")
    return done.stdout.strip()


def _explain(url: str, token: str) -> None:
    """Ask about one light and one heavy patient and one without history; print each in Finnish and in English."""
    found = _find(url, token)
    missing = [kind for kind in WANTED if kind not in found]
    if missing:
        raise DemoError(f"among {ASKED_AT_MOST} patients none was {' or '.join(missing)}")
    for kind in WANTED:
        print(f"\n== {kind.replace('_', ' ')}")
        for language in ("fi", "en"):
            print(f"\n{render(found[kind], language)}")


def _find(url: str, token: str) -> dict[str, dict[str, Any]]:
    """The first clear answer of each wanted kind: the suggested segment is also the most likely one."""
    ids = pq.read_table(RECORDS / "patients.parquet", columns=["patient_id"])["patient_id"].to_pylist()
    found: dict[str, dict[str, Any]] = {}
    with httpx.Client(base_url=url, timeout=30, headers={"Authorization": f"Bearer {token}"}) as client:
        for name in ids[:ASKED_AT_MOST]:
            reply = client.post("/v1/assess", json={"patient_id": name, "as_of": MOMENT})
            if not reply.is_success:
                raise DemoError(f"the service answered {reply.status_code} about a patient of its own records")
            answer = reply.json()
            if answer["segment"] is None:
                found.setdefault(answer["status"], answer)
            elif answer["segment"]["name"] == max(answer["probabilities"], key=answer["probabilities"].get):
                found.setdefault(answer["segment"]["name"], answer)
            if set(WANTED) <= set(found):
                break
    return found


def _check(service: str, pages: str, token: str) -> None:
    """Look once more at what the demo has just promised."""
    for url in (f"{service}/", f"{service}/openapi.json", f"{pages}/"):
        _expect(httpx.get(url), httpx.codes.OK, url)
    _expect(httpx.post(f"{service}/v1/assess", json={}), httpx.codes.UNAUTHORIZED, "a question without a token")
    caller = {"Authorization": f"Bearer {token}"}
    unknown = httpx.post(f"{service}/v1/assess", json={"patient_id": "nobody"}, headers=caller)
    _expect(unknown, httpx.codes.NOT_FOUND, "an unknown patient")
    refused = httpx.post(f"{service}/v1/assess", json={"patient_id": 7, "as_of": "yesterday"}, headers=caller)
    _expect(refused, httpx.codes.UNPROCESSABLE_ENTITY, "bad input")
    operator = {"Authorization": f"Bearer {_token(service, 'operator')}"}
    for path in ("/metrics", "/v1/model"):
        _expect(httpx.get(f"{service}{path}", headers=operator), httpx.codes.OK, path)
    verified = subprocess.run([sys.executable, "-m", "serving", "audit", "verify"], cwd=HOME, env=_environment(),
                              check=False)  # fmt: skip
    if verified.returncode:
        raise DemoError("the audit is not whole")


def _expect(reply: httpx.Response, status: int, what: str) -> None:
    if reply.status_code != status:
        raise DemoError(f"{what} got {reply.status_code}, not {status}")


def _spent(started: float) -> str:
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024**2
    return f"From nothing to the answers: {time.monotonic() - started:.0f} s; largest process {peak:.2f} GB."


def _wait(*servers: Server) -> None:
    while True:
        time.sleep(1)
        for server in servers:
            if server.process.poll() is not None:
                raise DemoError(f"the {server.name} ended by itself; see var/logs/{server.name}.log")


if __name__ == "__main__":
    for sign in (signal.SIGTERM, signal.SIGINT):  # also where a shell has started the demo in the background
        signal.signal(sign, signal.default_int_handler)
    sys.exit(main())
