"""Train the built-in model from nothing on the built-in world.

    .venv/bin/python scripts/builtin_model/train.py --output /tmp/base --steps 4000

Runs on two CPU cores; interrupted, it goes on from its last checkpoint. The picture is run once
and several turns are branched off it: the shared prefix that the policy itself uses. What made the
model that ships is in its card.
"""

from __future__ import annotations

import argparse
import copy
import json
import math
import time
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from random import Random

import torch
from architecture import build_image_processor, build_network, save_processing
from corpus import Turn, sample_turn
from torch import Tensor, nn
from transformers import (
    PreTrainedModel,
    PreTrainedTokenizerBase,
    Qwen2_5_VLForConditionalGeneration,
)

from grit.data.scenes.generate import Part, scenes
from grit.data.scenes.scene import Scene, draw_scene
from grit.models.family import LoadedModel, PixelLimits, PromptInputs
from grit.models.qwen2_5_vl import Qwen25VL
from grit.policy.prefix import branch, run_branches

_PICTURES = 20
_TURNS = 6
_BUCKETS = 5
_MUON_RATE, _ADAMW_RATE, _FLOOR = 3e-3, 2e-3, 0.02
_WARMUP = 100
_SEED = 7


@dataclass(slots=True)
class Lesson:
    """Pictures of one step, and turns over them as tokens.

    A token's weight in the loss is 0 in the user's words, 1 in the reply, and the turn's own in its
    answer.
    """

    prompts: list[PromptInputs]
    owners: list[int]
    tokens: list[Tensor]
    weights: list[Tensor]
    answers: list[slice]
    sorts: list[str]


class Teacher:
    """Makes lessons from an endless stream of scenes."""

    def __init__(self, model: LoadedModel, seed: int, first_step: int) -> None:
        self._model = model
        self._scenes = scenes(Part.PRETRAINING, seed)
        self._random = Random(seed)
        for _ in range(first_step * _PICTURES):
            self._turns(next(self._scenes))

    def _turns(self, scene: Scene) -> list[Turn]:
        return [sample_turn(scene, self._random) for _ in range(_TURNS)]

    def lesson(self) -> Lesson:
        """One step's worth of pictures and turns."""
        made = Lesson([], [], [], [], [], [])
        tokenizer = self._model.tokenizer
        for row in range(_PICTURES):
            scene = next(self._scenes)
            picture = draw_scene(scene)
            for turn in self._turns(scene):
                head, asked = self._model.render(turn.user).split("<|vision_end|>")
                parts = [
                    (asked, 0.0),
                    (turn.opening, 1.0),
                    (turn.lead, turn.lead_weight),
                    (turn.answer, turn.weight),
                    (turn.close + "<|im_end|>", 1.0),
                ]
                ids = [tokenizer(text, add_special_tokens=False)["input_ids"] for text, _ in parts]
                made.owners.append(row)
                made.tokens.append(torch.tensor([token for part in ids for token in part]))
                made.weights.append(
                    torch.tensor([w for part, (_, w) in zip(ids, parts, strict=True) for _ in part])
                )
                start = sum(map(len, ids[:3]))
                made.answers.append(slice(start, start + len(ids[3])))
                made.sorts.append(turn.sort)
            made.prompts.append(
                self._model.family.prepare(self._model, [picture], head + "<|vision_end|>")
            )
        return made


def lesson_loss(model: LoadedModel, lesson: Lesson) -> tuple[Tensor, dict[str, list[bool]]]:
    """Weighted mean cross-entropy of all reply tokens; turns of like length are run together.

    Returns:
        The loss, and by sort of turn whether each answer's tokens were all the likeliest ones.
    """
    family, network = model.family, model.network
    features = family.image_features(network, lesson.prompts)
    states = family.run_prompts(network, lesson.prompts, features)
    order = sorted(range(len(lesson.tokens)), key=lambda row: len(lesson.tokens[row]))
    size = math.ceil(len(order) / _BUCKETS)
    total, right = torch.zeros(()), defaultdict[str, list[bool]](list)
    for first in range(0, len(order), size):
        rows = order[first : first + size]
        tokens = nn.utils.rnn.pad_sequence([lesson.tokens[row] for row in rows], batch_first=True)
        weights = nn.utils.rnn.pad_sequence([lesson.weights[row] for row in rows], batch_first=True)
        owners = torch.tensor([lesson.owners[row] for row in rows])
        hidden = run_branches(family, network, branch(states, owners), tokens)
        said = weights > 0
        logits = nn.functional.linear(hidden[said], family.output_weight(network)).float()
        losses = nn.functional.cross_entropy(logits, tokens[said], reduction="none")
        total = total + (losses * weights[said]).sum()
        hit = torch.ones_like(said)
        hit[said] = logits.argmax(dim=1) == tokens[said]
        for row, hits in zip(rows, hit, strict=True):
            answer = lesson.answers[row]
            if answer.stop > answer.start:
                right[lesson.sorts[row]].append(bool(hits[answer].all()))
    return total / torch.cat(lesson.weights).sum(), right


def build_optimizers(network: nn.Module) -> list[torch.optim.Optimizer]:
    """Muon for the decoder's and the tower's matrices, AdamW for everything else."""
    matrices, rest = [], []
    for name, weight in network.named_parameters():
        is_matrix = weight.ndim == 2 and "embed_tokens" not in name
        (matrices if is_matrix else rest).append(weight)
    return [
        torch.optim.Muon(
            matrices, lr=_MUON_RATE, weight_decay=0.01, adjust_lr_fn="match_rms_adamw"
        ),
        torch.optim.AdamW(rest, lr=_ADAMW_RATE, weight_decay=0.0, betas=(0.9, 0.98)),
    ]


