"""The command line: fetch the champion, start the service, ask it.

python -m serving pull
python -m serving start --port 3000
python -m serving ask --patient P000123 --language fi
python -m serving ask --history question.json --language fi sv en
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

from serving import client
from serving.release import ALIAS, MODEL_NAME, Release, ReleaseError, pull, stored
from serving.words import LANGUAGES

PORT = 3000


def main(arguments: list[str] | None = None) -> int:
    """Run one command; 0 when it did what it was asked, 1 with a sentence on standard error when not."""
    asked = _parser().parse_args(arguments)
    try:
        return int(asked.run(asked))
    except (ReleaseError, client.AskError) as error:
        sys.stderr.write(f"{error}\n")
        return 1


def _pull(asked: argparse.Namespace) -> int:
    sys.stdout.write(f"{pull(asked.name, asked.alias)}\n")
    return 0


def _start(asked: argparse.Namespace) -> int:
    # Here a release that does not fit ends in one sentence; in a worker it would end in a restart, again and again.
    Release.read(stored())
    return _become_bentoml(asked)


def _become_bentoml(asked: argparse.Namespace) -> int:  # pragma: no cover - nothing of this process is left to report
    os.environ["BENTOML_DO_NOT_TRACK"] = "True"
    root = str(Path(__file__).resolve().parent.parent)
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))
    serve = ["-m", "bentoml", "serve", "serving.service:Tarve", "--host", asked.host, "--port", str(asked.port)]
    os.execv(sys.executable, [sys.executable, *serve])  # noqa: S606 - our own command; signals then reach the server itself


def _ask(asked: argparse.Namespace) -> int:
    answer = client.ask(asked.url, _question(asked))
    sys.stdout.write("\n".join(client.render(answer, language) for language in asked.language))
    return 0


def _question(asked: argparse.Namespace) -> dict[str, Any]:
    question = {"patient_id": asked.patient} if asked.history is None else _read(asked.history)
    return question if asked.as_of is None else question | {"as_of": asked.as_of}


def _read(path: Path) -> dict[str, Any]:
    try:
        question = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise client.AskError(f"{path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise client.AskError(f"{path} is not JSON") from error
    if not isinstance(question, dict):
        raise client.AskError(f"{path} must hold an object with patient and history")
    return question


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m serving", description="Serve and ask assessments.")
    commands = parser.add_subparsers(required=True, metavar="command")

    fetch = commands.add_parser("pull", help="carry a registered model into the BentoML model store")
    fetch.add_argument("--name", default=MODEL_NAME, help="registered name in MLflow (%(default)s)")
    fetch.add_argument("--alias", default=ALIAS, help="alias that the model holds (%(default)s)")
    fetch.set_defaults(run=_pull)

    start = commands.add_parser("start", help="serve the latest pulled model until stopped")
    start.add_argument("--host", default="127.0.0.1", help="address to listen at (%(default)s)")
    start.add_argument("--port", type=int, default=PORT, help="port to listen at (%(default)s)")
    start.set_defaults(run=_start)

    ask = commands.add_parser("ask", help="ask a running service for one assessment")
    ask.add_argument("--url", default=f"http://127.0.0.1:{PORT}", help="where the service runs (%(default)s)")
    who = ask.add_mutually_exclusive_group(required=True)
    who.add_argument("--patient", help="id of a patient in the service's record store")
    who.add_argument("--history", type=Path, help="JSON file with patient and history, as POST /v1/assess takes it")
    ask.add_argument("--as-of", help="moment of the assessment, ISO 8601 (now)")
    ask.add_argument("--language", nargs="+", choices=LANGUAGES, default=["en"], help="languages to show (%(default)s)")
    ask.set_defaults(run=_ask)
    return parser


if __name__ == "__main__":
    sys.exit(main())
