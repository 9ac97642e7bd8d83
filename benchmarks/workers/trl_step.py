"""Their side: one step of TRL's GRPOTrainer on the same workload, with its transformers generation.

Runs in an environment of its own (`step.py` builds it), where grit is not installed.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any
from unittest import mock

sys.path.insert(0, str(Path(__file__).parents[1]))

import torch
from datasets import Dataset, Image
from transformers import (
    AutoTokenizer,
    ProcessorMixin,
    Qwen2_5_VLForConditionalGeneration,
    Qwen2_5_VLProcessor,
    TrainerCallback,
)
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil
from trl import GRPOConfig, GRPOTrainer
from workers.meter import Meter, orders, peak_gib, say

STEPS = 10_000


def number_of_letters(completions: list[Any], **_: Any) -> list[float]:
    """Pay something that differs between random texts."""
    return [float(len(json.dumps(completion)) % 7) for completion in completions]


class OnOrder(TrainerCallback):
    """Waits for an order before every step, and says after it what it took."""

    def __init__(self, meter: Meter) -> None:
        self._meter, self._orders = meter, orders()
        self._open: list[Any] = []

    def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> Any:
        """Wait."""
        order = next(self._orders, None)
        if order is None:
            raise SystemExit(0)
        self._meter.spent.clear()
        if order == "flops":
            self._open.append(self._meter.counting_flops())
        self._open.append(self._meter.phase("total"))
        for context in self._open:
            context.__enter__()
        return control

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> Any:
        """Report."""
        while self._open:
            self._open.pop().__exit__(None, None, None)
        say({**self._meter.spent, "peak_gib": peak_gib()})
        return control


def build(workload: dict[str, Any], meter: Meter, *, checkpointing: bool) -> GRPOTrainer:
    """A trainer whose generation and reference are counted apart."""
    size, micro = workload["group_size"], min(workload["group_size"], workload["micro_batch"])
    config = GRPOConfig(
        output_dir=tempfile.mkdtemp(),
        per_device_train_batch_size=micro,
        gradient_accumulation_steps=size // micro,
        num_generations=size,
        max_completion_length=workload["completion_tokens"],
        generation_kwargs={"min_new_tokens": workload["completion_tokens"]},
        temperature=workload["temperature"],
        beta=workload["beta"],
        loss_type="grpo",
        learning_rate=1e-6,
        lr_scheduler_type="constant",
        max_steps=STEPS,
        gradient_checkpointing=checkpointing,
        bf16=workload["dtype"] == "bfloat16",
        use_cpu=workload["device"] == "cpu",
        model_init_kwargs={"dtype": workload["dtype"]},
        report_to=[],
        save_strategy="no",
        logging_strategy="no",
        disable_tqdm=True,
        remove_unused_columns=False,
    )
    network = Qwen2_5_VLForConditionalGeneration.from_pretrained(
        workload["model"], dtype=getattr(torch, workload["dtype"])
    )
    if workload["freeze_vision"]:
        network.model.visual.requires_grad_(False)
    # Without torchvision there is no video processor, and none is looked at for a picture.
    with mock.patch.object(ProcessorMixin, "check_argument_for_proper_class"):
        processor = Qwen2_5_VLProcessor(
            Qwen2VLImageProcessorPil.from_pretrained(workload["model"]),
            AutoTokenizer.from_pretrained(workload["model"]),
        )
    processor.chat_template = processor.tokenizer.chat_template
    text = [{"role": "user", "content": workload["question"]}]
    rows = [{"prompt": text, "image": path} for path in workload["pictures"]]
    data = Dataset.from_list(rows).cast_column("image", Image())
    trainer = GRPOTrainer(
        model=network,
        reward_funcs=number_of_letters,
        args=config,
        train_dataset=data,
        processing_class=processor,
        callbacks=[OnOrder(meter)],
    )
    trainer._generate = meter.wrap("rollout", trainer._generate)
    logprobs = trainer._get_per_token_logps_and_entropies
    reference = meter.wrap("reference", logprobs)

    def either(*arguments: Any, **keywords: Any) -> Any:
        return (logprobs if torch.is_grad_enabled() else reference)(*arguments, **keywords)

    trainer._get_per_token_logps_and_entropies = either
    return trainer


def main() -> None:
    """Make steps on order."""
    meter = Meter()
    workload = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    build(workload, meter, checkpointing="--checkpointing" in sys.argv[2:]).train()


if __name__ == "__main__":
    main()
