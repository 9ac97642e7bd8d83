"""A made-up run, written as typed rows, for tests of the page."""

from __future__ import annotations

import math
import random

from PIL import Image, ImageDraw

from grit.records.jsonl_log import JsonlLog
from grit.records.manifest import DataFile, Hardware, Manifest, ModelFiles
from grit.records.rows import (
    AlarmRow,
    BoxRow,
    EvaluationRow,
    EvaluationSummary,
    EvaluationTable,
    FaultRow,
    StepRow,
    ValidationRow,
)

TASKS = ("relation", "counting", "attribute", "locate")


def box_in(text, numbers, label=None, segment="think", after=0):
    """The row of a box whose numbers stand in a text as ``[x1, y1, x2, y2]``."""
    written = "[" + ", ".join(f"{number}" for number in numbers) + "]"
    start = text.index(written, after)
    return BoxRow(
        raw=numbers, space="pixels", pixels=numbers, start=start, end=start + len(written),
        label=label, segment=segment,
    )  # fmt: skip


def evaluation_row(**changes):
    text = (
        "<think> the red circle is at [20, 30, 80, 90] and the blue square at [120, 40, 170, 90]."
        " </think><rethink> one is left of the other. </rethink><answer> yes</answer>"
    )
    fields = {
        "model": "grit", "mode": "grounded", "step": 150, "task": "relation", "sample_id": "r-1",
        "image": "scene.png", "image_size": (200, 120),
        "question": "Is the red circle left of the blue square?", "reference": "yes",
        "prompt": "Is it? First, think …", "text": text, "num_tokens": 40, "finish": "finished",
        "answer": "yes", "score": 1.0, "correct": True, "reason": "yes is yes", "judge": "rules",
        "grounding_iou": 0.91,
        "boxes": (
            box_in(text, (20, 30, 80, 90), "red circle"),
            box_in(text, (120, 40, 170, 90), "blue square"),
        ) if "text" not in changes else (),
        "true_boxes": ((22.0, 32.0, 80.0, 90.0), (120.0, 42.0, 168.0, 90.0)), "format_ok": True,
    }  # fmt: skip
    return EvaluationRow(**(fields | changes))


def broken_row(**changes):
    text = "The answer: [90, 90, 20, 30] then <answer>"
    fields = {
        "model": "base", "mode": "cot", "step": None, "text": text, "answer": None, "score": 0.0,
        "correct": False, "reason": "no answer was given", "grounding_iou": 0.0,
        "boxes": (box_in(text, (90, 90, 20, 30)),), "format_ok": False, "finish": "cut_off",
        "faults": (
            FaultRow(kind="no_think", start=42, end=42, detail="there is no <think>"),
            FaultRow(kind="box_inverted", start=12, end=28, detail="right edge before left"),
        ),
    }  # fmt: skip
    return evaluation_row(**(fields | changes))


def summary(model, mode, task, accuracy, iou, form, n=300, step=None):
    half = 1.96 * math.sqrt(max(accuracy * (1 - accuracy), 0.001) / n)
    return EvaluationSummary(
        model=model, mode=mode, task=task, step=step, n=n, n_judged=n, accuracy=accuracy,
        accuracy_interval=(max(0, accuracy - half), min(1, accuracy + half)),
        grounding_iou=iou, n_with_boxes=0 if iou is None else n,
        grounding_iou_interval=None if iou is None else (max(0, iou - 0.03), min(1, iou + 0.03)),
        format_rate=form, format_interval=(max(0, form - 0.05), min(1, form + 0.01)),
        box_rate=0.9, cut_off_share=0.04 if mode == "cot" else 0.0, unscored_share=0.0,
    )  # fmt: skip