def rate_factor(step: int, steps: int) -> float:
    """Linear warm-up, then a cosine down to a small floor."""
    warmup = min(_WARMUP, steps // 10)
    if step < warmup:
        return (step + 1) / warmup
    progress = (step - warmup) / max(1, steps - warmup)
    return _FLOOR + (1 - _FLOOR) * 0.5 * (1 + math.cos(math.pi * progress))


def train(
    output: Path,
    steps: int,
    save_every: int,
    warm_start: Path | None,
    rate_scale: float,
    seed: int,
) -> None:
    """Train to the last step, going on from ``output`` where it holds a checkpoint.

    Args:
        output: Model folder, with the state of training beside the weights.
        steps: Length of the schedule.
        save_every: Steps between checkpoints.
        warm_start: A state of training, or a model folder; weights are taken where they fit.
        rate_scale: Factor on both learning rates.
        seed: Of scenes and turns.
    """
    torch.set_num_threads(2)
    output.mkdir(parents=True, exist_ok=True)
    known = None
    if warm_start is not None:
        known = warm_start if warm_start.is_dir() else warm_start.parent
    tokenizer: PreTrainedTokenizerBase = save_processing(output, _SEED, known)
    network = build_network(tokenizer, _SEED)
    optimizers = build_optimizers(network)
    step, spent = 0, 0.0
    if warm_start is not None:
        take_fitting(network, read_weights(warm_start))
    state_file = output / "training_state.pt"
    if state_file.exists():
        state = torch.load(state_file, weights_only=True)
        network.load_state_dict(state["network"])
        for optimizer, saved in zip(optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
        step, spent = state["step"], state["seconds"]
    processor = build_image_processor()
    family = Qwen25VL()
    limits: PixelLimits = family.pixel_limits(processor)
    model = LoadedModel(family, network, tokenizer, processor, limits, (), "built-in")
    teacher = Teacher(model, seed, step)
    began, losses = time.monotonic(), []
    answered = defaultdict[str, list[bool]](list)
    log = (output / "training_log.jsonl").open("a", encoding="utf-8")
    # The next lesson is drawn and tokenized while this one is learned.
    ahead = ThreadPoolExecutor(max_workers=1)
    coming = ahead.submit(teacher.lesson)
    for place in range(step, steps):
        lesson, coming = coming.result(), ahead.submit(teacher.lesson)
        for optimizer, rate in zip(optimizers, (_MUON_RATE, _ADAMW_RATE), strict=True):
            for group in optimizer.param_groups:
                group["lr"] = rate * rate_scale * rate_factor(place, steps)
        # float32: on a CPU, attention's backward in bfloat16 costs more than its matmuls save.
        loss, right = lesson_loss(model, lesson)
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        losses.append(float(loss.detach()))
        for sort, hits in right.items():
            answered[sort].extend(hits)
        done = place + 1
        if done % 25 == 0:
            row = {
                "step": done,
                "loss": sum(losses) / len(losses),
                "seconds": spent + time.monotonic() - began,
                "right": {sort: sum(hits) / len(hits) for sort, hits in sorted(answered.items())},
            }
            losses.clear()
            answered.clear()
            print(json.dumps(row), file=log, flush=True)
        if done % save_every == 0 or done == steps:
            save(output, network, optimizers, done, spent + time.monotonic() - began)
    ahead.shutdown(cancel_futures=True)


def read_weights(path: Path) -> dict[str, Tensor]:
    """Weights of a state of training, or of a model folder."""
    if path.is_dir():
        network = Qwen2_5_VLForConditionalGeneration.from_pretrained(path, dtype=torch.float32)
        return network.state_dict()
    return torch.load(path, weights_only=True)["network"]


def take_fitting(network: nn.Module, weights: dict[str, Tensor]) -> None:
    """Take every weight whose name and shape fit; the rest stay random.

    A decoder layer that is new adds nothing at first, so that what was learned still works.
    """
    own = network.state_dict()
    fitting = {name: w for name, w in weights.items() if own[name].shape == w.shape}
    network.load_state_dict(fitting, strict=False)
    for name, weight in network.named_parameters():
        if name not in fitting and name.endswith(("self_attn.o_proj.weight", "down_proj.weight")):
            nn.init.zeros_(weight)


def save(
    output: Path,
    network: PreTrainedModel,
    optimizers: list[torch.optim.Optimizer],
    step: int,
    seconds: float,
) -> None:
    """Write the weights in bfloat16 for use, and everything in full for going on."""
    state = {
        "network": network.state_dict(),
        "optimizers": [optimizer.state_dict() for optimizer in optimizers],
        "step": step,
        "seconds": seconds,
    }
    partial = output / "training_state.partial"
    torch.save(state, partial)
    partial.replace(output / "training_state.pt")
    copy.deepcopy(network).to(torch.bfloat16).save_pretrained(output)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=4000)
    parser.add_argument(
        "--warm-start",
        type=Path,
        help="training_state.pt, or a model folder, to take weights from",
    )
    parser.add_argument("--save-every", type=int, default=200)
    parser.add_argument("--seed", type=int, default=_SEED, help="of scenes and turns")
    parser.add_argument("--rate-scale", type=float, default=1.0)
    chosen = parser.parse_args()
    train(
        chosen.output,
        chosen.steps,
        chosen.save_every,
        chosen.warm_start,
        chosen.rate_scale,
        chosen.seed,
    )
