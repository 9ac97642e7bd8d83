"""Runs where torchvision is: what both image backends and transformers' AutoProcessor make.

python torchvision_worker.py OUTPUT.json EXPORT…
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import torch
from transformers import AutoImageProcessor, AutoModelForImageTextToText, AutoProcessor

from grit.config.model import ModelConfig
from grit.geometry.box import Box
from grit.geometry.spaces import to_pixels
from grit.models.load import load_model
from tiny_qwen import painted

SIZES = ((112, 84), (84, 140), (300, 40), (30, 30), (640, 480), (333, 777))
QUESTION = "How many red circles are there?"


def compared(export: str) -> list[dict]:
    """Both backends over the same pictures, side by side."""
    by = {
        backend: load_model(ModelConfig(path=export, device="cpu", image_processor=backend))
        for backend in ("pil", "torchvision")
    }
    rows = []
    for seed, size in enumerate(SIZES):
        one, other = (model.prepare(painted(size, seed), QUESTION) for model in by.values())
        (near, far), *rest = (
            (one.vision[name].float(), other.vision[name].float()) for name in one.vision
        )
        box = Box(1.0, 2.0, 20.0, 21.0, one.frame.space)
        boxes = {to_pixels(box, made.frame).as_tuple() for made in (one, other)}
        rows.append({
            "size": size,
            "same_tokens": torch.equal(one.input_ids, other.input_ids),
            "same_grid": near.shape == far.shape and all(torch.equal(a, b) for a, b in rest),
            "same_box": len(boxes) == 1,
            "largest": float((near - far).abs().max()),
            "mean": float((near - far).abs().mean()),
            "level": 1.0 / 255.0 / min(by["pil"].image_processor.image_std),
            "classes": [type(model.image_processor).__name__ for model in by.values()],
        })  # fmt: skip
    return rows


def plain(export: str) -> dict:
    """The export through transformers alone, with each of its own backends."""
    network = AutoModelForImageTextToText.from_pretrained(export).eval()
    said = {}
    for backend in ("pil", "torchvision"):
        processor = AutoProcessor.from_pretrained(export)
        # Of a whole processor transformers takes no backend: there are no videos by Pillow.
        processor.image_processor = AutoImageProcessor.from_pretrained(export, backend=backend)
        content = [
            {"type": "image", "image": painted((112, 84))},
            {"type": "text", "text": QUESTION},
        ]
        inputs = processor.apply_chat_template(
            [{"role": "user", "content": content}],
            tokenize=True,
            add_generation_prompt=True,
            return_dict=True,
            return_tensors="pt",
        )
        with torch.no_grad():
            logits = network(**inputs).logits[0, -1]
        said[backend] = {
            "processor": type(processor).__name__,
            "image_processor": type(processor.image_processor).__name__,
            "input_ids": inputs["input_ids"][0].tolist(),
            "logits": logits.tolist(),
        }
    return said


if __name__ == "__main__":
    torch.set_num_threads(1)
    found = {export: {"rows": compared(export), "plain": plain(export)} for export in sys.argv[2:]}
    Path(sys.argv[1]).write_text(json.dumps(found), encoding="utf-8")
