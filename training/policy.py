"""The policy: how a model is examined, and what the gate asks of it. One TOML file holds both."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Self, get_type_hints

from training.groups import Assessable
from training.validation import Bounded

DEFAULT = Path(__file__).parent / "policy.toml"
Band = tuple[float, float]


class PolicyError(ValueError):
    """A policy file lacks a limit or holds one that cannot be read."""


@dataclass(frozen=True)
class Policy:
    """Every setting of `policy.toml`, which says what each means; sections only order the file for its readers."""

    resamples: int
    subgroup_resamples: int
    assessable_rows: int
    assessable_events: int
    net_benefit_at: tuple[float, ...]
    origins: int
    sites: int
    fold_rows: int
    fold_resamples: int
    test_events_at_least: int
    learn_events_at_least: int
    known_time_checked_at_least: int
    forbidden_inputs: tuple[str, ...]
    may_be_empty: tuple[str, ...]
    permuted_auroc_at_most: float
    strongest_feature_at_most: float
    auroc_low_at_least: float
    auroc_at_most: float
    slope_between: Band
    intercept_between: Band
    observed_to_expected_between: Band
    net_benefit_gain_at_least: float
    auroc_gain_at_least: float
    auroc_loss_at_most: float
    log_loss_gain_at_most: float
    net_benefit_loss_at_most: float
    asked: tuple[str, ...]
    subgroup_auroc_at_least: float
    subgroup_observed_to_expected_between: Band
    coverage_at_least: float
    covered: tuple[str, ...]
    additivity_at_most: float
    median_ms_at_most: float
    size_mb_at_most: float
    signature_required: bool

    @classmethod
    def read(cls, path: Path = DEFAULT) -> Self:
        """Read a policy file.

        Raises:
            PolicyError: a setting is missing, unknown or of another kind.
        """
        try:
            parsed: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
            flat = {key: value for section in parsed.values() for key, value in section.items()}
        except (OSError, tomllib.TOMLDecodeError, AttributeError) as error:
            raise PolicyError(f"{path.name} is no policy: {error}") from error
        kinds, names = get_type_hints(cls), [each.name for each in fields(cls)]
        for problem in (*(f"{name} is missing" for name in names if name not in flat),
                        *(f"{name} is unknown" for name in flat if name not in names)):  # fmt: skip
            raise PolicyError(f"{path.name} is no policy: {problem}")
        return cls(**{name: _setting(path, name, flat[name], kinds[name]) for name in names})

    @property
    def assessable(self) -> Assessable:
        """From when on a subgroup is assessed."""
        return Assessable(self.assessable_rows, self.assessable_events)

    @property
    def validation(self) -> Bounded:
        """How much validation may cost."""
        return Bounded(self.origins, self.sites, self.fold_rows, self.fold_resamples)


def _setting(path: Path, name: str, value: Any, kind: Any) -> Any:
    """A value as its field declares it."""
    wrong = PolicyError(f"{path.name} is no policy: {name} = {value!r} is not of the kind it must be")
    if kind in (int, float, bool):
        numeric = isinstance(value, int | float) and not isinstance(value, bool)
        if not (isinstance(value, bool) if kind is bool else numeric and kind(value) == value):
            raise wrong
        return kind(value)
    texts = kind == tuple[str, ...]
    if not isinstance(value, list) or any(isinstance(each, str) != texts for each in value):
        raise wrong
    if kind == Band and (len(value) != 2 or value[0] > value[1]):
        raise wrong
    return tuple(value) if texts else tuple(float(each) for each in value)
