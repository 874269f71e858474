"""The gate of the pages: who has signed in, and whether a form comes from our own page."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from starlette.requests import Request

from records.database import DatabaseError
from serving.access import Rule
from serving.guard import LOG
from serving.house import House
from serving.pages.render import Renderer
from serving.pages.sessions import Sessions, Signer
from serving.tenants import Directory

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Scope


class Gate:
    """Lets people in by their session.

    Args:
        sessions: of the service.
        renderer: of the pages.
        directory: who is known.
    """

    def __init__(self, sessions: Sessions, renderer: Renderer, directory: Directory) -> None:
        self.sessions, self.renderer, self._directory = sessions, renderer, directory

    async def admit(self, scope: Scope, rule: Rule) -> ASGIApp | None:
        """None for who may come in; else what to say.

        The request's state then holds `session`, `session_name` and `caller`. Who has not signed in is led to where
        that is done; whoever may not see a page is told so.
        """
        request = Request(scope)
        name = self.renderer.name(request, self.renderer.session_cookie)
        try:
            session = None if name is None else await asyncio.to_thread(self.sessions.read, name)
        except DatabaseError as error:
            LOG.error("a session cannot be read: %s", error)
            return self.renderer.fault(request, 503, "away")
        caller = None if session is None else session.caller(self._directory)
        if caller is None:
            return self.renderer.to("/sign-in")
        request.state.session, request.state.session_name, request.state.caller = session, name, caller
        if rule.scopes and not caller.scopes & rule.scopes:
            return self.renderer.fault(request, 403, "forbidden")
        return None


def page_gate(house: House, now: Callable[[], datetime]) -> Gate:
    """The gate of a service.

    Args:
        house: what the service holds.
        now: the present, aware.
    """
    key, directory = house.secrets.vault, house.directory
    renderer = Renderer(house.settings.public_url, Signer(key), directory.frames)
    return Gate(Sessions(house.ledger.database, key, now), renderer, directory)
