"""Plans against what is published, what peft and torch count, and what a step really keeps."""

from __future__ import annotations

import re
import shutil
import warnings

import pytest
import torch
from peft import LoraConfig as PeftLoraConfig
from peft import get_peft_model
from safetensors import safe_open
from torch.utils.flop_counter import FlopCounterMode
from transformers import AutoTokenizer, Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration

from grit.app.plan import make_plan
from grit.cli.main import main
from grit.config.model import LoraConfig
from grit.config.recipe import Recipe
from grit.errors import ModelError
from grit.models.adapter import add_adapter
from grit.planning.bases import shipped_bases
from grit.planning.layers import (
    Attention,
    kept_by_decoder,
    kept_context,
    running_context,
    working,
)
from grit.policy.policy import Policy
from grit.policy.prefix import detached
from grit.training.optimizer import Optimizer
from tiny_qwen import build_folder, load, painted

PUBLISHED = {
    "Qwen/Qwen2.5-VL-3B-Instruct": 3_754_622_976,
    "Qwen/Qwen2.5-VL-7B-Instruct": 8_292_166_656,
    "Qwen/Qwen3-VL-4B-Instruct": 4_437_815_808,
    "OpenGVLab/InternVL3-2B-hf": 2_088_957_440,
}
"""Numbers of weights that others counted in the checkpoints; bases.yaml says where."""


def planned(path, **parts):
    stated = {"gpu_gib": parts.pop("gpu_gib", None)} | parts.pop("lengths", {})
    model = {"path": str(path), "device": "cpu", **parts.pop("model", {})}
    return make_plan(Recipe.model_validate({"model": model, **parts}), **stated)


@pytest.mark.parametrize("name", PUBLISHED)
def test_shipped_bases_have_the_published_number_of_weights(name):
    plan = planned(name)
    assert plan.model.parameters == PUBLISHED[name]
    assert plan.source == f"{name}, dimensions from grit's own table (planning/bases.yaml)"
    assert set(shipped_bases()) == set(PUBLISHED)


def test_a_folders_weights_are_counted_from_its_configuration(tiny_folder):
    with safe_open(tiny_folder / "model.safetensors", "pt") as file:
        stored = {name: file.get_tensor(name).numel() for name in file.keys()}  # noqa: SIM118
    model = planned(tiny_folder).model
    assert model.parameters == sum(stored.values()) - stored.get("lm_head.weight", 0)
    assert model.tower_parameters == sum(n for name, n in stored.items() if "visual" in name)


def test_a_plan_reads_no_weights(tiny_folder, tmp_path):
    folder = shutil.copytree(tiny_folder, tmp_path / "copy")
    (folder / "model.safetensors").unlink()
    assert "config.json in its folder" in planned(folder).source


def test_adapters_are_counted_as_peft_makes_them(tiny_folder):
    model = load(tiny_folder)
    add_adapter(model, LoraConfig(rank=4))
    made = sum(w.numel() for w in model.network.parameters() if w.requires_grad)
    assert planned(tiny_folder, model={"lora": {"rank": 4}}).shares.trainable == made
    network = load(tiny_folder).network
    with warnings.catch_warnings(action="ignore"):  # peft's own
        get_peft_model(network, PeftLoraConfig(r=3, target_modules=["o_proj", "attn.proj"]))
    made = sum(w.numel() for w in network.parameters() if w.requires_grad)
    lora = {"rank": 3, "targets": ["o_proj", "attn.proj"]}
    assert planned(tiny_folder, model={"lora": lora}).shares.trainable == made


@pytest.mark.parametrize("pixels", [28 * 28 * 9, 28 * 28 * 20, 50_000])
def test_no_picture_has_more_tokens_than_planned(tiny_folder, pixels):
    at_most = planned(tiny_folder, model={"max_pixels": pixels}).load.image_tokens
    model = load(tiny_folder, max_pixels=pixels)
    sizes = [(900, 900), (300, 1200), (640, 480)]
    found = [int(model.prepare(painted(size), "?").image_mask.sum()) for size in sizes]
    assert max(found) <= at_most
    assert max(found) > 0.6 * at_most, "whole tokens on both sides leave some of the area unused"


