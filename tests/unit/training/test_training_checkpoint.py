"""Checkpoints: whole or not there, and nothing lost between saving and loading."""

from __future__ import annotations

import errno
import json
import random

import numpy as np
import pytest
import torch
from torch import nn

from grit.config.optimizer import OptimizerConfig
from grit.errors import CheckpointError
from grit.training.checkpoint import TrainingState, load_checkpoint, prune, save_checkpoint
from grit.training.optimizer import Optimizer


def moved_optimizer(steps=2):
    weight = nn.Parameter(torch.tensor([[1.0, -2.0], [0.5, 3.0]], dtype=torch.bfloat16))
    optimizer = Optimizer([("w", weight)], OptimizerConfig(lr=0.1))
    for _ in range(steps):
        weight.grad = torch.full_like(weight, 0.25)
        optimizer.collect()
        optimizer.step(0.1)
    return optimizer


def write_weights(folder):
    (folder / "model.safetensors").write_bytes(b"weights")


def contents(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_what_was_saved_comes_back(tmp_path):
    optimizer = moved_optimizer()
    state = TrainingState(step=7, best_step=4, best_value=0.625, train_seconds=12.5)
    save_checkpoint(tmp_path / "step-000007", write_weights, optimizer, state)
    other = moved_optimizer(steps=0)
    assert load_checkpoint(tmp_path / "step-000007", other) == state
    for key, tensor in optimizer.state().items():
        assert torch.equal(other.state()[key], tensor), key
    assert (tmp_path / "step-000007" / "model" / "model.safetensors").read_bytes() == b"weights"


def test_random_states_of_the_process_come_back(tmp_path):
    def draws():
        return random.random(), np.random.random(), torch.rand(3).tolist()

    save_checkpoint(tmp_path / "c", write_weights, moved_optimizer(), TrainingState())
    expected = draws()
    random.seed(1)
    np.random.seed(1)
    torch.manual_seed(1)
    load_checkpoint(tmp_path / "c", moved_optimizer(steps=0))
    assert draws() == expected


def test_a_checkpoint_holds_no_pickle(tmp_path):
    save_checkpoint(tmp_path / "c", write_weights, moved_optimizer(), TrainingState(step=1))
    names = set(contents(tmp_path / "c"))
    assert names == {"model/model.safetensors", "optimizer.safetensors", "state.json"}
    json.loads((tmp_path / "c" / "state.json").read_text(encoding="utf-8"))


def test_a_full_disk_leaves_the_old_checkpoint_as_it_was(tmp_path):
    folder = tmp_path / "step-000001"
    save_checkpoint(folder, write_weights, moved_optimizer(), TrainingState(step=1))
    before = contents(tmp_path)

    def write_until_full(model):
        (model / "model.safetensors").write_bytes(b"half of")
        raise OSError(errno.ENOSPC, "No space left on device")

    for name in ("step-000001", "step-000002"):
        with pytest.raises(CheckpointError, match=rf"{name}.*No space left.*--resume"):
            save_checkpoint(
                tmp_path / name, write_until_full, moved_optimizer(), TrainingState(step=2)
            )
        assert contents(tmp_path) == before
    assert load_checkpoint(folder, moved_optimizer(steps=0)).step == 1


def test_a_kill_while_writing_leaves_the_old_checkpoint_as_it_was(tmp_path):
    folder = tmp_path / "step-000001"
    save_checkpoint(folder, write_weights, moved_optimizer(), TrainingState(step=1))
    before = contents(tmp_path)

    def interrupted(model):
        (model / "model.safetensors").write_bytes(b"half of")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        save_checkpoint(folder, interrupted, moved_optimizer(), TrainingState(step=1))
    assert contents(tmp_path) == before


@pytest.mark.parametrize("spoilt", ["optimizer.safetensors", "state.json"])
@pytest.mark.parametrize("content", [None, b"", b'{"step": 3}', b"\x00" * 40])
def test_a_torn_checkpoint_is_named_with_the_way_out(tmp_path, spoilt, content):
    folder = tmp_path / "step-000003"
    save_checkpoint(folder, write_weights, moved_optimizer(), TrainingState(step=3))
    if content is None:
        (folder / spoilt).unlink()
    else:
        (folder / spoilt).write_bytes(content)
    with pytest.raises(CheckpointError, match=r"step-000003 cannot be resumed.*remove it"):
        load_checkpoint(folder, moved_optimizer(steps=0))


def test_a_checkpoint_of_another_network_is_refused(tmp_path):
    save_checkpoint(tmp_path / "c", write_weights, moved_optimizer(), TrainingState(step=3))
    other = Optimizer([("v", nn.Parameter(torch.zeros(2)))], OptimizerConfig())
    with pytest.raises(CheckpointError, match="cannot be resumed"):
        load_checkpoint(tmp_path / "c", other)


def test_pruning_keeps_the_newest(tmp_path):
    folders = [tmp_path / f"step-{step:06d}" for step in (5, 10, 100)]
    for folder in folders:
        folder.mkdir()
        (folder / "file").write_text("x")
    prune(folders, keep=2)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step-000010", "step-000100"]
    prune(folders[1:], keep=5)
    assert len(list(tmp_path.iterdir())) == 2
