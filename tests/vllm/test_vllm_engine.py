"""vLLM's completions against the local engine's and the trainer's, on a tiny random model."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from grit.config.model import LoraConfig
from grit.config.rollout import VllmRolloutConfig
from grit.data.sample import Sample
from grit.models.adapter import add_adapter
from grit.policy.policy import Policy
from grit.rollout.group import Prompt
from grit.rollout.local import LocalEngine, Sampling
from grit.rollout.vllm import VllmEngine
from tiny_qwen import load, painted, plain_inputs, plain_logprobs

LENGTH = 24
TOLERANCE = 1e-4
"""Of log-probabilities in float32; about 1e-5 is seen."""

# Larger than the limit, smaller than the least, portrait, and of a grid already.
PICTURES = [((300, 200), "How many?"), ((20, 30), "Where is it?"), ((60, 140), "Left of the star?")]
PICTURES.append(((84, 84), "Which?"))


@pytest.fixture(scope="module")
def samples(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pictures")
    made = []
    for n, (size, question) in enumerate(PICTURES):
        painted(size, n).save(folder / f"{n}.png")
        made.append(Sample(f"s-{n}", folder / f"{n}.png", question, "2", "counting"))
    return made


class Bench:
    """A model with both engines."""

    def __init__(self, folder, samples, python, log, *, temperature, lora=None, stop="re"):
        self.model = load(folder)
        self.model.network.requires_grad_(True)  # a frozen tower's features would be kept
        adapter = None if lora is None else add_adapter(self.model, lora)
        self.prompts = [
            Prompt(s, self.model.prepare(painted(size, n), question))
            for n, (s, (size, question)) in enumerate(zip(samples, PICTURES, strict=True))
        ]
        # Random text has these letters now and then, and in the middle of a token, too.
        sampling = Sampling(max_new_tokens=LENGTH, temperature=temperature, stop=stop, seed=3)
        self.policy = Policy(self.model)
        self.local = LocalEngine(self.policy, sampling)
        self.vllm = VllmEngine(
            self.model,
            adapter,
            sampling,
            VllmRolloutConfig(python=python, eager=True),
            longest_prompt=max(len(prompt.inputs.input_ids) for prompt in self.prompts),
            log=log,
        )

    def both(self, size, step=1):
        return (
            self.vllm.roll_out(self.prompts, size=size, step=step),
            self.local.roll_out(self.prompts, size=size, step=step),
        )

    def move(self, names):
        torch.manual_seed(11)
        with torch.no_grad():
            for name, weight in self.model.network.named_parameters():
                if names in name:
                    weight.add_(0.3 * torch.randn_like(weight) * (weight.std() + 0.05))


def same(theirs, ours):
    for their, our in zip(theirs, ours, strict=True):
        for a, b in zip(their.completions, our.completions, strict=True):
            assert a.tokens.tolist() == b.tokens.tolist()
            assert (a.text, a.finish, a.number) == (b.text, b.finish, b.number)
            assert torch.allclose(a.logprobs, b.logprobs, atol=TOLERANCE, rtol=0)


def texts(groups):
    return [completion.text for group in groups for completion in group.completions]


@pytest.fixture(scope="module")
def greedy(wide_folder, samples, vllm_python, tmp_path_factory):
    log = tmp_path_factory.mktemp("log") / "vllm.log"
    bench = Bench(wide_folder, samples, vllm_python, log, temperature=0.0)
    yield bench
    bench.vllm.close()


@pytest.fixture(scope="module")
def sampled(wide_folder, samples, vllm_python, tmp_path_factory):
    log = tmp_path_factory.mktemp("log") / "vllm.log"
    bench = Bench(wide_folder, samples, vllm_python, log, temperature=0.8, stop="</answer>")
    yield bench
    bench.vllm.close()


def test_greedy_text_is_the_local_engines_before_and_after_an_update(greedy):
    before = greedy.both(2)
    same(*before)
    greedy.move("")
    after = greedy.both(2)
    same(*after)
    assert all(a != b for a, b in zip(texts(before[0]), texts(after[0]), strict=True))
    finishes = {c.finish for g in (*before[0], *after[0]) for c in g.completions}
    assert finishes == {"finished", "cut_off"}


def test_sampled_logprobs_are_those_of_plain_transformers_at_the_temperature(sampled, wide_folder):
    groups = sampled.vllm.roll_out(sampled.prompts, size=3, step=1)
    for group, (size, question), n in zip(groups, PICTURES, range(len(PICTURES)), strict=True):
        inputs = plain_inputs(wide_folder, painted(size, n), question)
        for completion in group.completions:
            expected = plain_logprobs(
                sampled.model.network, inputs, completion.tokens, temperature=0.8
            )
            assert torch.allclose(completion.logprobs, expected, atol=TOLERANCE, rtol=0)


def test_what_is_drawn_belongs_to_step_sample_and_number(sampled):
    once = sampled.vllm.roll_out(sampled.prompts, size=3, step=1)
    again = sampled.vllm.roll_out(sampled.prompts[::-1], size=3, step=1)[::-1]
    later = sampled.vllm.roll_out(sampled.prompts, size=3, step=2)
    assert texts(once) == texts(again)
    assert all(a != b for a, b in zip(texts(once), texts(later), strict=True))
    assert all(len(set(texts([group]))) == 3 for group in once)


def test_an_adapter_alone_makes_the_policy_of_the_trainer(
    wide_folder, samples, vllm_python, tmp_path
):
    bench = Bench(
        wide_folder, samples, vllm_python, tmp_path / "vllm.log", temperature=0.0,
        lora=LoraConfig(rank=4, alpha=8.0),
    )  # fmt: skip
    with bench.vllm:
        before = bench.both(1)
        same(*before)
        bench.move("lora_")
        after = bench.both(1)
        same(*after)
        assert texts(before[0]) != texts(after[0])
        bench.move("lora_")
        same(*bench.both(1))
    assert not Path(bench.vllm._exchange).exists()
