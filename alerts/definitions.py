"""What an officer sets for a kind of voucher: limits, watches, messages and their texts, checked when they are read.

A definition is a YAML file, see `alerts/examples`. Its version dates it, and it never changes: a voucher names the
definition that it was granted under, kind and version, so that old rules hold for old vouchers.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import time
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializeAsAny,
    StringConstraints,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from alerts.calendar import Window
from alerts.rule import AnyRule, Limits, Settings
from alerts.rules import rules
from alerts.texts import TextError, names
from alerts.variables import OF_DEFINITION

Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")]
Version = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9.]*$")]
Words = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]
Hour = Annotated[str, StringConstraints(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")]
Link = Annotated[str, StringConstraints(pattern=r"^https?://\S+$")]
Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
WEEKDAYS: tuple[Weekday, ...] = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


class DefinitionError(ValueError):
    """A voucher definition cannot be used; the message names the file, the key and what is wrong."""


class Part(BaseModel):
    """A part of a definition: nothing is converted, nothing unknown is let through, nothing changes."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class Texts(Part):
    """The same in Finnish, Swedish and English."""

    fi: Words
    sv: Words
    en: Words

    def items(self) -> Iterator[tuple[str, str]]:
        """Texts by language."""
        return iter(self.model_dump().items())

    def __getitem__(self, language: str) -> str:
        return dict(self.items())[language]


class Repeat(Part):
    """Reminders: one every so many days while the alert is open, at most so many after the first message."""

    every_days: int = Field(ge=1)
    at_most: int = Field(ge=1)


class Message(Part):
    """What is said to one recipient about one alert."""

    to: Literal["client", "provider"]
    texts: Texts
    repeat: Repeat | None = None


class Watch(Part):
    """One rule that looks after the vouchers, and the messages about what it finds.

    Attributes:
        rule: name of the rule.
        name: what its alerts and messages are called; the rule's name unless it is given. A rule may watch more than
            once, under several names and settings.
        settings: what the rule lets a definition set.
        messages: at most one for each recipient; with none the findings are only counted.
    """

    rule: str
    name: Name | None = None
    settings: SerializeAsAny[Settings] = Field(default_factory=dict, validate_default=True)
    messages: list[Message] = Field(default_factory=list)

    @property
    def subject(self) -> str:
        """What its alerts and messages are called."""
        return self.name or self.rule

    @field_validator("rule")
    @classmethod
    def _check_rule(cls, rule: str) -> str:
        if rule not in rules():
            raise ValueError(f"there is no rule {rule}; there are {', '.join(sorted(rules()))}")
        return rule

    @field_validator("settings", mode="plain")
    @classmethod
    def _check_settings(cls, settings: object, info: ValidationInfo) -> Settings:
        if "rule" not in info.data:
            return Settings()  # the wrong rule is the error to tell
        try:
            checked: Settings = rules()[info.data["rule"]].settings.model_validate(settings)
        except ValidationError as error:
            raise ValueError(f"rule {info.data['rule']}: {_told(error)}") from None
        return checked

    @model_validator(mode="after")
    def _check_recipients(self) -> Self:
        _require_different("messages to", [message.to for message in self.messages])
        return self


class Sending(Part):
    """When text messages may go, on the clock of Helsinki."""

    days: list[Weekday] = Field(min_length=1)
    opens: Hour
    closes: Hour
    holidays: bool = False

    @model_validator(mode="after")
    def _check_window(self) -> Self:
        _require_different("days", list(self.days))
        _ = self.window
        return self

    @cached_property
    def window(self) -> Window:
        """The same for `alerts.calendar`; hours that end at 00:00 end with the day."""
        days = frozenset(WEEKDAYS.index(day) + 1 for day in self.days)
        return Window(days, time.fromisoformat(self.opens), time.fromisoformat(self.closes), self.holidays)


