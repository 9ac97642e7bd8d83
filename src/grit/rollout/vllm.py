"""vLLM as the engine: a process beside the trainer, given new weights before every rollout."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import torch
from PIL import Image

from grit.config.rollout import VllmRolloutConfig
from grit.data.pictures import DEFAULT_MAX_PIXELS, open_sample_picture
from grit.errors import ConfigError, EngineError
from grit.models.family import LoadedModel
from grit.rollout import vllm_worker
from grit.rollout.completion import Completion
from grit.rollout.engine_process import EngineProcess, engine_environment
from grit.rollout.group import Group, Prompt
from grit.rollout.handover import exchange_folder, write_engine_model, write_weights
from grit.rollout.local import Sampling
from grit.rollout.messages import (
    AskedPrompt,
    Generate,
    Generated,
    Load,
    Loaded,
    SampledCompletion,
    SampledGroup,
    Start,
    Started,
)
from grit.rollout.streams import seed_of

__all__ = ["VllmEngine", "require_vllm"]

_LOOK = (
    "import importlib.util as u, sys; found = u.find_spec('vllm'); "
    # A folder of that name, somewhere on the path, is none.
    "sys.exit(None if found and found.origin else 'No module named vllm')"
)


def require_vllm(config: VllmRolloutConfig) -> None:
    """Ask the interpreter that is to run vLLM whether it has it, without loading it.

    Raises:
        ConfigError: If it has not, or is no Python at all; names the interpreter and the fix.
    """
    python = _interpreter(config)
    fix = (
        "install vLLM in an environment of its own (it pins another transformers), and set "
        "rollout.python to that environment's bin/python; or set rollout.type to local"
    )
    try:
        done = subprocess.run(
            [str(python), "-c", _LOOK],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            env=engine_environment(is_foreign=config.python is not None),
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ConfigError(f"rollout.python {python} does not run: {error}; {fix}") from error
    if done.returncode != 0:
        said = (done.stderr.strip().splitlines() or ["it says nothing"])[-1]
        raise ConfigError(f"the Python {python} has no vLLM ({said}); {fix}")


class VllmEngine:
    """Samples by vLLM in another process; a context that ends it.

    Args:
        model: The policy's, as it is at each call.
        adapter: peft's model around its network; None where all weights learn.
        sampling: How to draw; ``sequences_at_once`` is vLLM's own affair.
        config: Interpreter, memory and patience.
        longest_prompt: Tokens of the longest prompt that will be asked.
        log: File that vLLM's output is appended to.
        max_picture_pixels: Larger pictures are refused before they are decoded.

    Raises:
        EngineError: If it cannot be started, or does not say so in time.
    """

    def __init__(
        self,
        model: LoadedModel,
        adapter: Any | None,
        sampling: Sampling,
        config: VllmRolloutConfig,
        *,
        longest_prompt: int,
        log: Path,
        max_picture_pixels: int = DEFAULT_MAX_PIXELS,
    ) -> None:
        self._model, self._adapter = model, adapter
        self._sampling, self._config = sampling, config
        self._max_picture_pixels = max_picture_pixels
        self._exchange = exchange_folder(model)
        try:
            self._process = EngineProcess(
                _interpreter(config),
                Path(vllm_worker.__file__),
                self._exchange,
                log,
                is_foreign=config.python is not None,
            )
        except EngineError:
            shutil.rmtree(self._exchange)
            raise
        try:
            self.started = self._start(longest_prompt)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def pid(self) -> int:
        """Number of vLLM's process."""
        return self._process.pid

    def close(self) -> None:
        """End vLLM, and remove what was to be handed over."""
        self._process.close()
        shutil.rmtree(self._exchange, ignore_errors=True)

    def roll_out(self, prompts: Sequence[Prompt], *, size: int, step: int) -> list[Group]:
        """Sample a group of ``size`` completions for each prompt from the present weights.

        Raises:
            EngineError: If vLLM fails, dies, does not answer, or sees other prompts than we do.
        """
        self._hand_over()
        sampling = self._sampling
        # vLLM draws one where all must be alike.
        num_drawn = 1 if sampling.temperature == 0.0 else size
        folder = self._exchange / "pictures"
        folder.mkdir()
        request = Generate(
            prompts=[self._asked(prompt, step, folder) for prompt in prompts],
            num_completions=num_drawn,
            max_new_tokens=sampling.max_new_tokens,
            temperature=sampling.temperature,
            top_p=sampling.top_p,
            stop=sampling.stop,
            stop_ids=list(self._model.stop_ids),
        )
        reply = self._process.ask(request, Generated, timeout=self._config.timeout)
        shutil.rmtree(folder)
        if len(reply.groups) != len(prompts):
            raise EngineError(f"vLLM gave {len(reply.groups)} groups for {len(prompts)} prompts")
        return [
            self._group(prompt, sampled, size)
            for prompt, sampled in zip(prompts, reply.groups, strict=True)
        ]

    def _start(self, longest_prompt: int) -> Started:
        folder = self._exchange / "model"
        write_engine_model(self._model, folder)
        weight = next(self._model.network.parameters())
        lora = None if self._adapter is None else self._adapter.active_peft_config.r
        request = Start(
            protocol=vllm_worker.PROTOCOL,
            model=str(folder),
            dtype=str(weight.dtype).removeprefix("torch."),
            max_model_len=longest_prompt + self._sampling.max_new_tokens,
            gpu_memory_share=self._config.gpu_memory_share,
            eager=self._config.eager,
            sleep=self._config.sleep,
            lora_rank=lora,
            seed=self._sampling.seed,
        )
        started = self._process.ask(request, Started, timeout=self._config.start_timeout)
        _remove_weights(folder)
        return started

    def _hand_over(self) -> None:
        if self._adapter is None:
            folder, request = self._exchange / "model", Load()
        else:
            folder = self._exchange / "adapter"
            request = Load(adapter=str(folder))
        write_weights(self._model, self._adapter, folder)
        self._process.ask(request, Loaded, timeout=self._config.timeout)
        _remove_weights(folder)

    def _asked(self, prompt: Prompt, step: int, folder: Path) -> AskedPrompt:
        """A prompt with one placeholder, beside the picture that goes there."""
        sample, inputs = prompt.sample, prompt.inputs
        text = self._model.tokenizer(inputs.text, add_special_tokens=False)
        picture = open_sample_picture(sample, max_pixels=self._max_picture_pixels)
        if inputs.frame.resized_size is not None and self._model.image_backend == "pil":
            # Resized here, so that nothing is left for another library to resize otherwise.
            resample = Image.Resampling(self._model.image_processor.resample)
            picture = picture.resize(inputs.frame.resized_size, resample)
        seed = seed_of(self._sampling.seed, step, sample.id, prompt.draw)
        file = folder / f"{seed}.png"
        picture.save(file, compress_level=1)
        return AskedPrompt(token_ids=list(text["input_ids"]), picture=str(file), seed=seed)

    def _group(self, prompt: Prompt, sampled: SampledGroup, size: int) -> Group:
        ours = prompt.inputs.input_ids.tolist()
        if sampled.prompt_token_ids != ours:
            raise EngineError(
                f"vLLM {self.started.version} reads the prompt of sample {prompt.sample.id} as "
                f"{len(sampled.prompt_token_ids)} tokens, and grit as {len(ours)}, or as others: "
                "its image processor or tokenizer differs from the trainer's. Take a vLLM that "
                "pins a transformers nearer to this one's, or set rollout.type to local"
            )
        drawn = sampled.completions
        if len(drawn) not in (1, size):
            raise EngineError(f"vLLM gave {len(drawn)} completions where {size} were asked for")
        rows = drawn if len(drawn) == size else drawn * size
        return Group(prompt, tuple(self._completion(row, n) for n, row in enumerate(rows)))

    def _completion(self, sampled: SampledCompletion, number: int) -> Completion:
        return Completion(
            number=number,
            tokens=torch.tensor(sampled.token_ids),
            text=self._model.read(sampled.token_ids),
            logprobs=torch.tensor(sampled.logprobs),
            finish="finished" if sampled.finish == "stop" else "cut_off",
        )


def _remove_weights(folder: Path) -> None:
    """Give their memory back: the engine has read them."""
    for part in folder.glob("*.safetensors"):
        part.unlink()


def _interpreter(config: VllmRolloutConfig) -> Path:
    # Not resolved: a virtual environment's python is a link that knows its environment by its name.
    return Path(sys.executable) if config.python is None else config.python.expanduser()
