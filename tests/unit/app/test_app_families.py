"""A tiny model of every family all the way: trained, kept, loaded again and asked."""

from __future__ import annotations

from collections import Counter

import pytest
import torch
from small_runs import run, small_recipe, weights, write_triplets

from grit.app.ask import ask_source
from grit.app.models import load_source
from grit.app.plan import make_plan
from grit.config.model import ModelConfig
from grit.errors import PictureError
from grit.models.load import load_model
from grit.prompts.question import Mode
from grit.records.folder import RunFolder
from grit.records.jsonl_log import read_rows
from grit.records.rows import StepRow


@pytest.fixture
def triplets(tmp_path):
    return write_triplets(tmp_path / "data")


def test_a_family_trains_and_its_run_can_be_asked(family_folder, triplets, tmp_path):
    output = tmp_path / "run"
    model = {"path": str(family_folder), "device": "cpu", "gradient_checkpointing": True}
    run(small_recipe(family_folder, triplets, output, model=model, training={"steps": 2}))
    rows = read_rows(RunFolder(output).steps, StepRow).rows
    assert [row.step for row in rows] == [1, 2]
    config = ModelConfig(path=str(family_folder), device="cpu")
    taught, base = load_source(str(output), config).model, load_model(config)
    assert taught.family is base.family
    assert taught.limits == base.limits
    now, then = (dict(each.network.named_parameters()) for each in (taught, base))
    moved = {name for name in then if not torch.equal(now[name], then[name])}
    assert any("language_model" in name for name in moved)
    assert any("visual" in name or "vision_tower" in name for name in moved)
    picture = next((tmp_path / "data").glob("*.png"))
    answered = ask_source(
        str(output), config, picture, "Where?", mode=Mode.GROUNDED, max_new_tokens=4
    )
    assert len(answered.completion.tokens) <= 4


def test_a_prompt_that_is_too_long_is_refused_at_load_with_its_sample(
    family_folder, triplets, tmp_path
):
    model = {"path": str(family_folder), "device": "cpu", "max_prompt_tokens": 30}
    with pytest.raises(PictureError) as caught:
        run(small_recipe(family_folder, triplets, tmp_path / "run", model=model))
    for part in ("sample", "0.png", "84×56", "30", "max_prompt_tokens"):
        assert part in str(caught.value)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("lora", [None, {"rank": 4}], ids=["full", "lora"])
def test_a_family_trains_in_bfloat16_on_float32_masters(family_folder, triplets, tmp_path, lora):
    """At 1e-6 a step is far below what bfloat16 can tell apart; masters and adapters move."""
    model = {"path": str(family_folder), "device": "cpu", "dtype": "bfloat16", "lora": lora}
    output = tmp_path / "run"
    parts = {"training": {"steps": 2}, "optimizer": {"lr": 1e-6, "schedule": "constant"}}
    run(small_recipe(family_folder, triplets, output, model=model, **parts))
    assert all(row.grad_norm > 0 for row in read_rows(RunFolder(output).steps, StepRow).rows)
    kept = weights(output)
    saved = {name: each for name, each in kept.items() if name.startswith("model/")}
    if lora is None:
        assert {each.dtype for each in saved.values()} == {torch.bfloat16}
        masters = [each for name, each in kept.items() if ":master:" in name]
        assert {each.dtype for each in masters} == {torch.float32}
        assert any(not torch.equal(each, each.bfloat16().float()) for each in masters)
    else:
        assert {each.dtype for each in saved.values()} == {torch.float32}
        assert any(each.abs().max() > 0 for name, each in saved.items() if "lora_B" in name)
    config = ModelConfig(path=str(family_folder), device="cpu", dtype="bfloat16")
    taught = load_source(str(output), config).model.network
    assert {p.dtype for n, p in taught.named_parameters() if "lora_" not in n} == {torch.bfloat16}


@pytest.mark.parametrize("tower", [False, True], ids=["tower learns", "tower frozen"])
@pytest.mark.parametrize("merger", [False, True], ids=["merger learns", "merger frozen"])
def test_each_of_tower_and_merger_is_frozen_by_its_own_field(
    family_folder, triplets, tmp_path, tower, merger
):
    fields = {"freeze_vision": tower, "freeze_merger": merger}
    model = {"path": str(family_folder), "device": "cpu", **fields}
    recipe = small_recipe(family_folder, triplets, tmp_path / "run", model=model)
    recipe = recipe.model_copy(update={"training": recipe.training.model_copy(update={"steps": 1})})
    run(recipe)
    config = ModelConfig(path=str(family_folder), device="cpu")
    taught, base = load_source(str(tmp_path / "run"), config).model, load_model(config)
    kind = {"merger": "merger", "multi_modal_projector": "merger", "visual": "tower"}
    kind |= {"vision_tower": "tower", "language_model": "decoder", "lm_head": "decoder"}
    now, moved, sizes = dict(taught.network.named_parameters()), set(), Counter()
    for name, weight in base.network.named_parameters():
        part = next(what for word, what in kind.items() if word in name)
        sizes[part] += weight.numel()
        if not torch.equal(now[name], weight):
            moved.add(part)
    assert moved == {"decoder", *["tower"] * (not tower), *["merger"] * (not merger)}
    still = sizes["tower"] * tower + sizes["merger"] * merger
    assert make_plan(recipe).shares.trainable == sizes.total() - still
