"""The commands of training, from a stored history to a promoted model and back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from functools import partial
from pathlib import Path

import mlflow
import pyarrow.parquet as pq
import pytest

from features.dental import DENTAL
from models.calibration import Recalibrated
from models.card import Card
from models.constraints import monotone
from models.need import NeedModel
from models.segments import read_tables
from records import store
from tests.rows import history, patient
from tests.training.conftest import Trained
from training import commands, material, registry, tracking, tune
from training.__main__ import main
from training.evaluation import Evaluation
from training.examples import ExamplesError, last_recorded, read, read_everyone
from training.monitor.command import normal
from training.monitor.reference import Reference
from training.recipe import Recipe, RecipeError

Out = pytest.CaptureFixture[str]
SPACE = ("num_leaves", "learning_rate", "min_child_samples", "feature_fraction", "bagging_fraction", "lambda_l2")
"""What a search tries."""


def champion() -> str | None:
    return tracking.version_of("champion")


def latest_run(name: str) -> mlflow.entities.Run:
    runs = mlflow.search_runs(experiment_names=["tarve"], filter_string=f"run_name = '{name}'", output_format="list")
    return runs[0]


def test_nothing_is_promoted_before_there_is_anything(
    trained: Trained, monkeypatch: pytest.MonkeyPatch, capsys: Out
) -> None:
    assert trained.run("compare", "7", "champion") == 1
    assert main(["rollback"]) == 1
    assert main(["reproduce", "no-such-run"]) == 1
    monkeypatch.setattr(tracking, "NAME", "nobody")
    assert trained.run("promote") == 1
    said = capsys.readouterr().err
    assert "run no-such-run has no recipe.json" in said
    assert "no nobody@challenger is registered; run: python -m training train" in said
    assert "there is no version 7 of tarve-need" in said
    assert "training rollback: there is no champion" in said


def test_a_training_run_keeps_all_that_a_reader_asks_for(trained: Trained) -> None:
    run = latest_run("train")
    kept = {item.path for item in mlflow.artifacts.list_artifacts(run_id=run.info.run_id)}
    assert {"report.html", "evaluation.json", "recipe.json", "comparison.txt", "attrition.txt", "card"} <= kept
    cards = {item.path for item in mlflow.artifacts.list_artifacts(run_id=run.info.run_id, artifact_path="card")}
    assert {"card/card.html", "card/card.md", "card/label-fi.html", "card/label-sv.md"} <= cards
    assert run.data.params["simulated people"] == "True"
    assert float(run.data.metrics["lightgbm.heavy.observed_to_expected"]) > 0
    dataset = run.inputs.dataset_inputs[0].dataset
    assert dataset.digest == run.data.params["examples digest"]
    assert str(trained.examples) in dataset.source
    found = tracking.logged_evaluation("1")
    assert isinstance(found, Evaluation)
    assert found.version == "1"
    assert found.card_missing == ()
    assert {fold.kind for fold in found.folds} == {"origin", "site"}
    assert found.label_bias
    assert found.ceiling


def test_what_is_saved_with_a_model_is_its_card(trained: Trained) -> None:
    assert trained
    with tracking.saved("1") as folder:
        card, model = Card.load(folder), NeedModel.load(folder)
    assert card.missing() == ()
    assert card.measured is not None
    assert card.measured.words["catalogue"] == model.catalogue
    assert latest_run("train").info.run_id in card.to_html()


def test_a_failing_gate_changes_nothing_and_says_why(trained: Trained, capsys: Out) -> None:
    before = mlflow.MlflowClient().get_registered_model(tracking.NAME)
    assert trained.run("promote", "--signed-by", "A. Nimi", policy="strict") == 3
    assert "not promoted:\n- discrimination" in capsys.readouterr().out
    assert trained.run("promote") == 3
    assert "signed by nobody" in capsys.readouterr().out
    after = mlflow.MlflowClient().get_registered_model(tracking.NAME)
    assert champion() is None
    assert (after.aliases, after.tags) == (before.aliases, before.tags)
    run = latest_run("promote")
    assert run.data.tags["gate"] == "refused"
    assert "promoted" not in run.data.tags


def test_from_challenger_to_champion_and_back(trained: Trained, capsys: Out) -> None:
    assert trained.run("promote", "--signed-by", "A. Nimi") == 0
    assert champion() == "1"
    verdict = json.loads(tracking.logged_text(latest_run("promote").info.run_id, "verdict.json"))
    assert verdict["promote"]
    assert verdict["signed_by"] == "A. Nimi"
    assert [each.signed_by for each in registry.champions()] == ["A. Nimi"]
    assert trained.run("promote", "--signed-by", "B. Nimi") == 0  # the champion itself: nothing to do
    assert len(registry.champions()) == 1
    assert "measured on the same rows" in capsys.readouterr().out

    assert main(["rollback", "--reason", "Calibration has drifted", "--signed-by", "A. Nimi"]) == 1
    assert "there is no champion before the one in use" in capsys.readouterr().err

    with tracking.run("copy"), tracking.saved("1") as folder:
        assert tracking.log_model(NeedModel.load(folder), Card.load(folder)) == "2"
    assert trained.run("promote", "--model", "2", "--signed-by", "B. Nimi") == 0
    assert [(each.version, each.signed_by) for each in registry.champions()] == [("1", "A. Nimi"), ("2", "B. Nimi")]

    capsys.readouterr()
    assert trained.run("compare", "champion", "1") == 0
    printed = capsys.readouterr().out
    assert "version 2 less version 1, paired 95 % intervals of 60 resamples of patients" in printed
    assert "heavy       auroc                 +0.0000  (+0.0000 to +0.0000)" in printed
    assert trained.run("compare", "champion", "2") == 1

    assert main(["rollback", "--reason", "short"]) == 3
    said = capsys.readouterr().out
    assert "a reason of at least 10 letters" in said
    assert "a named person is asked" in said
    assert champion() == "2"
    assert main(["rollback", "--reason", "Calibration has drifted", "--signed-by", "C. Nimi"]) == 0
    assert champion() == "1"
    assert tracking.logged_text(latest_run("rollback").info.run_id, "reason.txt") == "Calibration has drifted\n"
    assert latest_run("rollback").data.params == {"from": "2", "to": "1", "signed by": "C. Nimi"}


def with_other_features(version: str) -> NeedModel:
    return replace(LOAD(version), catalogue="another")


LOAD = tracking.load


def test_a_champion_of_other_features_is_compared_by_what_its_run_logged(
    trained: Trained, monkeypatch: pytest.MonkeyPatch, capsys: Out
) -> None:
    registry.set_alias("champion", "1")

    def only_the_champion(version: str) -> NeedModel:
        return with_other_features(version) if version == "1" else LOAD(version)

    monkeypatch.setattr(tracking, "load", only_the_champion)
    assert trained.run("promote", "--model", "2", "--signed-by", "A. Nimi", policy="strict") == 3
    assert (
        "champion version 1 reads other features: its figures are those that its own run logged"
        in capsys.readouterr().out
    )
    assert main(["rollback", "--reason", "Calibration has drifted", "--signed-by", "A. Nimi"]) == 1
    whole = tracking.logged_text

    def without_evaluation(run_id: str, name: str) -> str:
        return whole(run_id, f"no-{name}" if name == "evaluation.json" else name)

    monkeypatch.setattr(tracking, "logged_text", without_evaluation)
    assert trained.run("promote", "--model", "2", "--signed-by", "A. Nimi") == 1
    said = capsys.readouterr().err
    assert "no run has kept an evaluation of version 1" in said
    assert "run: python -m training evaluate --model 1 --examples FILE; then promote" in said


def test_a_model_of_other_features_is_neither_examined_nor_rolled_back_to(
    trained: Trained, monkeypatch: pytest.MonkeyPatch, capsys: Out
) -> None:
    registry._write((registry.Champion("1", "", "", ""), registry.Champion("2", "", "", "")))
    registry.set_alias("champion", "2")
    monkeypatch.setattr(tracking, "load", with_other_features)
    assert trained.run("evaluate", "--model", "1") == 1
    assert "version 1 reads features another, the catalogue is" in capsys.readouterr().err
    assert main(["rollback", "--reason", "Calibration has drifted", "--signed-by", "A. Nimi"]) == 3
    assert "version 1 reads features another" in capsys.readouterr().out
    assert champion() == "2"


def test_a_registered_model_is_examined_on_examples(trained: Trained, tmp_path: Path, capsys: Out) -> None:
    report = tmp_path / "report.html"
    assert trained.run("evaluate", "--model", "1", "--folds", "--out", str(report)) == 0
    assert "AUROC above today's rule" in capsys.readouterr().out
    assert "Evaluation of the need model" in report.read_text(encoding="utf-8")
    logged = Evaluation.from_json(tracking.logged_text(latest_run("evaluate").info.run_id, "evaluation.json"))
    first = tracking.logged_evaluation("1")
    assert logged.rows == first.rows
    assert logged.thresholds["heavy"].scores == first.thresholds["heavy"].scores


def test_a_run_says_what_is_normal_for_its_model(trained: Trained, tmp_path: Path, capsys: Out) -> None:
    out = tmp_path / "new" / "reference.json"
    assert main(["reference", "--model", "1", "--reference", str(out)]) == 0
    assert f"what tarve-need 1 was examined on says what is normal: {out}" in capsys.readouterr().out
    assert Reference.read(out) == normal("1") == normal(str(out))
    assert sum(normal("1").suggested) == pytest.approx(1)
    assert normal("1").profile["catalogue"] == DENTAL.version
    assert main(["reference", "--model", "77"]) == 1
    assert trained


def test_an_evaluation_is_found_in_a_later_run_where_the_first_kept_none(
    trained: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, whole = tracking.run_of("1"), tracking.logged_text
    lacks = {first: f"no-{tracking.EVALUATION}"}
    monkeypatch.setattr(tracking, "logged_text", lambda run_id, name: whole(run_id, lacks.get(run_id, name)))
    assert tracking.logged_evaluation("1").version == "1"
    assert trained


def test_a_run_is_reproduced_from_its_id(trained: Trained, capsys: Out) -> None:
    run_id = latest_run("train").info.run_id
    assert main(["reproduce", run_id]) == 0
    assert "the same predictions, byte for byte" in capsys.readouterr().out
    assert trained


def test_a_run_that_is_not_the_same_again_says_so(
    trained: Trained, monkeypatch: pytest.MonkeyPatch, capsys: Out
) -> None:
    run_id, made = latest_run("train").info.run_id, commands.again
    monkeypatch.setattr(tracking, "requirements", lambda: {"numpy": "0.1"})

    def other(*given: object) -> NeedModel:
        model = made(*given)
        higher = tuple(1 + each for each in model.calibrator.intercept)
        return replace(model, calibrator=replace(model.calibrator, intercept=higher))

    monkeypatch.setattr(commands, "again", other)
    assert main(["reproduce", run_id]) == 3
    said = capsys.readouterr().out
    assert "not as it was: packages: " in said
    assert "other predictions" in said
    assert trained


def test_a_run_cannot_be_reproduced_from_other_examples(trained: Trained, tmp_path: Path, capsys: Out) -> None:
    run_id = latest_run("train").info.run_id
    assert main(["reproduce", run_id, "--examples", str(tmp_path / "gone.parquet")]) == 1
    assert "the run's examples are not at" in capsys.readouterr().err
    rows = pq.read_table(trained.examples)
    pq.write_table(rows.slice(1), tmp_path / "other.parquet")
    assert main(["reproduce", run_id, "--examples", str(tmp_path / "other.parquet")]) == 1
    assert "digest is" in capsys.readouterr().err
    assert main(["reproduce", latest_run("evaluate").info.run_id]) == 1
    assert "has no recipe.json" in capsys.readouterr().err


def test_examples_hold_what_the_catalogue_says(trained: Trained) -> None:
    found = read(trained.examples)
    assert found.x.shape == (len(found), len(found.names))
    assert found.attrition["kept"] == len(found)
    assert (found.visits.sum(1) > 0).all()
    everyone = read_everyone(trained.examples)
    unobserved = sum(found.attrition[reason] for reason in ("nobody came", "died or moved within the horizon"))
    assert len(everyone) == len(found) + unobserved
    assert found.made["known time"]["checked"] >= 200
    assert found.made["known time"]["differing"] == []
    assert set(found.about) == {"sex", "language", "district", "site", "age", "recent_visits"}


def test_segments_are_those_that_hold_at_the_data_and_not_a_later_table(
    trained: Trained, monkeypatch: pytest.MonkeyPatch, capsys: Out
) -> None:
    now = read_tables()[-1]
    later = replace(now, valid_from=date(2999, 1, 1), segments=now.segments[:2])
    monkeypatch.setattr(material, "read_tables", lambda: [now, later])
    assert material.Material.read(trained.examples).table == now
    monkeypatch.setattr(material, "read_tables", lambda: [later])
    assert trained.run("promote") == 1
    assert "no table of segments holds on 20" in capsys.readouterr().err


def test_no_examples_are_said_to_be_none(trained: Trained, tmp_path: Path, capsys: Out) -> None:
    pq.write_table(pq.read_table(trained.examples).slice(0, 0), tmp_path / "none.parquet")
    assert main(["train", "--examples", str(tmp_path / "none.parquet")]) == 1
    assert "no booking contact was kept" in capsys.readouterr().err


def test_a_missing_or_foreign_file_is_named(trained: Trained, tmp_path: Path, capsys: Out) -> None:
    assert main(["train", "--examples", str(tmp_path / "nothing.parquet")]) == 1
    assert "nothing.parquet is no readable file of examples" in capsys.readouterr().err
    foreign = tmp_path / "foreign.parquet"
    pq.write_table(pq.read_table(trained.records / "visits.parquet"), foreign)
    assert main(["train", "--examples", str(foreign)]) == 1
    assert "foreign.parquet was not made by: python -m training features" in capsys.readouterr().err
    assert main(["features", "--records", str(tmp_path / "nowhere"), "--out", str(tmp_path / "x.parquet")]) == 1
    assert not (tmp_path / "x.parquet").exists()


def test_examples_of_another_catalogue_are_refused(trained: Trained, tmp_path: Path, capsys: Out) -> None:
    rows = pq.read_table(trained.examples)
    said = rows.schema.metadata[b"tarve"].replace(b'"catalogue": "', b'"catalogue": "0')
    pq.write_table(rows.replace_schema_metadata({"tarve": said}), tmp_path / "old.parquet")
    assert main(["train", "--examples", str(tmp_path / "old.parquet")]) == 1
    assert "make them anew: python -m training features" in capsys.readouterr().err


def test_a_history_without_care_teaches_nothing(tmp_path: Path) -> None:
    store.write(history(patient()), tmp_path / "records")
    with pytest.raises(ExamplesError, match="holds neither contacts nor visits"):
        last_recorded(tmp_path / "records")


def test_a_recipe_that_is_none_is_refused() -> None:
    with pytest.raises(RecipeError, match="the run's recipe cannot be read"):
        Recipe.from_json("{}")


def test_a_run_that_registered_nothing_is_named(trained: Trained) -> None:
    assert trained
    with pytest.raises(tracking.TrackingError, match="no version of tarve-need came of run 0123"):
        tracking.version_of_run("0123")


def test_the_truth_of_another_history_is_refused(trained: Trained, tmp_path: Path, capsys: Out) -> None:
    truth = pq.read_table(trained.folder / "records-truth.parquet")
    (tmp_path / "records").symlink_to(trained.records)
    pq.write_table(truth.slice(0, 100), tmp_path / "records-truth.parquet")
    assert main(["features", "--records", str(tmp_path / "records"), "--out", str(tmp_path / "x.parquet")]) == 1
    assert "moments: it is of another history" in capsys.readouterr().err


def test_real_people_have_no_truth(trained: Trained, tmp_path: Path) -> None:
    (tmp_path / "records").symlink_to(trained.records)
    assert main(["features", "--records", str(tmp_path / "records"), "--out", str(tmp_path / "x.parquet")]) == 0
    assert read(tmp_path / "x.parquet").truth == {}
    assert not material.Material.read(tmp_path / "x.parquet").simulated


@pytest.fixture(scope="module")
def tuned(trained: Trained, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trained]:
    """A second run on the same examples, tuned in two trials; version 1 is challenger again after it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tune, "Budget", partial(tune.Budget, rounds=40, patience=5, rows=1000))
        assert trained.run("train", "--tune-trials", "2", "--tune-minutes", "5") == 0
        yield trained
    registry.set_alias("challenger", "1")