@pytest.fixture(scope="module")
def wider_folder(tmp_path_factory):
    """Wide enough that what is left out of a plan is small beside what is in it."""
    folder = build_folder(tmp_path_factory.mktemp("wider") / "qwen")
    size = len(AutoTokenizer.from_pretrained(folder))
    config = Qwen2_5_VLConfig.from_pretrained(folder)
    text = config.text_config
    text.hidden_size, text.intermediate_size, text.num_hidden_layers = 256, 704, 4
    text.layer_types = ["full_attention"] * 4
    text.rope_parameters["mrope_section"] = [8, 12, 12]
    config.vision_config.out_hidden_size = 256
    assert text.vocab_size == size
    Qwen2_5_VLForConditionalGeneration(config).save_pretrained(folder)
    return folder


def kept_bytes(policy, prompt, completions):
    """What autograd keeps of a group until its way back, weights left out, by storage."""
    weights = {w.untyped_storage().data_ptr() for w in policy.model.network.parameters()}
    kept = {}

    def pack(tensor):
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        states = policy.run_prompts([prompt])
        leaves, _ = detached(states)
        rows = policy.logprobs(leaves, [0] * len(completions), completions, temperature=1.0)
    assert all(row.requires_grad for row in rows)
    return sum(kept.values())


WAYS = {
    "full": {},
    "full in bfloat16": {"dtype": "bfloat16"},
    "lora": {"lora": {"rank": 4}},
    "lora in bfloat16": {"lora": {"rank": 4}, "dtype": "bfloat16"},
    "checkpointed": {"gradient_checkpointing": True},
}


