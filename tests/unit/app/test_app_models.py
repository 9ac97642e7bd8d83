"""Loaded models: hub names; what a learner and its reference share, and its bound."""

from __future__ import annotations

import shutil

import pytest
import torch

from grit.app.models import load_learner, load_source
from grit.config.model import ModelConfig
from grit.models.qwen_vl import QwenVL
from tiny_qwen import completions_of, prompts_of


@pytest.fixture
def runs(monkeypatch):
    """How many pictures each run of any tower had."""
    seen = []
    plain = QwenVL.image_features

    def counted(self, network, prompts):
        seen.append(len(prompts))
        return plain(self, network, prompts)

    monkeypatch.setattr(QwenVL, "image_features", counted)
    return seen


def use_both(folder, **fields):
    """Run policy and reference over the same prompts, twice."""
    config = ModelConfig(path=str(folder), device="cpu", **fields)
    learner = load_learner(config, needs_reference=True)
    prompts = prompts_of(learner.policy.model)
    owners, completions = completions_of(learner.policy.model)
    for _ in range(2):
        states = learner.policy.run_prompts(prompts)
        own = learner.policy.logprobs(states, owners, completions, temperature=1.0)
        (old,) = learner.reference.logprobs(prompts, [(owners, completions)], temperature=1.0)
    return own, old


def test_policy_and_reference_share_the_features_of_a_frozen_tower(tiny_folder, runs):
    own, old = use_both(tiny_folder, freeze_vision=True)
    assert runs == [1, 1, 1]
    for ours, theirs in zip(own, old, strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=0.0)


def test_a_frozen_tower_whose_merger_learns_runs_once_a_picture_for_both(
    family_folder, monkeypatch
):
    config = ModelConfig(
        path=str(family_folder), device="cpu", freeze_vision=True, freeze_merger=False
    )
    learner = load_learner(config, needs_reference=True)
    model = learner.policy.model
    pictures, plain = [], type(model.family).image_features

    def counted(self, network, prompts):
        pictures.extend(id(prompt.vision["pixel_values"]) for prompt in prompts)
        return plain(self, network, prompts)

    monkeypatch.setattr(type(model.family), "image_features", counted)
    prompts = prompts_of(model)
    owners, completions = completions_of(model)

    def asked():
        states = learner.policy.run_prompts(prompts)
        own = learner.policy.logprobs(states, owners, completions, temperature=1.0)
        (old,) = learner.reference.logprobs(prompts, [(owners, completions)], temperature=1.0)
        return torch.cat(own), torch.cat(old)

    with torch.no_grad():
        one, before = asked()
        for merger in model.family.mergers(model.network):
            for weight in merger.parameters():
                weight.mul_(1.5)
        own, old = asked()
    assert len(pictures) == len(set(pictures)) == len(prompts)
    torch.testing.assert_close(one, before, atol=1e-5, rtol=0.0)
    # The mergers are each one's own: the policy's have moved, and the reference has not.
    torch.testing.assert_close(old, before, atol=1e-5, rtol=0.0)
    assert (own - before).abs().max() > 1e-2


def test_a_tower_that_learns_runs_each_time_and_its_reference_once(tiny_folder, runs):
    use_both(tiny_folder)
    assert sorted(runs) == [1, 1, 1, 3, 3]


def test_features_over_the_recipes_bound_are_made_again(tiny_folder, runs):
    use_both(tiny_folder, freeze_vision=True, vision_cache_gib=0.0)
    assert len(runs) > 3


def test_a_hub_name_is_the_model_in_the_hubs_cache(tiny_folder, tmp_path, monkeypatch):
    repository = tmp_path / "hub" / "models--somebody--tiny"
    shutil.copytree(tiny_folder, repository / "snapshots" / ("5" * 40))
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("5" * 40, encoding="utf-8")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.chdir(tmp_path)
    named, local = (
        load_source(source, ModelConfig(device="cpu")).model
        for source in ("somebody/tiny", str(tiny_folder))
    )
    assert named.limits == local.limits
    for name, weight in local.network.named_parameters():
        assert torch.equal(named.network.get_parameter(name), weight)