def test_a_search_is_kept_with_the_run_and_what_it_chose_in_the_recipe(tuned: Trained) -> None:
    run = latest_run("train")
    recipe = Recipe.from_json(tracking.logged_text(run.info.run_id, "recipe.json"))
    tried = json.loads(tracking.logged_text(run.info.run_id, "tuning.json"))
    rows = [dict(zip(tried["columns"], row, strict=True)) for row in tried["data"]]
    best = min((row for row in rows if row["state"] == "complete"), key=lambda row: row["loss"])
    assert len(rows) == 2
    assert recipe.settings["rounds"] == best["rounds"] <= 40
    chosen = recipe.settings["parameters"]
    assert {name: chosen[name] for name in SPACE} == pytest.approx(
        {name: best[name] for name in SPACE}
    )  # a table rounds
    assert chosen["monotone_constraints"] == monotone(DENTAL)
    assert run.data.params["tune trials"] == "2"
    assert tracking.logged_text(run.info.run_id, "tuning.svg").startswith("<svg")
    report = tracking.logged_text(run.info.run_id, "report.html")
    assert "2 trials (" in report
    assert 'aria-label="Log loss on later rows of 2 trials' in report
    assert tuned


def test_a_tuned_run_is_reproduced_byte_for_byte(tuned: Trained, capsys: Out) -> None:
    assert main(["reproduce", latest_run("train").info.run_id]) == 0
    assert "the same predictions, byte for byte" in capsys.readouterr().out
    assert tuned


