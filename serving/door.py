"""The door: who comes in, by the table of access, before anything of the request's body is read."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from starlette.responses import Response
from starlette.routing import compile_path

from records.database import DatabaseError
from serving.access import ROUTES, Rule
from serving.guard import LOG, refusal
from serving.pages.gate import Gate
from serving.tokens import Caller, Tokens, UnknownCallerError

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

_STATIC = {route: rule for route, rule in ROUTES.items() if "{" not in route[1]}
_TEMPLATES: list[tuple[str, re.Pattern[str], str, Rule]] = [
    (method, compile_path(path)[0], path, rule) for (method, path), rule in ROUTES.items() if "{" in path
]


def rule_of(method: str, path: str) -> tuple[str, Rule] | None:
    """The route that a request asks for and its rule; None when the table has none."""
    method = "GET" if method == "HEAD" else method
    if (method, path) in _STATIC:
        return path, _STATIC[method, path]
    for one, pattern, template, rule in _TEMPLATES:
        if one == method and pattern.match(path):
            return template, rule
    return None


class Door:
    """Let in who may; everybody else gets a bare 401 or 403, and at the pages a page.

    The caller is in the request's state as `caller`.
    """

    def __init__(self, app: ASGIApp, tokens: Tokens, gate: Gate) -> None:
        self.app, self._tokens, self._gate = app, tokens, gate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on who may come in."""
        found = rule_of(scope["method"], scope["path"]) if scope["type"] == "http" else None
        if found is None:
            await self.app(scope, receive, send)
            return
        scope["tarve.route"], rule = found
        if rule.credential == "session":
            refused = await self._gate.admit(scope, rule)
            await (refused or self.app)(scope, receive, send)
            return
        status = await self._admit(scope, rule)
        if status == 503:
            await refusal(503, ("", "it cannot be told now who calls; try again"))(scope, receive, send)
        elif status:
            bearer = {"WWW-Authenticate": "Bearer"} if status == 401 else {}
            await Response(status_code=status, headers={"Cache-Control": "no-store", **bearer})(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    async def _admit(self, scope: Scope, rule: Rule) -> int:
        """0 for who may come in, else the status of the refusal."""
        if rule.credential == "none":
            return 0
        try:
            caller = await self._caller(scope, rule)
        except UnknownCallerError:
            return 401
        except DatabaseError as error:
            LOG.error("a token cannot be checked: %s", error)
            return 503
        if not caller.scopes & rule.scopes:
            return 403
        scope.setdefault("state", {})["caller"] = caller
        return 0

    async def _caller(self, scope: Scope, rule: Rule) -> Caller:
        sent = [value for name, value in scope["headers"] if name == b"authorization"]
        if len(sent) != 1:
            raise UnknownCallerError  # of several, others on the way may have looked at another one
        scheme, _, token = sent[0].decode("latin-1").partition(" ")
        if scheme.lower() != "bearer":
            raise UnknownCallerError
        if rule.credential == "cds":
            return await self._tokens.call(token.strip(), scope["path"])
        return await self._tokens.bearer(token.strip())
