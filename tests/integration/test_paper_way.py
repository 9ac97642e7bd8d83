"""`grit paper` all the way at the smallest size: every part, taken up again, and refused."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path

import pytest

import grit.app.paper.experiments as experiments
from grit.analysis.scene_judge import SceneJudge
from grit.app.paper.course import PaperProgress
from grit.app.paper.differences import differences
from grit.app.paper.experiments import run_paper
from grit.app.paper.world import Scale, scale_of, trainings
from grit.cli.demo import no_bar
from grit.config.compose import load_recipe
from grit.data.jsonl import read_samples
from grit.errors import ConfigError

RECIPES = Path(__file__).parents[2] / "recipes"
FLAGS = """--training.steps 1 --training.checkpoint-every 1 --training.validate-every none
--optimizer.warmup-steps 0 --evaluation.max-new-tokens 80 --model.device cpu"""
GRIT_FLAGS = "--group.size 2 --group.prompts-per-step 2 --rollout.max-new-tokens 8"
SFT_FLAGS = "--sft.samples-per-step 3"
SMALLEST = Scale(
    tuple(FLAGS.split()), tuple(GRIT_FLAGS.split()), tuple(SFT_FLAGS.split()), 2, 1, 1, (20, 22, 24)
)


class Silent:
    def started(self, first, steps): ...
    def stepped(self, row): ...
    def said(self, message): ...


def test_every_part_runs_onto_one_page_and_nothing_runs_twice(tmp_path, monkeypatch):
    monkeypatch.setattr(experiments, "scale_of", lambda quick: SMALLEST)
    trained: list[str] = []
    said: list[str] = []

    @contextmanager
    def listener():
        trained.append(said[-1])
        yield Silent()

    progress = PaperProgress(no_bar, listener, said.append)
    record, page, text = run_paper(tmp_path / "paper", SceneJudge(), progress, quick=True)
    names = ["direct", "cot", "icl", "sft", "grit", "no-counting", "triplets-22", "triplets-24"]
    assert [run.name for run in record.runs] == [*names, "no-answer-reward", "shuffled-answers"]
    assert len(trained) == 7
    # One step of training leaves few chains with answers and boxes, which these two need.
    assert {line.partition(",")[0] for line in record.missing} <= {"faithfulness", "attention"}
    assert all(len(run.summaries) == 8 for run in record.runs)
    assert "Table 3" in text.read_text("utf-8")
    assert "<svg" in page.read_text("utf-8")

    again, _, _ = run_paper(tmp_path / "paper", SceneJudge(), progress, quick=True)
    assert len(trained) == 7
    assert again.missing == record.missing
    assert [run.summaries for run in again.runs] == [run.summaries for run in record.runs]
    with pytest.raises(ConfigError, match="holds a quick run"):
        run_paper(tmp_path / "paper", SceneJudge(), progress)


def test_experiments_change_what_their_names_say_and_nothing_else(tmp_path):
    names = ["grit", "no-counting", "no-answer-reward", "shuffled-answers", "triplets-22"]
    made = {each.name: each.recipe for each in trainings(names, tmp_path, SMALLEST, seed=3)}
    plain = made["grit"].model_dump()
    for name, recipe in made.items():
        changed = {key for key, value in recipe.model_dump().items() if value != plain[key]}
        assert changed <= {"output", "rewards", "data"}, name
    assert made["no-counting"].rewards.weights == {"count": 0.0}
    assert made["no-answer-reward"].rewards.weights == {"answer": 0.0}
    assert made["no-answer-reward"].data == made["grit"].data
    only_relation = read_samples(Path(made["no-counting"].data.train))
    assert [s.dataset for s in only_relation] == ["relation"] * 20
    assert len(read_samples(Path(made["triplets-22"].data.train))) == 22


def test_sft_is_trained_as_its_recipe_says(tmp_path):
    (sft,) = trainings(["sft"], tmp_path, scale_of(quick=False), seed=2)
    flags = ["--training.validate-every", "none", "--training.seed", "2"]
    flags += ["--output", str(tmp_path / "seed-2" / "sft")]
    assert sft.recipe == load_recipe([RECIPES / "sft.yaml"], flags)
    assert sft.recipe.training.steps == 120
    assert sft.recipe.sft.samples_per_step == 10


def test_differences_say_what_the_recipes_hold():
    demo = load_recipe([RECIPES / "demo.yaml"], ["--loss.beta", "0.125", "--optimizer.lr", "3e-5"])
    sft = load_recipe([RECIPES / "sft.yaml"], ["--training.steps", "77"])
    lines = differences(demo, sft, scale_of(quick=False), quick=False)
    training = next(line for line in lines if line.startswith("Training:"))
    for word in ("60 steps of 10 prompts with 12 completions", "0.85", "3e-5", "β 0.125", "frozen"):
        assert word in training
    assert "77 steps, 10 triplets a step" in next(line for line in lines if "SFT" in line)
    assert not any(line.startswith("Quick") for line in lines)
    small = differences(demo, sft, SMALLEST, quick=True)
    assert "20, 22 and 24 triplets" in next(line for line in small if line.startswith("Scaling"))
    assert small[-1].startswith("Quick: 60 steps, and 2 test questions")


@pytest.mark.parametrize("file", sorted(RECIPES.glob("experiments/*.yaml")), ids=lambda f: f.stem)
def test_the_recipes_of_experiments_lie_over_others(file):
    recipe = load_recipe([RECIPES / "demo.yaml", file])
    assert recipe.output == f"runs/{file.stem}"
