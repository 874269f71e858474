"""Why there is an alert: its rule's sentence, with the alert's own days and numbers."""

from __future__ import annotations

from alerts.rules import rules
from alerts.schema import LANGUAGES
from alerts.texts import render
from alerts.variables import written


def why(rule: str, variables: str) -> dict[str, str]:
    """The sentence by language.

    Args:
        rule: name of the rule, as the alert has it.
        variables: the alert's variables, a JSON object.

    Examples:
        >>> why("care_ended", '{"breached_on": "2026-11-20", "ended_on": "2026-11-20"}')["fi"]
        'Palvelusetelillä annettu hoito päättyi 20.11.2026.'
    """
    sentences = rules()[rule].why
    return {language: render(sentences[language], written(variables, language)) for language in LANGUAGES}