def step_rows(num_steps):
    chance = random.Random(1)
    for step in range(1, num_steps + 1):
        rise = 1 - math.exp(-step / 40)
        form = 0.55 + 0.95 * rise + chance.gauss(0, 0.08)
        right = 0.35 + 0.5 * rise + chance.gauss(0, 0.08)
        count = 0.2 + 0.2 * rise + chance.gauss(0, 0.04)
        yield StepRow(
            step=step, epoch=step * 32 / 20, lr=1e-4, loss=0.01, policy_loss=0.0,
            kl=0.02 * rise + abs(chance.gauss(0, 0.003)), grad_norm=0.5 + chance.random() * 0.4,
            reward_mean=form + right + count, reward_std=0.4,
            components={"format": form, "answer": right, "count": count},
            zero_variance_share=0.1 + 0.4 * rise, duplicate_share=0.05 + 0.3 * rise,
            unscored_share=0.0, finished_share=min(1, 0.7 + 0.3 * rise),
            mean_completion_length=70 - 25 * rise + chance.gauss(0, 2),
            format_rate=min(1, 0.3 + 0.7 * rise), box_rate=min(1, 0.5 + 0.5 * rise),
            num_completions=128, num_tokens=6000, seconds={"rollout": 0.7, "total": 1.4},
            peak_memory_gib=1.9,
        )  # fmt: skip


def fill_run(folder, evaluations, num_steps=150):
    """Write every kind of record that the page reads."""
    folder.write_recipe({"group": {"size": 4}, "rewards": {"preset": "paper"}, "steps": num_steps})
    folder.write_manifest(
        Manifest(
            grit_version="0.1.0", created="2025-06-01T10:20:30+00:00",
            command="grit demo --output runs/demo",
            seeds={"training": 1, "evaluation": 7},
            versions={"python": "3.11.2", "torch": "2.13.0", "transformers": "5.23.0"},
            hardware=Hardware(cpu="AMD EPYC 9654", num_cores=2, memory_gib=15.6),
            git_commit="0123456789abcdef0123456789abcdef01234567", min_pixels=3136,
            max_pixels=200704, image_backend="pil",
            model=ModelFiles(path="grit/models/builtin", sha256="ab12" * 16, family="qwen2_5_vl"),
            data=(
                DataFile(path="triplets.jsonl", sha256="cd34" * 16, num_rows=20),
                DataFile(path="test.jsonl", sha256="ef56" * 16, num_rows=1800, use="evaluation"),
            ),
            recipe_sha256="ff00" * 16, presets=("paper",),
            training_tasks=("relation", "counting"),
        )
    )  # fmt: skip
    with JsonlLog(folder.steps, StepRow) as log:
        log.extend(step_rows(num_steps))
    with JsonlLog(folder.validation, ValidationRow) as log:
        for step in range(0, num_steps + 1, 15):
            rise = 1 - math.exp(-step / 40)
            log.append(
                ValidationRow(
                    step=step, n=200, accuracy=0.35 + 0.5 * rise,
                    grounding_iou=0.86 + 0.06 * rise, format_rate=0.3 + 0.69 * rise,
                )
            )  # fmt: skip
    with JsonlLog(folder.alarms, AlarmRow) as log:
        log.append(
            AlarmRow(
                step=88, kind="zero_variance", value=0.512,
                message="more than half of the groups agree: they teach nothing",
            )
        )  # fmt: skip
    for row in evaluations:
        with JsonlLog(folder.evaluation(row.model, row.mode, row.step), EvaluationRow) as log:
            log.append(row)
    rows = []
    figures = {"training": (0.74, 0.33, 0.86), "relation": (0.79, 0.4, 0.87),
               "counting": (0.69, 0.26, 0.85), "attribute": (0.81, 0.5, 0.8),
               "locate": (0.6, 0.5, 0.7)}  # fmt: skip
    for task, (direct, cot, grounded) in figures.items():
        rows += [
            summary("base", "direct", task, direct, None, 0.0),
            summary("base", "cot", task, cot, 0.88, 0.31),
            summary("grit", "grounded", task, grounded, 0.93, 0.995, step=num_steps),
        ]
    folder.write_evaluation_table(EvaluationTable(rows=tuple(rows)))


def paint_scene(path):
    picture = Image.new("RGB", (200, 120), (244, 242, 236))
    pen = ImageDraw.Draw(picture)
    pen.ellipse((22, 32, 80, 90), fill=(214, 48, 49))
    pen.rectangle((120, 42, 168, 90), fill=(45, 100, 220))
    picture.save(path)
