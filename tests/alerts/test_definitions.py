"""A definition is checked when it is read, and an error says which file, which key and what is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from alerts.definitions import DefinitionError, parse_definition, read_definition, read_definitions
from alerts.variables import KINDS, written
from records.simulate.vouchers import DEFINITIONS as SIMULATED
from tests.alerts.worlds import TEXTS, TINY, tiny, with_cycles

EXAMPLES = Path(__file__).parents[2] / "alerts" / "examples"


def changed(*path: Any, to: Any) -> dict[str, Any]:
    """The definition with one key changed, or taken away (`to` is `...`)."""
    content: Any = yaml.safe_load(yaml.safe_dump(TINY))
    part = content
    for key in path[:-1]:
        part = part[key]
    if to is ...:
        del part[path[-1]]
    else:
        part[path[-1]] = to
    return content


WRONG = [
    (changed("limits", "validity_days", to=...), "limits.validity_days: is missing"),
    (changed("limits", "activation_days", to="sixty"), "limits.activation_days: Input should be a valid integer"),
    (changed("limits", "activation_days", to=-1), "limits.activation_days: Input should be greater than or equal to 0"),
    (changed("limits", "activation", to=60), "limits.activation: is not a key here"),
    (
        changed("limits", "activation_days", to=None),
        "limits: activation_days is missing; watches.0 .not_activated. needs it",
    ),
    (changed("version", to=2020), "version: is no text; put it in quotes"),
    (changed("kind", to="Tiny voucher"), "kind: String should match pattern"),
    (changed("name", "sv", to=...), "name.sv: is missing"),
    (changed("name", "fi", to="  "), "name.fi: String should have at least 1 character"),
    (changed("sending", "opens", to=540), "sending.opens: is no text; put it in quotes"),
    (changed("sending", "opens", to="24:00"), "sending.opens: String should match pattern"),
    (changed("sending", "closes", to="08:00"), "sending: the hours end at 08:00, not after they begin at 09:00"),
    (changed("sending", "days", to=[]), "sending.days: List should have at least 1 item"),
    (changed("sending", "days", to=["monday", "monday"]), "sending: days: monday stands twice"),
    (changed("sending", "days", to=["maanantai"]), "sending.days.0: Input should be 'monday'"),
    (changed("survey_url", to="palaute"), "survey_url: String should match pattern"),
    (
        changed("watches", 0, "rule", to="late"),
        "watches.0.rule: there is no rule late; there are activated_late, care_",
    ),
    (changed("watches", 3, "settings", to={"days": 3}), "watches.3.settings: rule care_ended: days: is not a key here"),
    (changed("watches", 3, "settings", "open_days", to=0), "rule care_ended: open_days: Input should be greater"),
    (
        changed("watches", 0, "settings", to={"open_days": 1}),
        "watches.0.settings: rule not_activated: open_days: is not",
    ),
    (changed("watches", 1, to=TINY["watches"][0]), "watches: not_activated stands twice"),
    (changed("watches", 0, "messages", to=[{"to": "client", "texts": TEXTS}] * 2), "messages to: client stands twice"),
    (changed("watches", 0, "messages", 0, "to", to="dentist"), "watches.0.messages.0.to: Input should be 'client' or"),
    (changed("watches", 0, "messages", 0, "texts", "en", to=...), "watches.0.messages.0.texts.en: is missing"),
    (
        changed("watches", 0, "messages", 0, "repeat", to={"every_days": 0, "at_most": 1}),
        "repeat.every_days: Input should",
    ),
    (
        changed("watches", 0, "messages", 0, "texts", "sv", to="{patient_name}"),
        r"watches.0.messages.0.texts.sv: \{patient_name\} is not known here; there are \{breached_on\}, \{granted_on\}",
    ),
    (
        changed("watches", 0, "messages", 0, "texts", "sv", to="{activated_on}"),  # of other rules
        r"\{activated_on\} is not known here",
    ),
    (changed("watches", 0, "messages", 0, "texts", "fi", to="{limit_days"), "texts.fi: a brace has no partner"),
    (changed("watches", 0, "messages", 0, "texts", "fi", to="{limit_days:>9}"), "texts.fi: between braces stands"),
]


@pytest.mark.parametrize(("content", "says"), WRONG, ids=[says for _, says in WRONG])
def test_what_is_wrong_is_told(content: dict[str, Any], says: str, tmp_path: Path) -> None:
    file = tmp_path / "wrong.yaml"
    file.write_text(yaml.safe_dump(content), encoding="utf-8")
    with pytest.raises(DefinitionError, match=says) as raised:
        read_definition(file)
    assert str(raised.value).startswith(f"{file}: ")


def test_all_that_is_wrong_is_told_at_once() -> None:
    with pytest.raises(DefinitionError, match=r"limits.validity_days: is missing; .*survey_url: String"):
        parse_definition({**changed("limits", "validity_days", to=...), "survey_url": "x"}, "here")


def test_a_survey_can_only_be_named_where_there_is_one() -> None:
    text = dict.fromkeys(TEXTS, "{survey_url}")
    watches = [{"rule": "care_ended", "messages": [{"to": "client", "texts": text}]}]
    assert tiny(watches=watches).template("care_ended", "client", "sv") == "{survey_url}"
    with pytest.raises(DefinitionError, match=r"\{survey_url\} is not known here"):
        tiny(watches=watches, survey_url=None)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"days": 1, "of": "last_visit", "state": "granted"}, "not activated yet has no day of last_visit"),
        ({"days": -1, "of": "granted"}, "nobody knows the day of granted before it"),
        ({"of": "granted"}, "days: is missing"),
        (["days"], "Input should be a valid dictionary"),
    ],
)
def test_a_cycle_must_be_possible(settings: object, says: str) -> None:
    with pytest.raises(DefinitionError, match=says):
        tiny(watches=[{"rule": "cycle", "name": "own", "settings": settings}])


def test_a_key_that_stands_twice_is_refused(tmp_path: Path) -> None:
    (tmp_path / "one.yaml").write_text("kind: a\nversion: '1'\nkind: b\n")
    with pytest.raises(DefinitionError, match="kind stands twice"):
        read_definition(tmp_path / "one.yaml")


@pytest.mark.parametrize("content", [b"kind: [", b"\xff\xfe", b"just text", b""])
def test_what_is_no_definition_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "one.yaml").write_bytes(content)
    with pytest.raises(DefinitionError, match=r"one.yaml: "):
        read_definition(tmp_path / "one.yaml")


def test_files_that_are_not_there_are_told_of(tmp_path: Path) -> None:
    with pytest.raises(DefinitionError, match=r"nothing.yaml: No such file"):
        read_definitions([tmp_path / "nothing.yaml"])
    with pytest.raises(DefinitionError, match=r"there is no .yaml file in this folder"):
        read_definitions([tmp_path])


def test_one_definition_in_two_files_is_refused() -> None:
    with pytest.raises(DefinitionError, match="chip-2020 stands in another file as well"):
        read_definitions([EXAMPLES, EXAMPLES / "chip-2020.yaml"])


def test_the_examples_say_that_they_are_examples() -> None:
    examples = read_definitions([EXAMPLES])
    assert set(examples) == set(SIMULATED)
    assert all(one.example for one in examples.values())


def test_every_text_of_the_examples_can_be_written() -> None:
    for definition in read_definitions([EXAMPLES]).values():
        for watch in definition.watches:
            for message in watch.messages:
                for language in ("fi", "sv", "en"):
                    assert definition.template(watch.subject, message.to, language) == message.texts[language]
                    assert definition.values(language)["voucher"] == definition.name[language]


def test_a_definition_is_asked_by_what_its_alerts_are_called() -> None:
    assert with_cycles().watch("own_0").rule == "cycle"
    with pytest.raises(KeyError):
        tiny().watch("own_0")
    with pytest.raises(KeyError):
        tiny().template("care_ended", "provider", "fi")


def test_variables_are_written_as_the_language_has_them() -> None:
    assert written('{"breached_on": "2026-06-04", "limit_days": 7, "valid_until": null}', "sv") == {
        "breached_on": "4.6.2026",
        "limit_days": "7",
    }
    assert written('{"breached_on": "2026-06-04"}', "en") == {"breached_on": "4 June 2026"}
    assert "breached_on" in KINDS