@pytest.mark.parametrize("form", ["repeated", "shared"])
@pytest.mark.parametrize("way", WAYS)
def test_what_a_step_keeps_is_what_was_planned(wider_folder, way, form):
    """What is there for one layer at a time, and logits, are not kept: left out on both sides."""
    how = {"freeze_vision": True, "prefix_attention": form, **WAYS[way]}
    lora = how.pop("lora", None)
    model = load(wider_folder, **how)
    if lora is None:
        model.network.requires_grad_(True)
        model.family.vision_tower(model.network).requires_grad_(False)
    else:
        add_adapter(model, LoraConfig(**lora))
    prompt = model.prepare(painted((112, 84)), "How many red circles are there? " * 6)
    completions = [torch.arange(100, 196)] * 6
    measured = kept_bytes(Policy(model), prompt, completions)
    image = int(prompt.image_mask.sum())
    lengths = {"completion_tokens": 96, "text_tokens": len(prompt.input_ids) - image}
    plan = planned(
        wider_folder,
        model={**how, "lora": lora, "max_pixels": image * 28 * 28},
        group={"size": 6, "prompts_per_step": 1},
        lengths=lengths,
    )
    d, precision, training = plan.model.decoder, plan.shares.precision, plan.phases.training
    assert plan.load.prompt_tokens == len(prompt.input_ids)
    if form == "shared":
        asked = Attention("shared", 96, 96, False, prefix=plan.load.prompt_tokens, fused=True)
    else:
        asked = Attention("sdpa", 96, plan.load.prompt_tokens + 96, True)
    looked = kept_context(d, precision, asked)
    running = 6 * 96 * working(d.width, d.mlp_width, precision)
    running += 6 * running_context(d, precision, asked)
    if how.get("gradient_checkpointing"):
        running += 6 * (96 * (kept_by_decoder(plan.model, precision) // d.layers) + looked)
    ours = training.activations + training.kv_cache - running
    assert ours == pytest.approx(measured, rel=0.15)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_the_optimizers_state_has_the_planned_size(tiny_folder, dtype):
    model = load(tiny_folder, dtype=dtype)
    model.network.requires_grad_(True)
    recipe = Recipe()
    optimizer = Optimizer(model.network.named_parameters(), recipe.optimizer)
    for weight in model.network.parameters():
        weight.grad = torch.zeros_like(weight)
    optimizer.collect()
    optimizer.step(1e-3)
    state = optimizer.state()
    made = sum(t.nbytes for name, t in state.items() if not name.startswith("step:"))
    parts = planned(tiny_folder, model={"dtype": dtype}).phases.rollout
    assert parts.optimizer == made
    held = sum(w.nbytes for w in model.network.parameters())
    assert (parts.weights, parts.reference) == (held, held)


def test_operations_of_a_prompt_are_those_that_torch_counts(wider_folder):
    model = load(wider_folder, attention="eager")
    prompt = model.prepare(painted((112, 84)), "How many red circles are there? " * 20)
    policy = Policy(model)
    features = policy.vision.of([prompt])
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), counter:
        model.family.run_prompts(model.network, [prompt], features)
    tokens = len(prompt.input_ids)
    group = {"size": 2, "prompts_per_step": 1}
    image = int(prompt.image_mask.sum())
    texts = {"text_tokens": tokens - image}
    limit = {"max_pixels": image * 28 * 28, "freeze_vision": True}

    def rollout(length):
        lengths = {**texts, "completion_tokens": length}
        return planned(wider_folder, model=limit, group=group, lengths=lengths).work.rollout

    # Two completions of one token each, taken away; what is left is the prompt.
    d = planned(wider_folder).model
    one = 2 * d.linear_parameters + 4 * d.decoder.layers * d.decoder.query_width * (tokens + 1)
    logits = 2 * d.decoder.vocabulary * d.decoder.width
    # torch counts what eager attention multiplies and then masks away: the other half.
    masked = 2 * d.decoder.layers * d.decoder.query_width * tokens * (tokens - 1)
    assert rollout(1) - 2 * (one + logits) + masked == pytest.approx(
        counter.get_total_flops(), rel=0.01
    )


def test_by_hand_a_full_run_of_the_3b_base():
    """bfloat16 weights, reference, float32 masters and two moments: 2 + 2 + 4 + 8 bytes each."""
    plan = planned("Qwen/Qwen2.5-VL-3B-Instruct", model={"dtype": "bfloat16"})
    parts, number = plan.phases.training, PUBLISHED["Qwen/Qwen2.5-VL-3B-Instruct"]
    assert parts.weights + parts.reference == 4 * number
    assert plan.phases.rollout.optimizer == 12 * number
    assert parts.total > 16 * number
    # Of a prompt's cache: 2 bytes · 256 channels of keys and as many of values · 36 layers.
    cache = 36 * 2 * 2 * 256 * plan.load.prompt_tokens
    assert parts.kv_cache in (0, cache), "0 where the update of all weights is the peak"
    own = 36 * 2 * 2 * 256 * 4 * plan.load.completion_tokens
    assert plan.phases.reference.kv_cache == cache + own, "on the CPU a prompt stands once"


@pytest.mark.parametrize(
    ("form", "gpu_gib", "copies"),
    [("auto", None, 0), ("auto", 80, 4), ("repeated", None, 4), ("shared", 80, 0)],
)
def test_a_plan_counts_the_form_of_attention_that_would_run(form, gpu_gib, copies):
    """Without a GPU auto is shared; copies are those of a prompt, one for each of 4 completions."""
    # Small pictures and long completions: decoding is the rollout's fullest moment.
    model = {"dtype": "bfloat16", "prefix_attention": form, "max_pixels": 28 * 28 * 256}
    plan = planned(
        "Qwen/Qwen2.5-VL-3B-Instruct", model=model, gpu_gib=gpu_gib,
        lengths={"completion_tokens": 2048},
    )  # fmt: skip
    token, load = 36 * 2 * 2 * 256, plan.load
    counted = (1 + copies) * load.prompt_tokens + 4 * load.completion_tokens
    assert plan.phases.reference.kv_cache == token * counted
    held = plan.phases.rollout.kv_cache / token
    own = plan.shares.decoded * load.completion_tokens
    prompts = plan.shares.at_once * load.prompt_tokens
    repeated = plan.shares.decoded * load.prompt_tokens if copies else 0
    assert held == pytest.approx(prompts + (own + repeated) * 37 / 36, rel=0.05)


def test_without_a_kl_there_is_no_reference_and_lora_needs_no_copy(tiny_folder):
    none = planned(tiny_folder, loss={"beta": 0.0}).phases
    assert (none.reference, none.training.reference) == (None, 0)
    lora = planned(tiny_folder, model={"lora": {}}).phases
    assert lora.reference is not None
    assert lora.reference.reference == 0


def test_the_largest_micro_batch_fits_and_the_next_does_not():
    parts = {"model": {"dtype": "bfloat16", "lora": {}, "max_pixels": 200704}}
    name = "Qwen/Qwen2.5-VL-3B-Instruct"
    fit = planned(name, gpu_gib=80, **{**parts, "model": dict(parts["model"])}).fit
    assert fit.micro_batch_groups >= 1

    def peak(groups):
        training = {
            "micro_batch_groups": groups,
            "max_sequences_per_forward": fit.max_sequences_per_forward,
        }
        phases = planned(name, model=dict(parts["model"]), training=training, gpu_gib=80).phases
        return max(phases.training.total, phases.reference.total)

    usable = 80 * 2**30 * 0.92
    assert peak(fit.micro_batch_groups) <= usable < peak(fit.micro_batch_groups + 1)


def test_less_is_needed_with_checkpointing_and_with_smaller_pictures():
    name, base = "Qwen/Qwen2.5-VL-3B-Instruct", {"dtype": "bfloat16", "lora": {}}
    peaks = [
        planned(name, model={**base, "max_pixels": pixels, **more}).phases.peak
        for pixels, more in ((802816, {}), (200704, {}), (200704, {"gradient_checkpointing": True}))
    ]
    assert peaks == sorted(peaks, reverse=True)
    assert len(set(peaks)) == 3


def test_tiles_and_deepstack_are_counted():
    tiled = planned("OpenGVLab/InternVL3-2B-hf")
    assert tiled.load.image_tokens == 13 * 256, "twelve tiles, and one that shows the whole"
    one = planned("OpenGVLab/InternVL3-2B-hf", model={"max_pixels": 448 * 448})
    assert one.load.image_tokens == 256
    assert planned("Qwen/Qwen3-VL-4B-Instruct").model.tower.levels == 4


def test_an_architecture_that_nobody_knows_is_named(tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "vision_of_tomorrow"}', "utf-8")
    with pytest.raises(ModelError, match=r"vision_of_tomorrow.*qwen2_5_vl"):
        planned(tmp_path)
    with pytest.raises(ModelError, match=r"no/such.*Qwen/Qwen2\.5-VL-3B-Instruct"):
        planned("no/such")


def test_the_command_prints_parts_and_peak_and_says_when_it_does_not_fit(capsys):
    words = ["plan", "recipes/grit-qwen2.5-vl-3b.yaml", "--gpu-gib", "24", "--model.device", "cpu"]
    assert main(words) == 1
    text = capsys.readouterr().out
    for part in ("reference copy", "optimiser, masters", "KV cache", "vision cache", "FLOP"):
        assert part in text, part
    assert "does not fit" in text
    assert re.search(r"parameters +3\.75 G", text)
    assert main([*words[:2], "--model.device", "cpu"]) == 0


@pytest.mark.parametrize("value", ["0", "-3", "many", ""])
def test_a_gpu_without_memory_is_a_clear_error(value, capsys):
    assert main(["plan", f"--gpu-gib={value}"]) == 2
    assert f'--gpu-gib is "{value}"; expected a number above 0' in capsys.readouterr().err