def test_a_search_without_a_budget_is_refused(trained: Trained, capsys: Out) -> None:
    assert trained.run("train", "--tune-trials", "-1") == 1
    assert trained.run("train", "--tune-trials", "3", "--tune-minutes", "0") == 1
    assert "needs at least 1 trial and some minutes, not 3 and 0" in capsys.readouterr().err


def test_levels_are_fitted_anew_for_later_rows_of_others_and_the_run_can_be_repeated(
    trained: Trained, capsys: Out
) -> None:
    assert trained.run("recalibrate", "--model", "1", "--slopes") == 0
    said = capsys.readouterr().out
    run = latest_run("recalibrate")
    version = tracking.version_of_run(run.info.run_id)
    assert f"version {version}, version 1 recalibrated, is challenger" in said
    assert said.splitlines()[0].split() == ["group", "threshold", "n", "events", "O:E", "before", "O:E", "after",
                                            "level", "slope"]  # fmt: skip
    before, after = tracking.load("1"), tracking.load(version)
    x = read(trained.examples).x[:50]
    assert after.estimator.margins(x).tobytes() == before.estimator.margins(x).tobytes()
    assert isinstance(after.calibrator, Recalibrated)
    assert normal(version).suggested
    assert main(["reproduce", run.info.run_id]) == 0
    assert "the same predictions, byte for byte" in capsys.readouterr().out
    assert trained.run("recalibrate", "--model", "1", "--since", "2999-01-01") == 1
    assert "only 0 needs are known since 2999-01-01: too few to fit levels by" in capsys.readouterr().err
    registry.set_alias("challenger", "1")
