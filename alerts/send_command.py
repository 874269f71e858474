"""The commands that send messages and show those that could not be sent: `send` and `dead-letters`."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from contextlib import closing, contextmanager, nullcontext
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Engine, func, select
from tqdm import tqdm

from alerts.command_line import DONE, INCOMPLETE, add_database, opened, past
from alerts.dead_letters import dead_letters, send_again
from alerts.defined import stored_definitions
from alerts.dispatch import Dispatcher
from alerts.gateways import Delivery, Gateway, open_gateway
from alerts.phones import DatabasePhoneBook
from alerts.tables import messages_outbox
from alerts.transactions import snapshot, writing
from records.clock import HELSINKI
from records.database.connection import engine
from records.database.errors import told_plainly

GATEWAY = "TARVE_SMS_GATEWAY"
"""Names the gateway's URL, which may hold a password, in the environment: arguments are seen by all users."""


def add_send(commands: Any) -> None:
    """Add the command `send`."""
    one = commands.add_parser(
        "send",
        help="send what is due",
        description="Send the messages that are due, each once. Several may run at once, and one may be killed at any"
        " time: another one carries on. Any cron will do.",
        epilog="Exit status: 0 done; 1 the database, a definition or the gateway cannot be used; 2 an argument is"
        " wrong; 4 done, but messages went to the dead-letter list, or the gateway fails and was left alone.",
    )
    one.set_defaults(run=_send)
    one.add_argument(
        "--gateway",
        default=os.environ.get(GATEWAY),
        metavar="URL",
        help="takes text messages: http(s)://, or a URL of Apprise with {to} for the number; without one only providers"
        f" are told (default: ${GATEWAY})",
    )
    one.add_argument(
        "--delivery",
        type=Delivery,
        choices=list(Delivery),
        metavar="PROMISE",
        help="what holds where nobody knows whether a message went: once (the gateway knows keys; default for http),"
        " at-most-once (default for Apprise), at-least-once",
    )
    one.add_argument("--phones", metavar="URL", help="database of the telephone numbers (default: the same)")
    until = one.add_mutually_exclusive_group()
    until.add_argument("--once", action="store_true", help="send a few and stop")
    until.add_argument("--until-empty", action="store_true", help="send until nothing more is due (default)")
    one.add_argument(
        "--now", type=past, help="the moment to send as of, ISO 8601, Helsinki time (default: the present)"
    )
    add_database(one)


def add_dead_letters(commands: Any) -> None:
    """Add the command `dead-letters`."""
    one = commands.add_parser(
        "dead-letters",
        help="messages that a person has to look at",
        description="Show the messages that were given up or not delivered, or have some of them sent again.",
    )
    one.set_defaults(run=_dead_letters, parser=one)
    one.add_argument("--send-again", nargs="+", default=[], metavar="MESSAGE", help="queue these again")
    one.add_argument("--who", help="who decided so, a pseudonym; for the audit")
    one.add_argument("--why", help="and why")
    add_database(one)


def _send(given: argparse.Namespace) -> int:
    with opened(given.database) as database, _gateway(given) as gateway, _phones(given, database) as phones:
        with snapshot(database) as connection:
            definitions = stored_definitions(connection)
        clock = (lambda: given.now) if given.now else (lambda: datetime.now(UTC))
        dispatcher = Dispatcher(database, definitions, phones, clock, gateway)
        with told_plainly(), _bar(dispatcher):
            dispatcher.once() if given.once else dispatcher.until_empty()
        with snapshot(database) as connection:
            left = _left(connection)
    for line in _told(dispatcher, left):
        print(line)
    return INCOMPLETE if dispatcher.paused or dispatcher.counts["dead"] else DONE


@contextmanager
def _bar(dispatcher: Dispatcher) -> Iterator[None]:
    with closing(tqdm(desc="send", total=dispatcher.waiting(), unit=" messages", disable=None)) as bar:
        dispatcher.watch = lambda _word: bar.update()
        yield


@contextmanager
def _gateway(given: argparse.Namespace) -> Iterator[Gateway | None]:
    if given.gateway is None:
        yield None
        return
    with closing(open_gateway(given.gateway, given.delivery)) as gateway:
        yield gateway


@contextmanager
def _phones(given: argparse.Namespace, database: Engine) -> Iterator[DatabasePhoneBook]:
    with nullcontext(database) if given.phones is None else _read_only(given.phones) as kept:
        yield DatabasePhoneBook(kept)


@contextmanager
def _read_only(url: str) -> Iterator[Engine]:
    reached = engine(url, read_only=True)
    try:
        yield reached
    finally:
        reached.dispose()


def _left(connection: Connection) -> dict[tuple[str, str], int]:
    """How many messages wait, by channel and state."""
    outbox = messages_outbox
    rows = select(outbox.c.channel, outbox.c.state, func.count()).where(outbox.c.state.in_(("queued", "sending")))
    return {(row[0], row[1]): row[2] for row in connection.execute(rows.group_by(outbox.c.channel, outbox.c.state))}


def _told(dispatcher: Dispatcher, left: dict[tuple[str, str], int]) -> Iterator[str]:
    """What was done and what is left, line by line; nothing about any one message."""
    words = {
        "sent": "sent",
        "not_sent": "not sent, with the reason",
        "withdrawn": "withdrawn",
        "waiting": "put off",
        "taken": "left to another one",
        "dead": "given up: see dead-letters",
    }
    told = [f"{dispatcher.counts[word]:,} {says}" for word, says in words.items() if dispatcher.counts[word]]
    yield f"{dispatcher.counts.total():,} messages" + (f": {', '.join(told)}" if told else " were due")
    if dispatcher.paused:
        yield "the gateway failed several times in a row and was left alone"
    for (channel, state), many in sorted(left.items()):
        where = "text messages" if channel == "sms" else "messages to providers"
        how = "wait" if state == "queued" else "may have gone and will be looked at again"
        yield f"{many:,} {where} {how}"
    if dispatcher.gateway is None:
        yield "no gateway is given: text messages are not sent"


def _dead_letters(given: argparse.Namespace) -> int:
    if given.send_again and not (given.who and given.why):
        given.parser.error("say who decided so, and why: --who and --why")
    with opened(given.database) as database:
        if given.send_again:
            with writing(database) as connection:
                many = send_again(connection, given.send_again, given.who, given.why, datetime.now(UTC))
            print(f"{many:,} of {len(given.send_again):,} are queued again")
            return DONE
        with snapshot(database) as connection:
            letters = dead_letters(connection)
    for one in letters:
        since = f"{one.since.astimezone(HELSINKI):%Y-%m-%d %H:%M}"
        print(f"{one.message_id}  {since}  {one.definition_id} {one.rule}: {one.reason}, {one.attempts} attempts")
    print(f"{len(letters):,} messages to look at")
    return DONE
