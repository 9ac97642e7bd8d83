"""SFT into run folders: kept, resumed to the same bits, evaluated under its own name."""

from __future__ import annotations

import pytest
import torch
from small_runs import Watching, records, small_recipe, weights, write_triplets

from grit.app.chains import chains_of
from grit.app.evaluate_models import evaluate_model
from grit.app.samples import make_prompts, read_source
from grit.app.sft import fine_tune, make_lessons
from grit.app.train import train
from grit.cli.demo import no_bar
from grit.config.compose import load_recipe
from grit.config.evaluation import EvaluationConfig
from grit.config.model import ModelConfig
from grit.errors import ConfigError, RunFolderError
from grit.prompts.question import Mode
from grit.records.folder import RunFolder
from grit.traces.parse import parse_trace
from grit.viewer.report import build_report

VALIDATING = {"validate_every": 2, "validation_limit": 2}


@pytest.fixture
def triplets(tmp_path):
    return write_triplets(tmp_path / "data")


@pytest.fixture
def recipe_for(tiny_folder, triplets, tmp_path):
    def make(name="run", **parts):
        parts.setdefault("sft", {"samples_per_step": 2})
        parts.setdefault("training", VALIDATING)
        data = {"validation": str(triplets)}
        return small_recipe(tiny_folder, triplets, tmp_path / name, data=data, **parts)

    return make


class Killed(BaseException):
    """What a power cut looks like from inside."""


class KilledAfter(Watching):
    def __init__(self, step):
        super().__init__()
        self._last = step

    def stepped(self, row):
        super().stepped(row)
        if row.step == self._last:
            raise Killed


def test_a_run_is_kept_evaluated_and_reported_like_any_other(recipe_for, triplets, tmp_path):
    listener = Watching()
    outcome = fine_tune(recipe_for(), listener)
    assert (outcome.last_step, listener.steps) == (4, [1, 2, 3, 4])
    kept = records(tmp_path / "run")
    assert [row.step for row in kept["validation"]] == [0, 2, 4]
    assert kept["completions"] == []
    assert kept["steps"][-1].loss < kept["steps"][0].loss
    assert (kept["steps"][0].reward_mean, kept["steps"][0].num_completions) == (None, 2)
    config = EvaluationConfig(max_new_tokens=4)
    source, model = str(tmp_path / "run"), ModelConfig(device="cpu")
    (found,) = evaluate_model(source, model, config, bar=no_bar, data=str(triplets))
    assert found.path.name == "sft-grounded-step-000004.jsonl"
    assert {(row.model, row.mode) for row in found.summaries} == {("sft", "grounded")}
    # Analyses take these rows and do not ask again under another name.
    chains = chains_of(source, model, config, no_bar, data=str(triplets))
    assert (chains.name, chains.rows) == (found.path.stem, list(found.rows))
    page = build_report(RunFolder(tmp_path / "run")).read_text("utf-8")
    assert "Loss of targets" in page


def test_a_run_that_was_killed_ends_with_the_bits_of_one_that_was_not(recipe_for, tmp_path):
    fine_tune(recipe_for("whole"), Watching())
    with pytest.raises(Killed):
        fine_tune(recipe_for("cut"), KilledAfter(3))
    resumed = Watching()
    fine_tune(recipe_for("cut"), resumed, resume=True)
    assert resumed.begun == (3, 4), "from the checkpoint of step 2"
    assert records(tmp_path / "cut") == records(tmp_path / "whole")
    one, two = weights(tmp_path / "whole"), weights(tmp_path / "cut")
    assert one.keys() == two.keys()
    assert all(torch.equal(tensor, two[name]) for name, tensor in one.items())


def test_a_run_of_one_kind_is_not_gone_on_with_by_the_other(recipe_for):
    with pytest.raises(ConfigError, match="grit sft"):
        train(recipe_for(), Watching())
    fine_tune(recipe_for(training={"steps": 1}), Watching())
    with pytest.raises(RunFolderError, match=r"sft\.samples_per_step"):
        fine_tune(recipe_for(sft={"samples_per_step": 3}), Watching(), resume=True)


def test_targets_end_as_the_model_ends_a_turn_and_draw_boxes_in_its_space(
    triplets, tiny_model, tmp_path
):
    samples = read_source(str(triplets), pictures=tmp_path)
    prompts = make_prompts(samples, tiny_model, Mode.GROUNDED, max_pixels=10**8)
    for with_boxes in (True, False):
        for prompt, lesson in zip(
            prompts, make_lessons(prompts, tiny_model, with_boxes=with_boxes), strict=True
        ):
            assert int(lesson.tokens[-1]) == tiny_model.tokenizer.eos_token_id
            trace = parse_trace(tiny_model.read(lesson.tokens.tolist()), prompt.inputs.frame)
            assert trace.answer == prompt.sample.answer
            assert len(trace.boxes) == with_boxes
            for box in trace.boxes:
                # Rounded to pixels of the picture as the model sees it.
                assert box.as_tuple() == pytest.approx((0, 0, 40, 40), abs=1)


def test_the_shipped_recipe_is_one_of_sft():
    from pathlib import Path

    recipe = load_recipe([Path(__file__).parents[3] / "recipes" / "sft.yaml"])
    assert recipe.sft is not None
    assert recipe.sft.boxes
    assert load_recipe([], ["--sft.samples-per-step", "4"]).sft.samples_per_step == 4
