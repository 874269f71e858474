"""The officer's list of overdue clients as a page, in the style of the report."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from alerts.report_page import page_templates, written_moment, written_number
from alerts.variables import write_day
from features.families import Language
from records.clock import HELSINKI
from serving.vouchers.wire import NeedOut, OverdueListOut, OverdueOut, RuleOut
from serving.vouchers.words import PAGE
from serving.words import SEGMENTS, word

TEMPLATES = Path(__file__).parents[1] / "templates"


def as_html(found: OverdueListOut, language: Language) -> str:
    """The list as a page that needs nothing else.

    Args:
        found: the list.
        language: fi, sv or en.
    """
    words = PAGE[language]
    run_at = words["never_run"]
    if found.run_at is not None:
        run_at = words["run_at"].format(moment=written_moment(found.run_at, language))
    many = {"many": written_number(len(found.rows), language), "total": written_number(found.total, language)}
    return (
        page_templates(TEMPLATES)
        .get_template("overdue.html")
        .render(
            language=language,
            words=words,
            found=found,
            as_of=words["as_of"].format(moment=written_moment(found.as_of, language)),
            run_at=run_at,
            says=getattr(found.says, language),
            rules=", ".join(_rule(one, words) for one in found.rules),
            segments=words["since"].format(day=write_day(found.segments_from, language)),
            shown=words["shown"].format(**many),
            rows=[_row(row, words, language) for row in found.rows],
        )
    )


def _row(row: OverdueOut, words: Mapping[str, str], language: Language) -> dict[str, Any]:
    return {
        "position": written_number(row.position, language),
        "client": row.patient_id,
        "voucher": row.voucher_id,
        "definition": row.definition_id,
        "provider": row.provider_id or words["no_provider"],
        "days": written_number(row.days_overdue, language),
        "need": words["unknown"] if row.need is None else word(SEGMENTS, row.need.segment, language),
        "model": "" if row.need is None else _assessed(row.need, words, language),
        "why": getattr(row.why, language),
        "rule": _rule(row.rule, words),
        "says": getattr(row.says, language),
    }


def _assessed(need: NeedOut, words: Mapping[str, str], language: Language) -> str:
    """Who said so, when, and by which model."""
    how = words["decided"] if need.decided else words["suggested"]
    return f"{how}, {write_day(need.as_of.astimezone(HELSINKI).date(), language)}, {need.model}"


def _rule(rule: RuleOut, words: Mapping[str, str]) -> str:
    """A rule with its version; one that nobody translated keeps its own name."""
    return f"{words.get(rule.name, rule.name)} ({words['version'].format(version=rule.version)})"
