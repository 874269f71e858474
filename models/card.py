"""The model card and the one-page Model Facts label: what a model is for, what it is not, and what was measured.

Both are made from one YAML file, whose words people write, and from figures, which a training run fills in. The card
answers the items of TRIPOD+AI and articles 12 to 15 of the EU AI Act; `Card.missing` names those that it leaves open.
The label follows Sendak et al. (npj Digit Med 2020;3:41) and speaks Finnish, Swedish and English.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Self

import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from features.families import LANGUAGES, Language

DEFAULT = Path(__file__).parent / "card.yaml"
TEMPLATES = Path(__file__).parent / "templates"
FILE = "card.json"
"""Name of a card beside a saved model."""

_ITEMS = (
    "1 2 3a 3b 3c 4 5a 5b 6a 6b 6c 7 8a 8b 8c 9a 9b 9c 10 11 12a 12b 12c 12d 12e 12f 12g 13 14 15 16 17 "
    "18a 18b 18c 18d 18e 18f 19 20a 20b 20c 21 22 23a 23b 24 25 26 27a 27b 27c"
)
REQUIRED = (
    *(f"TRIPOD+AI {item}" for item in _ITEMS.split()),
    "AI Act 12",
    *(f"AI Act 13(3)({item}" for item in ("a)", "b)(i)", "b)(ii)", "b)(iii)", "b)(vi)", "b)(vii)", "e)")),
    "AI Act 14",
    *(f"AI Act 15({item})" for item in (1, 3, 4, 5)),
)
"""Items of the TRIPOD+AI checklist (BMJ 2024;385:e078378), and paragraphs of Regulation (EU) 2024/1689, that a card
must cover."""
_NAME = re.compile(r"\{([a-z_.]+)\}")
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3})")
_DAY = re.compile(r"(\d{4})-(\d\d)-(\d\d)")
NO_BREAK = "\u00a0"
_HEAD: Mapping[str, Mapping[Language, str]] = {
    "segment": {"fi": "Vähintään", "sv": "Minst", "en": "At least"},
    "share": {"fi": "Osuus", "sv": "Andel", "en": "Share"},
    "auroc": {"fi": "AUROC (95 %)", "sv": "AUROC (95 %)", "en": "AUROC (95%)"},
    "ratio": {"fi": "Toteutunut/odotettu", "sv": "Utfall/förväntat", "en": "Observed/expected"},
    "performance": {"fi": "Osuvuus testiaineistossa", "sv": "Träffsäkerhet i testdata", "en": "Validation"},
    "version": {"fi": "Versio", "sv": "Version", "en": "Version"},
    "run": {"fi": "Opetusajo", "sv": "Träningskörning", "en": "Training run"},
    "responsible": {"fi": "Vastuuhenkilö", "sv": "Ansvarig", "en": "Responsible"},
    "signed": {"fi": "Käyttöön hyväksynyt", "sv": "Godkänd för användning av", "en": "Approved for use by"},
    "unnamed": {"fi": "ei nimetty", "sv": "inte namngiven", "en": "not named"},
    "unsigned": {"fi": "ei vielä hyväksytty", "sv": "ännu inte godkänd", "en": "not yet approved"},
}  # fmt: skip


class CardError(ValueError):
    """A card file cannot be read."""


@dataclass(frozen=True)
class ThresholdFigures:
    """What was measured at one threshold: share that reached it, and figures, with 95 % intervals where three."""

    segment: str
    labels: Mapping[Language, str]
    share: float
    auroc: tuple[float, float, float]
    slope: float
    intercept: float
    observed_to_expected: float


@dataclass(frozen=True)
class Measured:
    """What a training run fills into a card.

    Attributes:
        simulated: whether the people are simulated.
        words: texts by the names that the YAML file puts in braces.
        thresholds: figures on the test rows.
    """

    simulated: bool
    words: Mapping[str, str]
    thresholds: tuple[ThresholdFigures, ...]


@dataclass(frozen=True)
class Card:
    """A card: the words of the YAML file, and what was measured (None while nothing is).

    Attributes:
        words: the YAML file, parsed.
        measured: figures of one model.
        version: in the registry, empty while not registered.
        signed_by: who approved the model for use, empty while nobody did.
    """

    words: Mapping[str, Any]
    measured: Measured | None = None
    version: str = ""
    signed_by: str = ""

    @classmethod
    def read(cls, path: Path = DEFAULT) -> Self:
        """Read the words.

        Raises:
            CardError: the file is no YAML or holds no card.
        """
        try:
            words = yaml.safe_load(path.read_text(encoding="utf-8"))
            titles = [section["title"] for section in words["sections"]]
            words["label"]["sections"], words["name"]["en"]
        except (OSError, yaml.YAMLError, KeyError, TypeError) as error:
            raise CardError(f"{path.name} holds no model card: {type(error).__name__} {error}") from error
        if len(set(titles)) < len(titles):
            raise CardError(f"{path.name} has two sections of one title")
        return cls(words)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read the card that was saved beside a model.

        Raises:
            CardError: there is none, or it cannot be read.
        """
        try:
            said = json.loads((folder / FILE).read_text(encoding="utf-8"))
            figures = said["measured"]
            thresholds = tuple(
                ThresholdFigures(**{**each, "auroc": tuple(each["auroc"])}) for each in figures.pop("thresholds")
            )
            return cls(said["words"], Measured(**figures, thresholds=thresholds))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise CardError(f"{folder.name} holds no model card that can be read: {error}") from error

    def save(self, folder: Path) -> None:
        """Write words and figures beside a model, as `card.json`."""
        said = {"words": self.words, "measured": None if self.measured is None else asdict(self.measured)}
        (folder / FILE).write_text(json.dumps(said, indent=1, ensure_ascii=False), encoding="utf-8")

    def filled(self, measured: Measured) -> Self:
        """The card of a measured model."""
        return replace(self, measured=measured)

    def signed(self, version: str, by: str) -> Self:
        """The card of a version that somebody approved for use."""
        return replace(self, version=version, signed_by=by)

    def missing(self) -> tuple[str, ...]:
        """What the card leaves open, in order: figures, names in braces, who answers for it, items and articles."""
        return tuple(self._missing())

    def _missing(self) -> Iterator[str]:
        if self.measured is None:
            yield "figures"
            return
        for who in ("responsible", "contact"):
            named = self._one_of(self.words.get(who) or {}) or {}
            if not all(named.get(language) for language in LANGUAGES):
                yield who
        texts = [self._raw(section) for section in self.words["sections"]]
        texts += [part["text"].get(language, "") for part in self.words["label"]["sections"] for language in LANGUAGES]
        if not all(part["text"].get(language) for part in self.words["label"]["sections"] for language in LANGUAGES):
            yield "a text of the label"
        unknown = {name for text in texts for name in _NAME.findall(text)} - set(self._names())
        yield from (f"{{{name}}}" for name in sorted(unknown))
        covered = {item for section in self.words["sections"] if self._raw(section) for item in section["covers"]}
        yield from (item for item in REQUIRED if item not in covered)

    @property
    def _people(self) -> str:
        """Whose words hold: those for simulated people, or those for an organisation's own."""
        return "simulated" if self.measured is None or self.measured.simulated else "local"

    def _one_of(self, words: Mapping[str, Any]) -> Any:
        """The words for the people that the model learnt from."""
        return words.get(self._people, "")

    def _raw(self, section: Mapping[str, Any]) -> str:
        """A section's text before names are filled in; empty where the text for these people is not written."""
        if "simulated" in section and self._people not in section:
            return ""
        return " ".join(part for part in (section.get("text", ""), self._one_of(section)) if part)

    def _names(self) -> Mapping[str, str]:
        measured = self.measured.words if self.measured else {}
        model = measured.get("model", "")
        kinds = self.words.get("kinds", {}).get(model, {})
        return {
            "name": self.words["name"]["en"],
            **{f"kind.{language}": kinds.get(language, model) for language in LANGUAGES},
            **measured,
        }

    def _filled(self, text: str, language: Language = "en") -> str:
        names = self._names()
        return _NAME.sub(lambda found: _local(names.get(found[1], found[0]), language), text)

    def to_html(self) -> str:
        """The whole card as one self-contained page, in English."""
        return _render("card.html.j2", **self._page())

    def to_markdown(self) -> str:
        """The whole card as Markdown, in English."""
        return _render("card.md.j2", **self._page())

    def label_html(self, language: Language = "en") -> str:
        """The Model Facts label as one self-contained page."""
        return _render("label.html.j2", **self.facts(language))

    def label_markdown(self, language: Language = "en") -> str:
        """The Model Facts label as Markdown."""
        return _render("label.md.j2", **self.facts(language))

    def _page(self) -> dict[str, Any]:
        sections = [
            {"title": each["title"], "covers": each["covers"], "text": self._filled(self._raw(each)),
             "figures": each.get("measured") == "performance"}
            for each in self.words["sections"]
        ]  # fmt: skip
        who = {role: self._who(role, "en") for role in ("responsible", "contact")}
        return {"card": self, "name": self.words["name"]["en"], "words": self.words, "sections": sections,
                "thresholds": self._rows("en"), **who}  # fmt: skip

    def _who(self, role: str, language: Language) -> str:
        named = self._one_of(self.words.get(role) or {}) or {}
        return named.get(language) or _HEAD["unnamed"][language]

    def facts(self, language: Language) -> dict[str, Any]:
        """What the label says, in parts, for whoever lays it out otherwise."""
        sections = [
            {"heading": each["heading"][language], "text": self._filled(each["text"][language], language)}
            for each in self.words["label"]["sections"]
        ]
        head = {name: texts[language] for name, texts in _HEAD.items()}
        return {"card": self, "language": language, "title": self.words["label"]["title"][language],
                "name": self.words["name"][language], "head": head,
                "sections": sections, "thresholds": self._rows(language), "run": self._names().get("run_id", ""),
                "responsible": self._who("responsible", language)}  # fmt: skip

    def _rows(self, language: Language) -> list[dict[str, str]]:
        """Figures as text, in a language's decimal comma or point."""
        return [
            {"segment": each.labels[language], "share": _percent(each.share, language),
             "auroc": _with_interval(each.auroc, language), "slope": _number(each.slope, 2, language),
             "intercept": _number(each.intercept, 2, language),
             "ratio": _number(each.observed_to_expected, 2, language)}
            for each in (self.measured.thresholds if self.measured else ())
        ]  # fmt: skip


def _number(value: float, places: int, language: Language) -> str:
    text = f"{value:.{places}f}".replace("-", "\u2212")
    return text if language == "en" else text.replace(".", ",")


def _percent(share: float, language: Language) -> str:
    sign = "%" if language == "en" else f"{NO_BREAK}%"
    return f"{_number(100 * share, 1, language)}{sign}"


def _local(text: str, language: Language) -> str:
    """Thousands and days as a language writes them."""
    if language == "en":
        return text
    spaced = _THOUSANDS.sub(NO_BREAK, text)
    return _DAY.sub(lambda day: f"{int(day[3])}.{int(day[2])}.{day[1]}", spaced) if language == "fi" else spaced


def _with_interval(figure: tuple[float, float, float], language: Language) -> str:
    value, low, high = (_number(each, 2, language) for each in figure)
    return f"{value} ({low}\u2013{high})"


def _render(template: str, **given: Any) -> str:
    return _environment().get_template(template).render(**given)


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(TEMPLATES), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
        autoescape=select_autoescape(["html.j2"], default=False), keep_trailing_newline=True,
    )  # fmt: skip
