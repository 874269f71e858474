"""What a profile of a feature matrix holds, and what it never shows."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features import profile
from features.evaluate import Matrix
from features.profile import Drift, Profile, Published, drift


def of(*values: float, people: list[str] | None = None, catalogue: str = "c") -> Profile:
    ids = pa.array(people or [str(at) for at in range(len(values))], pa.string())
    return Profile.of(catalogue, Matrix(("x",), np.array(values, np.float64).reshape(-1, 1)), ids)


def shown(*values: float) -> profile.Column:
    return of(*values).published()["columns"]["x"]


numbers = st.one_of(
    st.sampled_from([math.nan, 0.0, -0.0, 1 / 3, 1e-9, 365.0]),
    st.integers(-5, 40_000).map(float),
    st.floats(-1e12, 1e12),
)


class TestAdding:
    @given(st.lists(st.lists(numbers, max_size=6), min_size=3, max_size=3))
    def test_blocks_add_up_to_the_whole_in_any_order_to_the_last_digit(self, blocks: list[list[float]]) -> None:
        whole = of(*(value for block in blocks for value in block)).published()
        first, second, third = (of(*block) for block in blocks)
        assert (first + second + third).published() == whole
        assert (third + (second + first)).published() == whole

    def test_profiles_of_different_catalogues_do_not_add_up(self) -> None:
        with pytest.raises(ValueError, match="different catalogues"):
            of(1) + of(1, catalogue="d")


class TestFigures:
    def test_whole_numbers_below_32_have_a_bin_of_their_own(self) -> None:
        found = shown(*np.repeat(np.arange(32.0), 5))
        assert found["start"] == list(range(32))
        assert found["counts"] == [5] * 32
        assert found["quantiles"]["0.5"] == 15

    @given(st.floats(2.0**-15, 2.0**31))
    def test_a_bin_holds_its_value_and_is_a_sixteenth_wide_at_most(self, value: float) -> None:
        for sign in (1, -1):
            found = shown(*[sign * value] * 5)
            (start,), (stop,) = found["start"], found["stop"]
            assert start is not None
            assert stop is not None
            assert start <= sign * value <= stop
            assert stop - start <= value / 16

    def test_missing_and_zero_are_told_apart(self) -> None:
        found = shown(*[math.nan] * 10, *[0.0] * 5, *[7.0] * 5)
        assert (found["count"], found["missing"], found["zeros"]) == (10, 0.5, 0.25)

    def test_mean_and_deviation_are_those_of_the_known_values(self) -> None:
        values = np.random.Generator(np.random.PCG64(1)).integers(0, 3000, 1000).astype(float)
        found = shown(*values, math.nan)
        assert found["mean"] == pytest.approx(values.mean(), rel=1e-5)
        assert found["sd"] == pytest.approx(values.std(ddof=1), rel=1e-5)

    def test_sums_of_large_amounts_do_not_run_over(self) -> None:
        assert shown(*[1e10] * 6)["mean"] == 1e10
        assert shown(*[1e10] * 6)["sd"] == 0

    def test_a_matrix_without_rows_or_values_has_a_profile(self) -> None:
        assert of().published()["rows"] == 0
        assert shown(*[math.nan] * 5)["counts"] == []
        assert shown(*[math.nan] * 5)["mean"] is None


class TestNobodyIsShown:
    def test_extremes_are_shown_only_where_five_share_them(self) -> None:
        found = shown(*[0.0] * 100, *[3.0] * 50, 245.0)
        assert (found["least"], found["most"]) == (0, None)
        assert found["start"] == [0, 3]
        assert found["stop"][-1] is None
        assert "245" not in json.dumps(found)
        assert shown(-7.0, *[1.0] * 9)["start"] == [None]

    def test_bins_of_fewer_than_five_are_joined(self) -> None:
        found = shown(*[0.0] * 9, 1.0, 2.0, 2.0, 3.0, 3.0, *[4.0] * 10, 5.0, *[6.0] * 5)
        assert found["start"] == [0, 1, 4, 5]
        assert found["counts"] == [5, 5, 10, 5]

    def test_four_people_have_no_figures(self) -> None:
        found = shown(*[2.0] * 4)
        assert found["count"] == 0
        assert found["mean"] is found["sd"] is found["least"] is found["most"] is None
        assert found["counts"] == []

    def test_many_rows_of_one_person_are_one_person(self) -> None:
        people = ["a"] * 6 + [str(at) for at in range(5)]
        found = of(*[9.0] * 6, *[1.0] * 5, people=people).published()
        assert found["unit"] == 30
        assert found["columns"]["x"]["counts"] == []

    @given(st.lists(numbers, max_size=60))
    def test_no_published_count_is_below_five(self, values: list[float]) -> None:
        found = shown(*values)
        assert all(count >= 5 for count in found["counts"])
        assert sum(found["counts"]) <= max(found["count"], sum(found["counts"]))
        assert found["count"] % 5 == 0


class TestDrift:
    rng = np.random.Generator(np.random.PCG64(2))

    def compared(self, old: object, new: object) -> Drift:
        one, other = (of(*np.asarray(values, np.float64)).published() for values in (old, new))
        return drift(one, other)["x"]

    def test_the_same_distribution_has_not_drifted(self) -> None:
        found = self.compared(self.rng.poisson(8, 5000), self.rng.poisson(8, 5000))
        assert found.psi < 0.02
        assert found.distance < 0.05

    def test_a_shift_shows_in_both_figures(self) -> None:
        found = self.compared(self.rng.poisson(8, 5000), self.rng.poisson(11, 5000))
        assert found.psi > 0.25
        assert 0.3 < found.distance < 0.6

    def test_values_that_were_never_seen_before_show_as_a_complete_shift(self) -> None:
        found = self.compared([1.0] * 50, [30.0] * 50)
        assert found.distance == 1
        assert found.psi > 5

    def test_more_missing_values_show(self) -> None:
        found = self.compared([1.0] * 90 + [math.nan] * 10, [1.0] * 50 + [math.nan] * 50)
        assert found.missing == pytest.approx(0.4)
        assert found.distance == 0
        assert found.psi > 0.25

    def test_the_distance_is_near_the_one_of_the_values_themselves(self) -> None:
        from scipy.stats import ks_2samp

        old, new = self.rng.gamma(2, 200, 4000), self.rng.gamma(2, 240, 4000)
        assert self.compared(old, new).distance == pytest.approx(ks_2samp(old, new).statistic, abs=0.02)

    def test_profiles_of_different_catalogues_are_not_compared(self) -> None:
        with pytest.raises(ValueError, match="different catalogues"):
            drift(of(1).published(), of(1, catalogue="d").published())


class TestFile:
    def test_what_is_written_is_read_again(self, tmp_path: Path) -> None:
        found = of(*[1.5] * 7, *[math.nan] * 5)
        profile.write(found, tmp_path / "profile.json")
        read: Published = profile.read(tmp_path / "profile.json")
        assert read == found.published()

    def test_another_file_is_refused(self, tmp_path: Path) -> None:
        path = tmp_path / "other.json"
        with pytest.raises(ValueError, match="no readable profile"):
            profile.read(path)
        path.write_text("[]")
        with pytest.raises(ValueError, match="no profile of a feature matrix"):
            profile.read(path)
