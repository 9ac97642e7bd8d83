"""Features of pictures: how often the tower runs, and that what is kept is right."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from grit.policy.policy import Policy
from grit.policy.vision import VisionFeatures
from tiny_models import all_plain_inputs, plain_features
from tiny_qwen import SIZES_AND_QUESTIONS, painted, prompts_of


class Counting:
    """A family that notes how many pictures each run of the tower had."""

    def __init__(self, family) -> None:
        self._family = family
        self.runs: list[int] = []

    def __getattr__(self, name):
        return getattr(self._family, name)

    def image_features(self, network, prompts):
        self.runs.append(len(prompts))
        return self._family.image_features(network, prompts)


@pytest.fixture
def counted(tiny_model):
    return replace(tiny_model, family=Counting(tiny_model.family))


def test_features_of_a_batch_are_those_of_each_picture_alone(tiny_model, tiny_folder):
    with torch.no_grad():
        ours = VisionFeatures(tiny_model).of(prompts_of(tiny_model))
        right = [plain_features(tiny_model.network, each) for each in all_plain_inputs(tiny_folder)]
    for feature, expected in zip(ours, right, strict=True):
        torch.testing.assert_close(feature, expected, atol=1e-5, rtol=1e-5)


def test_a_frozen_tower_runs_once_a_picture_in_a_whole_run(counted):
    policy = Policy(counted)
    prompts = prompts_of(counted)
    for _ in range(3):
        policy.run_prompts(prompts)
        policy.run_prompts(prompts[1:])
    assert counted.family.runs == [3]


def test_in_training_a_frozen_tower_runs_pictures_alone_so_that_bits_know_no_batches(counted):
    vision, other = (VisionFeatures(counted, alone=True) for _ in range(2))
    prompts = prompts_of(counted)
    together = vision.of(prompts)
    assert counted.family.runs == [1, 1, 1]
    one_by_one = [other.of([prompt])[0] for prompt in reversed(prompts)][::-1]
    assert all(torch.equal(a, b) for a, b in zip(together, one_by_one, strict=True))
    counted.network.requires_grad_(True)
    vision.of(prompts)
    assert counted.family.runs[6:] == [3]


def test_only_pictures_that_are_new_are_run(counted):
    prompts = prompts_of(counted)
    vision = VisionFeatures(counted)
    vision.of(prompts[:2])
    vision.of(prompts)
    assert counted.family.runs == [2, 1]


def test_one_picture_twice_in_a_call_runs_once(counted):
    counted.network.requires_grad_(True)
    prompts = prompts_of(counted)
    again = replace(prompts[0], text="another question over the same pixels")
    found = VisionFeatures(counted).of([prompts[0], again, prompts[1], prompts[0]])
    assert counted.family.runs == [2]
    assert found[0] is found[1] is found[3]
    assert found[2].shape != found[0].shape


def test_two_pictures_of_one_size_keep_features_of_their_own(counted):
    size, question = SIZES_AND_QUESTIONS[0]
    vision = VisionFeatures(counted)
    first, second = vision.of([counted.prepare(painted(size, seed), question) for seed in (0, 1)])
    assert not torch.allclose(first, second, atol=1e-2)


def test_features_of_pictures_that_were_forgotten_go_to_no_other_picture(counted):
    """Python gives the id of a dead object to a new one; kept features must not follow it."""
    size, question = SIZES_AND_QUESTIONS[0]
    vision = VisionFeatures(counted)
    for seed in range(8):
        prompt = counted.prepare(painted(size, seed), question)
        with torch.no_grad():
            (expected,) = counted.family.image_features(counted.network, [prompt])
        torch.testing.assert_close(vision.of([prompt])[0], expected)


def test_a_tower_that_learns_is_run_each_time_and_gets_gradients(counted):
    counted.network.requires_grad_(True)
    vision = VisionFeatures(counted)
    prompts = prompts_of(counted)[:1]
    (before,) = vision.of(prompts)
    assert before.requires_grad
    tower = counted.family.vision_tower(counted.network)
    weight = [each for each in tower.parameters() if each.dim() == 2][-1]
    with torch.no_grad():
        weight.mul_(2.0)
        (after,) = vision.of(prompts)
    assert counted.family.runs == [1, 1]
    assert not after.requires_grad
    assert not torch.allclose(before, after, atol=1e-2)


def test_features_kept_while_frozen_are_not_used_once_the_tower_learns(counted):
    vision = VisionFeatures(counted)
    prompts = prompts_of(counted)[:1]
    (frozen,) = vision.of(prompts)
    counted.family.vision_tower(counted.network).requires_grad_(True)
    (learning,) = vision.of(prompts)
    assert not frozen.requires_grad
    assert learning.requires_grad


def test_a_frozen_tower_under_a_decoder_that_learns_holds_no_graph(counted):
    counted.network.requires_grad_(True)
    counted.family.vision_tower(counted.network).requires_grad_(False)
    policy = Policy(counted)
    states = policy.run_prompts(prompts_of(counted))
    assert states.last_hidden.requires_grad
    assert not any(feature.requires_grad for feature in policy.vision.of(prompts_of(counted)))


def test_the_oldest_features_go_when_there_is_no_room(counted, tiny_folder):
    prompts = prompts_of(counted)
    sizes = [
        inputs["pixel_values"].nbytes + plain_features(counted.network, inputs).nbytes
        for inputs in all_plain_inputs(tiny_folder)
    ]
    vision = VisionFeatures(counted, max_bytes=sizes[1] + sizes[2])
    for prompt in prompts:
        vision.of([prompt])
    assert counted.family.runs == [1, 1, 1]
    vision.of(prompts[1:])
    assert counted.family.runs == [1, 1, 1]
    vision.of(prompts[:1])
    assert counted.family.runs == [1, 1, 1, 1]


def test_without_any_room_a_call_still_gets_all_of_its_features(counted):
    vision = VisionFeatures(counted, max_bytes=0)
    prompts = prompts_of(counted)
    assert [len(feature) for feature in vision.of(prompts)] == [
        int(prompt.image_mask.sum()) for prompt in prompts
    ]


def test_what_comes_before_the_merger_merges_to_the_features(tiny_model, tiny_folder):
    """Of several pictures at once, windows and deepstack included; widths by the architecture."""
    prompts, family, network = prompts_of(tiny_model), tiny_model.family, tiny_model.network
    with torch.no_grad():
        before = family.tower_features(network, prompts)
        merged = family.merge(network, before)
        right = [plain_features(network, each) for each in all_plain_inputs(tiny_folder)]
    for own, feature, expected in zip(before, merged, right, strict=True):
        torch.testing.assert_close(feature, expected, atol=1e-5, rtol=1e-5)
        assert own.shape[:-1] == expected.shape[:-1]
        assert own.shape[-1] == 4 * network.config.vision_config.hidden_size
    again = family.image_features(network, prompts)
    assert torch.allclose(again[0], right[0], atol=1e-5), "nothing is left behind in the network"


def test_a_frozen_tower_runs_once_under_a_merger_that_learns_by_its_true_gradients(
    counted, tiny_folder
):
    family, network = counted.family, counted.network
    network.requires_grad_(True)
    for weight in family.tower_weights(network):
        weight.requires_grad_(False)
    vision, prompts = VisionFeatures(counted, alone=True), prompts_of(counted)
    vision.of(prompts)
    runs = len(family.runs)
    features = vision.of(prompts)
    assert len(family.runs) == runs, "the tower does not run again"
    sum(each.square().sum() for each in features).backward()
    learned = [w for merger in family.mergers(network) for w in merger.parameters()]
    found = [weight.grad.clone() for weight in learned]
    network.zero_grad()
    plain = [plain_features(network, each) for each in all_plain_inputs(tiny_folder)]
    sum(each.square().sum() for each in plain).backward()
    for grad, weight in zip(found, learned, strict=True):
        torch.testing.assert_close(grad, weight.grad, atol=1e-3, rtol=1e-3)
        assert grad.abs().max() > 0
    assert all(weight.grad is None for weight in family.tower_weights(network))
    with torch.no_grad():
        learned[-1].add_(1.0)
        moved = vision.of(prompts)
    assert len(family.runs) == runs
    assert not torch.allclose(moved[0], features[0], atol=1e-2)


def test_a_tower_learns_behind_a_merger_that_is_frozen(counted):
    family, network = counted.family, counted.network
    network.requires_grad_(True)
    for merger in family.mergers(network):
        merger.requires_grad_(False)
    (feature,) = VisionFeatures(counted).of(prompts_of(counted)[:1])
    feature.square().sum().backward()
    assert any(weight.grad is not None for weight in family.tower_weights(network))
    assert all(w.grad is None for merger in family.mergers(network) for w in merger.parameters())
