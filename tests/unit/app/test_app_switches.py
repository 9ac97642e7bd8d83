"""Every optimisation switched off, and on: the same step."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import torch

from grit.app.models import load_learner
from grit.config.group import GroupConfig
from grit.config.loss import LossConfig
from grit.config.model import ModelConfig
from grit.config.optimizer import OptimizerConfig
from grit.config.training import TrainingConfig
from grit.data.sample import Sample
from grit.judges.rules import RulesJudge
from grit.models.prefix_cache import SharedPrefixCache
from grit.rewards.rubric import Rubric
from grit.rewards.score import Score
from grit.rollout.group import Prompt
from grit.rollout.local import LocalEngine, Sampling
from grit.training.optimizer import Optimizer
from grit.training.scoring import Scorer
from grit.training.step import TrainerConfig
from grit.training.trainer import Trainer
from tiny_models import all_plain_inputs, plain_logprobs
from tiny_qwen import SIZES_AND_QUESTIONS, prompts_of

ON = {"prefix_attention": "shared", "lean_decoding": True}
OFF = {
    "prefix_attention": "repeated",
    "lean_decoding": False,
    "vision_cache_gib": 0.0,
    "reference_cache_gib": 0.0,
}


def two_steps(folder, model, training):
    """What two steps over the same prompts come to, the second with whatever is kept by then."""
    learner = load_learner(
        ModelConfig(path=str(folder), device="cpu", freeze_vision=True, **model),
        needs_reference=True,
    )
    prompts = [
        Prompt(Sample(f"s-{n}", Path("p.png"), question, "2", "counting"), inputs)
        for n, (inputs, (_, question)) in enumerate(
            zip(prompts_of(learner.policy.model), SIZES_AND_QUESTIONS, strict=True)
        )
    ]
    optimizer = OptimizerConfig(lr=1e-6)
    variety = Rubric({"variety": (lambda row: Score(len(set(row.trace.text)) / 10), 1.0)})
    with closing(Scorer(RulesJudge(), variety)) as scorer:
        trainer = Trainer(
            learner.policy,
            learner.reference,
            LocalEngine(learner.policy, Sampling(max_new_tokens=10, temperature=1.0)),
            scorer,
            prompts,
            Optimizer(learner.trainable.items(), optimizer),
            TrainerConfig(
                group=GroupConfig(size=4, prompts_per_step=3),
                loss=LossConfig(beta=0.1),
                optimizer=optimizer,
                training=TrainingConfig(**training),
                deviation="biased",
                epsilon=1e-4,
                temperature=1.0,
            ),
        )
        return learner, [trainer.step(number) for number in (1, 2)]


def test_all_optimisations_on_and_off_make_the_same_steps(family_folder):
    learner, fast = two_steps(family_folder, ON, {"max_padding": 0.1, "micro_batch_groups": 3})
    policy = learner.policy
    branches = policy.branch(policy.run_prompts(prompts_of(policy.model)), [0, 1, 2])
    assert isinstance(branches.cache, SharedPrefixCache)
    assert branches.decoder is not None
    learner, slow = two_steps(family_folder, OFF, {"max_padding": 1.0, "adapt_to_memory": False})
    policy = learner.policy
    branches = policy.branch(policy.run_prompts(prompts_of(policy.model)), [0, 1, 2])
    assert not isinstance(branches.cache, SharedPrefixCache)
    assert branches.decoder is None
    for one, other in zip(fast, slow, strict=True):
        for ours, theirs in (
            (one.batch.tokens, other.batch.tokens),
            (one.batch.sampler, other.batch.sampler),
            (one.batch.old, other.batch.old),
            (one.batch.reference, other.batch.reference),
        ):
            for a, b in zip(ours, theirs, strict=True):
                torch.testing.assert_close(a, b, atol=1e-5, rtol=0)
        torch.testing.assert_close(one.sums, other.sums, atol=1e-5, rtol=0)
        torch.testing.assert_close(one.grad_norm, other.grad_norm, atol=1e-5, rtol=1e-4)


def test_with_all_of_them_the_first_step_is_that_of_plain_forwards(family_folder):
    learner, (first, _) = two_steps(family_folder, ON, {"max_padding": 0.1})
    assert learner.reference is not None
    base = load_learner(
        ModelConfig(path=str(family_folder), device="cpu"), needs_reference=False
    ).policy.model.network
    inputs = all_plain_inputs(family_folder)
    place = 0
    for scored in first.scored:
        number = int(scored.group.prompt.sample.id.removeprefix("s-"))
        for completion in scored.group.completions:
            with torch.no_grad():
                expected = plain_logprobs(base, inputs[number], completion.tokens)
            for found in (first.batch.old, first.batch.reference, first.batch.sampler):
                torch.testing.assert_close(found[place], expected, atol=1e-5, rtol=0)
            place += 1
    assert place == 12
