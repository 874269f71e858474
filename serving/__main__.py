"""The command line: fetch the champion, start the service, ask it.

python -m serving pull
python -m serving start --port 3000
python -m serving start --follow 60
python -m serving ask --patient P000123 --language fi
python -m serving ask --history question.json --language fi sv en
python -m serving token --role clinician --patient P000123
python -m serving users
python -m serving audit verify
python -m serving audit reproduce 3f2b8c1e-6d1f-4a57-9a53-0d9f3f6c1b2a
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from features.families import LANGUAGES
from records.database import DatabaseError
from serving import client, logs, reviews
from serving.access import DEMO_ROLES, OF_PROVIDER, ROLES
from serving.following import Follower, follow, while_child_of
from serving.house import House
from serving.keys import KeyFolderError, demo_key, demo_passwords
from serving.release import ALIAS, RegistryError, ReleaseError, pull, require_fit, stored
from serving.settings import Settings, SettingsError
from serving.shelf import MODEL_NAME, Shelf
from serving.tenants import AccessError
from serving.tokens import demo_token

PORT = 3000
EXPECTED = (ReleaseError, client.AskError, KeyFolderError, AccessError, DatabaseError, SettingsError)
"""What ends a command with its sentence; everything else is a fault of ours."""


def main(arguments: list[str] | None = None) -> int:
    """Run one command; 0 when it did what it was asked, 1 with a sentence on standard error when not."""
    asked = _parser().parse_args(arguments)
    try:
        return int(asked.run(asked))
    except EXPECTED as error:
        sys.stderr.write(f"{error}\n")
        return 1


def _pull(asked: argparse.Namespace) -> int:
    try:
        sys.stdout.write(f"{pull(asked.name, asked.alias)}\n")
    except RegistryError as error:
        champion = Shelf.of_bentoml().champion()
        if not asked.or_keep or champion is None:
            raise
        sys.stderr.write(f"{error}; {MODEL_NAME}:{champion.name} is kept\n")
    return 0


def _follow(asked: argparse.Namespace) -> int:
    logs.set_up()
    parent = os.getppid()
    goes_on = while_child_of(parent) if asked.while_parent else lambda: True
    with contextlib.suppress(KeyboardInterrupt):
        follow(Follower(Shelf.of_bentoml(), asked.name, asked.alias), asked.seconds, goes_on)
    return 0


def _start(asked: argparse.Namespace) -> int:
    if asked.follow is None:
        # A person waits: what is wrong with the release is said at once, in one sentence.
        require_fit(stored())
    os.environ.setdefault("TARVE_PUBLIC_URL", f"http://{asked.host}:{asked.port}")
    House.open(Settings.read()).close()
    return _become_bentoml(asked)


def _become_bentoml(asked: argparse.Namespace) -> int:  # pragma: no cover - nothing of this process is left to report
    os.environ["BENTOML_DO_NOT_TRACK"] = "True"
    root = str(Path(__file__).resolve().parent.parent)
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))
    if asked.follow is not None:
        seconds = ["--seconds", str(asked.follow), "--while-parent"]
        subprocess.Popen([sys.executable, "-m", "serving", "follow", *seconds])  # noqa: S603 - our own command
    serve = ["-m", "bentoml", "serve", "serving.service:Tarve", "--host", asked.host, "--port", str(asked.port)]
    os.execv(sys.executable, [sys.executable, *serve])  # noqa: S606 - our own command; signals then reach the server itself


def _ask(asked: argparse.Namespace) -> int:
    token = asked.token or os.environ.get("TARVE_TOKEN") or _token("booking-system", asked.url)
    answer = client.ask(asked.url, _question(asked), token)
    sys.stdout.write("\n".join(client.render(answer, language) for language in asked.language))
    return 0


def _show_token(asked: argparse.Namespace) -> int:
    if ROLES[asked.role] & OF_PROVIDER and not asked.provider:
        raise client.AskError(f"a token of the role {asked.role} opens nothing unless it names a provider: --provider")
    url = asked.url or Settings.read().public_url
    sys.stdout.write(f"{_token(asked.role, url, asked.seconds, patient=asked.patient, provider=asked.provider)}\n")
    return 0


def _token(role: str, url: str, seconds: int = 3_600, **named: str | None) -> str:
    key = demo_key(Settings.read().keys)
    return demo_token(key, role, url.rstrip("/"), datetime.now(UTC), seconds=seconds, **named)


def _users(_: argparse.Namespace) -> int:
    passwords = demo_passwords(Settings.read().keys, DEMO_ROLES)
    sys.stdout.write("".join(f"{name:16}{password}\n" for name, password in passwords.items()))
    return 0


def _verify(_: argparse.Namespace) -> int:
    found = reviews.verify(Settings.read())
    sys.stdout.write("\n".join(found.sentences) + "\n")
    return 0 if found.is_whole else 1


def _reproduce(asked: argparse.Namespace) -> int:
    found = reviews.reproduce(Settings.read(), asked.assessment, datetime.now(UTC))
    sys.stdout.write("\n".join(found.sentences) + "\n")
    return 0 if found.is_whole else 1


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
    fetch.add_argument("--or-keep", action="store_true", help="while the registry is away, what is there will do")
    fetch.set_defaults(run=_pull)
    _add_follow(commands)

    start = commands.add_parser("start", help="serve the latest pulled model until stopped")
    start.add_argument("--host", default="127.0.0.1", help="address to listen at (%(default)s)")
    start.add_argument("--port", type=int, default=PORT, help="port to listen at (%(default)s)")
    start.add_argument(
        "--follow",
        type=float,
        metavar="SECONDS",
        help="ask the registry so often, take up a new champion, and wait for the first one if there is none",
    )
    start.set_defaults(run=_start)

    ask = commands.add_parser("ask", help="ask a running service for one assessment")
    ask.add_argument("--url", default=f"http://127.0.0.1:{PORT}", help="where the service runs (%(default)s)")
    who = ask.add_mutually_exclusive_group(required=True)
    who.add_argument("--patient", help="id of a patient in the service's record store")
    who.add_argument("--history", type=Path, help="JSON file with patient and history, as POST /v1/assess takes it")
    ask.add_argument("--as-of", help="moment of the assessment, ISO 8601 (now)")
    ask.add_argument("--language", nargs="+", choices=LANGUAGES, default=["en"], help="languages to show (%(default)s)")
    ask.add_argument("--token", help="bearer token (TARVE_TOKEN, else one of the demo's issuer)")
    ask.set_defaults(run=_ask)
    _add_token(commands)
    users = commands.add_parser("users", help="show the demo's users of the pages with their passwords")
    users.set_defaults(run=_users)
    _add_audit(commands)
    return parser


def _add_follow(commands: Any) -> None:
    follower = commands.add_parser("follow", help="carry every new champion into the BentoML model store")
    follower.add_argument("--name", default=MODEL_NAME, help="registered name in MLflow (%(default)s)")
    follower.add_argument("--alias", default=ALIAS, help="alias that the model holds (%(default)s)")
    follower.add_argument("--seconds", type=float, default=60.0, help="between two questions (%(default)g)")
    follower.add_argument("--while-parent", action="store_true", help="end with the process that started it")
    follower.set_defaults(run=_follow)


def _add_token(commands: Any) -> None:
    token = commands.add_parser("token", help="show a bearer token of the demo's issuer")
    token.add_argument("--role", choices=sorted(ROLES), required=True, help="what it allows")
    token.add_argument("--patient", help="the patient whom it names, for roles that see one patient")
    token.add_argument("--provider", help="the provider whom it names, for roles that speak for one")
    token.add_argument("--url", help="address of the service that it is for (TARVE_PUBLIC_URL)")
    token.add_argument("--seconds", type=int, default=3_600, help="how long it holds (%(default)s)")
    token.set_defaults(run=_show_token)


def _add_audit(commands: Any) -> None:
    audit = commands.add_parser("audit", help="look whether the audit is whole, or make an assessment again")
    deeds = audit.add_subparsers(required=True, metavar="deed")
    verify = deeds.add_parser("verify", help="find every changed, missing or added line; status 1 if there is one")
    verify.set_defaults(run=_verify)
    reproduce = deeds.add_parser("reproduce", help="make an assessment again from its snapshot and compare")
    reproduce.add_argument("assessment", help="its id")
    reproduce.set_defaults(run=_reproduce)


if __name__ == "__main__":
    sys.exit(main())
