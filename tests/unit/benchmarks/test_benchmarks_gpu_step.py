"""The full-size script, tiny and on the CPU: both sides make a step, and compute the same."""

from __future__ import annotations

import json

import gpu_step
import pytest
import rollout
import torch
from workers.plain_step import plain_logprobs
from workload import Workload, write_workload

from grit.models.load import BUILTIN_FOLDER


def test_steps_and_decoding_of_a_tiny_base_are_measured_beside_plain_transformers(tmp_path):
    words = ["--device", "cpu", "--tiny", "--rounds", "1", "--completion-tokens", "3"]
    cell = ["--prompt-tokens", "60", "--group-size", "2", "--decoded-prompts", "1"]
    gpu_step.main([*words, *cell, "--json", str(tmp_path / "out.json")])
    step, decode = json.loads((tmp_path / "out.json").read_text())["rows"]
    assert (step["part"], step["prompt_tokens"], step["group_size"]) == ("step", 60, 2)
    ratios = step["against_plain"]
    times = {side: step[side]["seconds"]["total"] for side in ("ours", "plain")}
    assert ratios["step_ratio"] == pytest.approx(times["plain"] / times["ours"])
    # A prompt of 60 twice and 3 tokens each, against once: less work for ours in every phase.
    assert ratios["training_bound"] > 1
    assert ratios["reference_bound"] > 1
    assert (decode["part"], decode["sequences"]) == ("decode", 8)
    assert decode["decode_wall_ratio"] > 0


def test_whole_sequences_are_as_likely_to_the_plain_side_as_to_ours(tmp_path):
    file = write_workload(
        tmp_path, model=BUILTIN_FOLDER, prompt_tokens=60, num_pictures=1, group_size=2
    )
    policy, (prompt,) = rollout.load(Workload.read(file))
    completions = torch.randint(20, 200, (2, 7), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        plain = plain_logprobs(policy, policy.model.network, prompt, completions)
        states = policy.run_prompts([prompt.inputs])
        ours = policy.logprobs(states, [0, 0], list(completions), temperature=1.0)
    assert torch.allclose(plain, torch.stack(ours), atol=1e-5)


def test_without_a_gpu_the_script_says_what_it_needs_and_what_runs_anywhere(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(SystemExit, match=r"sees no GPU.*80 GiB.*--device cpu --tiny"):
        gpu_step.main([])
