"""From a template to an answer: the language of the reader, the headers that let nothing else in, words and numbers."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import date, datetime
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from features.families import LANGUAGES, Language
from records.clock import HELSINKI
from serving.pages.sessions import Session, Signer
from serving.pages.words import FAULTS, PAGE, ROLES
from serving.words import PROFESSIONS, SEGMENTS, TABLES, TEXTS, Texts, language_of, number, said, word

TEMPLATES = Path(__file__).parent.parent / "templates"
STYLE = (TEMPLATES / "style.css").read_text(encoding="utf-8")
VERSION = hashlib.sha256(STYLE.encode()).hexdigest()[:12]
"""Of the style: browsers keep it until it changes."""
LANGUAGE = "language"
"""The member of an address that chooses a language, and the cookie that remembers it."""
A_YEAR = 365 * 24 * 3600
NO_BREAK = "\N{NO-BREAK SPACE}"
NAMES = {"fi": "Suomi", "sv": "Svenska", "en": "English"}

_MOMENT = {"fi": "{0.day}.{0.month}.{0.year} klo {0:%H.%M}", "sv": "{0.day}.{0.month}.{0.year} kl. {0:%H.%M}"}


class Renderer:
    """Renders the pages of one service.

    Args:
        public_url: address that browsers use, without a slash at the end.
        signer: of names and forms.
        frames: origins of pages that may show ours in a frame.
    """

    def __init__(self, public_url: str, signer: Signer, frames: list[str]) -> None:
        parts = urlsplit(public_url)
        self.public_url, self.signer = public_url, signer
        self.base, self.is_secure, self._frames = parts.path, parts.scheme == "https", frames
        self.session_cookie = "__Host-tarve" if self.is_secure else "tarve"
        self.visitor_cookie = "__Host-tarve-visitor" if self.is_secure else "tarve-visitor"
        self._environment = _environment()

    def page(self, request: Request, template: str, status: int = 200, **given: Any) -> Response:
        """A page in the reader's language.

        Args:
            request: whose answer it is.
            template: its file.
            status: of the answer.
            given: what the template asks for.

        Links to other languages lead to the same address, or to `here` in the request's state where that is no page to
        open again.
        """
        language = self.language(request)
        session: Session | None = getattr(request.state, "session", None)
        name = self.name(request, self.session_cookie) if session else self.visitor(request)
        common = {
            "language": language,
            "languages": NAMES,
            "t": {key: texts[language] for key, texts in PAGE.items()},
            "base": f"{self.base}/pages",
            "here": f"{self.base}{getattr(request.state, 'here', request.url.path)}",
            "style": VERSION,
            "session": session,
            "role": word(ROLES, session.role, language) if session else "",
            "form_token": self.signer.form_token(name or ""),
        }
        body = self._environment.get_template(template).render(common | given)
        answer = HTMLResponse(body, status, self.headers() | {"Content-Language": language})
        if request.query_params.get(LANGUAGE) in LANGUAGES:
            self.keep(answer, LANGUAGE, language, A_YEAR)
        if not session:
            self.keep(answer, self.visitor_cookie, self.signer.signed(name or ""), None)
        return answer

    def fault(self, request: Request, status: int, what: str, **values: Any) -> Response:
        """A page that says in one sentence why there is nothing else.

        Args:
            request: whose answer it is.
            status: of the answer.
            what: one of `FAULTS`.
            values: what the sentence asks for.
        """
        return self.page(request, "fault.html", status, says=FAULTS[what][self.language(request)].format(**values))

    def to(self, path: str) -> Response:
        """Lead on to another page."""
        return RedirectResponse(f"{self.base}/pages{path}", 303, self.headers())

    def language(self, request: Request) -> Language:
        """The language that the address asks for, else the one remembered, else the browser's."""
        wishes = (request.query_params.get(LANGUAGE), request.cookies.get(LANGUAGE))
        for language in LANGUAGES:
            if next(filter(None, wishes), None) == language:
                return language
        return language_of(request.headers.get("accept-language", ""), "fi")

    def name(self, request: Request, cookie: str) -> str | None:
        """The name in a cookie; None when there is none that we signed."""
        return self.signer.name(request.cookies.get(cookie, ""))

    def visitor(self, request: Request) -> str:
        """The name of a browser in which nobody has signed in; a new one where it has none."""
        if not hasattr(request.state, "visitor"):
            known = self.name(request, self.visitor_cookie)
            request.state.visitor = known or self.signer.name(self.signer.new())
        return str(request.state.visitor)

    def keep(self, answer: Response, cookie: str, value: str, seconds: int | None) -> None:
        """Let the browser keep a cookie, or forget it where the seconds are 0."""
        framed = bool(self._frames) and self.is_secure
        answer.set_cookie(cookie, value, max_age=seconds, path="/", httponly=True, secure=self.is_secure,
                          samesite="none" if framed else "lax")  # fmt: skip
        if framed:
            # http.cookies knows the attribute only from Python 3.14 on.
            name, said = answer.raw_headers[-1]
            answer.raw_headers[-1] = (name, said + b"; Partitioned")

    def headers(self) -> dict[str, str]:
        """What every page is sent with: nothing is loaded but our style, nothing runs, nobody else may show it."""
        ancestors = " ".join(self._frames) or "'none'"
        policy = (
            "default-src 'none'; style-src 'self'; img-src data:; form-action 'self'; base-uri 'none'; "
            f"frame-ancestors {ancestors}"
        )
        return {
            "Cache-Control": "no-store",
            "Content-Security-Policy": policy,
            "Referrer-Policy": "no-referrer",
            "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
            "Cross-Origin-Resource-Policy": "same-origin",
            "Vary": "Cookie, Accept-Language",
        }


def style(_: Request) -> Response:
    """The style of all pages."""
    headers = {"Cache-Control": f"public, max-age={A_YEAR}, immutable"}
    return Response(STYLE, media_type="text/css", headers=headers)


def moment(at: datetime, language: Language) -> str:
    """A moment as people of Helsinki read it."""
    return _MOMENT.get(language, "{0.day} {0:%B %Y}, {0:%H:%M}").format(at.astimezone(HELSINKI))


def day(at: date, language: Language) -> str:
    """A day as the language writes it."""
    return f"{at.day} {at:%B %Y}" if language == "en" else f"{at.day}.{at.month}.{at.year}"


def percent(share: float, language: Language) -> str:
    """A share in whole percent."""
    return f"{number(100 * share, 0, language)}{'%' if language == 'en' else f'{NO_BREAK}%'}"


def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    in_language: dict[str, Any] = {
        "moment": moment,
        "day": day,
        "percent": percent,
        "said": said,
        "own": getattr,
        "number": _number,
        "plain": lambda value, _: f"{value:g}",
        "text": lambda name, language: TEXTS[name][language],
        "profession": partial(_word, PROFESSIONS),
        "segment": partial(_word, SEGMENTS),
        "table": partial(_word, TABLES),
        "capital": lambda text, _: f"{text[:1].upper()}{text[1:]}",
    }
    for name, filtered in in_language.items():
        made.filters[name] = _with_language(filtered)
    return made


def _with_language(filtered: Any) -> Any:
    """A filter that is told the page's language after its value."""

    @pass_context
    def told(context: Mapping[str, Any], value: Any, *more: Any) -> Any:
        return filtered(value, context["language"], *more)

    return told


def _number(value: float, language: Language, places: int = 0) -> str:
    return number(value, places, language)


def _word(words: Texts, name: str, language: Language) -> str:
    return word(words, name, language)
