"""Our side: one GRPO-GR step on a workload, by the parts that `grit train` builds."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, cast

sys.path.insert(0, str(Path(__file__).parents[1]))

from workers.meter import Meter, serve
from workload import Workload

from grit.app.models import load_learner
from grit.config.group import GroupConfig
from grit.config.loss import LossConfig
from grit.config.model import ModelConfig
from grit.config.optimizer import OptimizerConfig
from grit.config.training import TrainingConfig
from grit.data.pictures import open_picture
from grit.data.sample import Sample
from grit.judges.rules import RulesJudge
from grit.rewards.rubric import Rubric
from grit.rewards.score import RewardRow, Score
from grit.rollout.group import Prompt
from grit.rollout.local import LocalEngine, Sampling
from grit.training.optimizer import Optimizer
from grit.training.scoring import Scorer
from grit.training.step import TrainerConfig
from grit.training.trainer import Trainer

STEPS = 10_000


def number_of_letters(row: RewardRow) -> Score:
    """Pay something that differs between random texts."""
    return Score(float(len(row.trace.text) % 7))


def build(workload: Workload, meter: Meter) -> Trainer:
    """A trainer whose engine and reference are counted apart."""
    config = ModelConfig(
        path=workload.model,
        device=cast(Any, workload.device),
        dtype=cast(Any, workload.dtype),
        freeze_vision=workload.freeze_vision,
    )
    learner = load_learner(config, needs_reference=True)
    model = learner.policy.model
    prompts: list[Prompt] = []
    for number, path in enumerate(workload.pictures):
        picture = open_picture(Path(path))
        sample = Sample(str(number), Path(path), workload.question, "", "bench")
        prompts.append(Prompt(sample, model.prepare(picture, workload.question)))
    num_tokens = len(prompts[0].inputs.input_ids)
    if num_tokens != workload.prompt_tokens:
        raise SystemExit(f"a prompt has {num_tokens} tokens, not {workload.prompt_tokens}")
    # No token ends a completion: each has the length that is asked for.
    model.stop_ids = ()
    engine = LocalEngine(
        learner.policy,
        Sampling(
            workload.completion_tokens,
            workload.temperature,
            stop=None,
            sequences_at_once=max(128, workload.group_size),
        ),
    )
    engine.roll_out = meter.wrap("rollout", engine.roll_out)
    reference = cast(Any, learner.reference)
    reference.logprobs = meter.wrap("reference", reference.logprobs)
    optimizer = OptimizerConfig(
        lr=1e-6, schedule="constant", master_weights=workload.master_weights
    )
    return Trainer(
        learner.policy,
        reference,
        engine,
        Scorer(RulesJudge(), Rubric({"letters": (number_of_letters, 1.0)})),
        prompts,
        Optimizer(learner.trainable.items(), optimizer),
        TrainerConfig(
            group=GroupConfig(size=workload.group_size, prompts_per_step=1),
            loss=LossConfig(beta=workload.beta),
            optimizer=optimizer,
            training=TrainingConfig(steps=STEPS, max_sequences_per_forward=workload.micro_batch),
            deviation="unbiased",
            epsilon=1e-4,
            temperature=workload.temperature,
        ),
    )


def main() -> None:
    """Make steps on order."""
    meter, made = Meter(), 0
    trainer = build(Workload.read(Path(sys.argv[1])), meter)

    def step() -> None:
        nonlocal made
        made += 1
        trainer.step(made)

    serve(step, meter)


if __name__ == "__main__":
    main()