class Definition(Part):
    """The rules of one kind of voucher in one version.

    Attributes:
        kind, version: together they name it.
        example: whether its numbers and texts are made up; a run on real vouchers says so.
        name: what the voucher is called in texts.
        contact: whom a provider asks when the day on which it could cancel its own feedback is over.
        limits: see `alerts.rule.Limits`.
        minimum_age: from which age in whole years the client gets text messages; None for any age.
        survey_url: where the client tells about the care.
        sending: when text messages may go.
        watches: the rules that look after its vouchers.
    """

    kind: Name
    version: Version
    example: bool = False
    name: Texts
    contact: Texts
    limits: Limits
    minimum_age: int | None = Field(default=None, ge=0, le=120)
    survey_url: Link | None = None
    sending: Sending
    watches: list[Watch] = Field(default_factory=list)

    @property
    def definition_id(self) -> str:
        """Its name, as vouchers give it."""
        return f"{self.kind}-{self.version}"

    @property
    def window(self) -> Window:
        """When text messages may go."""
        return self.sending.window

    def watch(self, subject: str) -> Watch:
        """The watch whose alerts are called so.

        Raises:
            KeyError: there is none.
        """
        return {watch.subject: watch for watch in self.watches}[subject]

    def template(self, subject: str, recipient: str, language: str) -> str:
        """What a recipient is told about an alert, with the variables' names in it.

        Raises:
            KeyError: there is no such watch, no message to this recipient, or no such language.
        """
        texts: dict[str, Texts] = {message.to: message.texts for message in self.watch(subject).messages}
        return texts[recipient][language]

    def values(self, language: str) -> dict[str, str]:
        """What texts may name beside the variables of an alert."""
        return {"voucher": self.name[language]} | ({"survey_url": self.survey_url} if self.survey_url else {})

    @model_validator(mode="after")
    def _check(self) -> Self:
        _require_different("watches", [watch.subject for watch in self.watches])
        for place, watch in enumerate(self.watches):
            rule = rules()[watch.rule]
            for limit in rule.limits:
                if getattr(self.limits, limit) is None:
                    raise ValueError(f"limits: {limit} is missing; watches.{place} ({watch.rule}) needs it")
            self._check_texts(f"watches.{place}", watch, rule)
        return self

    def _check_texts(self, where: str, watch: Watch, rule: AnyRule) -> None:
        of_definition = {*OF_DEFINITION} if self.survey_url else {*OF_DEFINITION} - {"survey_url"}
        known = {"breached_on", *rule.variables(watch.settings), *of_definition}
        for place, message in enumerate(watch.messages):
            for language, text in message.texts.items():
                key = f"{where}.messages.{place}.texts.{language}"
                unknown = sorted(_names(key, text) - known)
                if unknown:
                    raise ValueError(
                        f"{key}: {', '.join(f'{{{name}}}' for name in unknown)} is not known here;"
                        f" there are {', '.join(f'{{{name}}}' for name in sorted(known))}"
                    )


def read_definition(path: Path) -> Definition:
    """Read a definition from a YAML file.

    Raises:
        DefinitionError: the file cannot be read, is no YAML, or something in it is wrong.
    """
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), _Loader)  # noqa: S506 - a safe loader that is stricter
    except OSError as error:
        raise DefinitionError(f"{path}: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise DefinitionError(f"{path}: {' '.join(str(error).split())}") from None
    return parse_definition(content, str(path))


def read_definitions(paths: list[Path]) -> dict[str, Definition]:
    """Definitions by their id, from files and from all `.yaml` files of folders.

    Raises:
        DefinitionError: as `read_definition`; a folder holds none, or one definition stands in two files.
    """
    found: dict[str, Definition] = {}
    for path in _files(paths):
        one = read_definition(path)
        if one.definition_id in found:
            raise DefinitionError(f"{path}: {one.definition_id} stands in another file as well")
        found[one.definition_id] = one
    return found


def parse_definition(content: object, where: str) -> Definition:
    """Check the content of a definition.

    Args:
        content: mappings, lists and values, as YAML or JSON has them.
        where: where they came from, for messages.

    Raises:
        DefinitionError: something in it is wrong.
    """
    try:
        return Definition.model_validate(content)
    except ValidationError as error:
        raise DefinitionError(f"{where}: {_told(error)}") from None


def _files(paths: list[Path]) -> Iterator[Path]:
    for path in paths:
        files = sorted(path.glob("*.yaml")) if path.is_dir() else [path]
        if not files:
            raise DefinitionError(f"{path}: there is no .yaml file in this folder")
        yield from files


def _told(error: ValidationError) -> str:
    """All that is wrong, key by key."""
    return "; ".join(_told_one(dict(one)) for one in error.errors(include_url=False))


def _told_one(error: dict[str, Any]) -> str:
    key = ".".join(str(part) for part in error["loc"])
    says = {"missing": "is missing", "extra_forbidden": "is not a key here"}.get(error["type"])
    if says is None and error["type"] == "string_type":
        says = "is no text; put it in quotes"
    return f"{key}: {says or error['msg'].removeprefix('Value error, ')}".removeprefix(": ")


def _names(key: str, text: str) -> frozenset[str]:
    try:
        return names(text)
    except TextError as error:
        raise ValueError(f"{key}: {error}") from None


def _require_different(what: str, some: list[str]) -> None:
    twice = sorted({one for one in some if some.count(one) > 1})
    if twice:
        raise ValueError(f"{what}: {', '.join(twice)} stands twice")


class _Loader(yaml.SafeLoader):
    """YAML in which no key stands twice: the library would keep the last one and say nothing."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002
        """A mapping, refused when it names a key twice."""
        keys = [key.value for key, _ in node.value]
        for key, _ in node.value:
            if keys.count(key.value) > 1:
                raise yaml.constructor.ConstructorError(None, None, f"{key.value} stands twice", key.start_mark)
        return super().construct_mapping(node, deep)
