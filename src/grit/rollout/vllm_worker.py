"""vLLM in a process of its own: answers the trainer's requests until the trainer is gone.

Run by the interpreter that has vLLM, which may be another environment's: it imports the standard
library, vLLM and what vLLM brings, and nothing of grit. What is said over the socket is told in
``grit.rollout.messages``; standard output and error are the engine's log.

    python vllm_worker.py SOCKET EXCHANGE

``SOCKET`` is the descriptor of a connected stream socket, ``EXCHANGE`` the folder in which weights
and pictures are handed over. The socket's end is the trainer's, however it came to it.
"""

from __future__ import annotations

import importlib
import json
import os
import queue
import shutil
import signal
import socket
import sys
import threading
import time
import traceback
from pathlib import Path
from typing import Any

__all__ = ["PROTOCOL", "Engine", "main"]

PROTOCOL = 1
"""Raised whenever a message changes; trainer and worker of other versions refuse each other."""

_GRACE = 10.0
"""Seconds that vLLM has to leave by itself once the trainer is gone."""

_LORA_RANKS = (8, 16, 32, 64, 128, 256, 320, 512)
"""Sizes that vLLM lays adapters out in."""


class Engine:
    """A loaded vLLM.

    Args:
        request: The ``start`` message.
    """

    def __init__(self, request: dict[str, Any]) -> None:
        # One process for all of vLLM where one device is enough: it dies as a whole.
        os.environ.setdefault("VLLM_ENABLE_V1_MULTIPROCESSING", "0")
        self._vllm: Any = importlib.import_module("vllm")
        platform: Any = importlib.import_module("vllm.platforms").current_platform
        self._is_on_cpu = bool(platform.is_cpu())
        self.sleeps = bool(request["sleep"]) and bool(platform.is_sleep_mode_available())
        self._is_asleep = False
        self._adapter: Any = None
        self._loads = 0
        rank = request["lora_rank"]
        self._has_lora = rank is not None
        more: dict[str, Any] = {"enable_sleep_mode": True} if self.sleeps else {}
        if rank is not None:
            more |= {
                "enable_lora": True,
                "max_lora_rank": min((r for r in _LORA_RANKS if r >= rank), default=rank),
            }
        self._llm: Any = self._vllm.LLM(
            model=request["model"],
            dtype=request["dtype"],
            max_model_len=request["max_model_len"],
            gpu_memory_utilization=request["gpu_memory_share"],
            enforce_eager=request["eager"],
            seed=request["seed"],
            limit_mm_per_prompt={"image": 1, "video": 0},
            # Of what was drawn from: after the temperature, as the trainer takes its own.
            logprobs_mode="processed_logprobs",
            generation_config="vllm",
            **more,
        )

    @property
    def version(self) -> str:
        """Of vLLM."""
        return str(self._vllm.__version__)

    def load(self, adapter: str | None) -> None:
        """Take over an adapter, or read the model's folder again."""
        if self._is_asleep:
            self._llm.wake_up(tags=["weights"])
        if adapter is not None:
            self._load_adapter(adapter)
        else:
            # From the folder that it knows: told of another one, vLLM would look for the
            # processor there, too.
            self._llm.collective_rpc("reload_weights")
            if self._is_on_cpu:
                self._llm.apply_model(_pack_output_again)
        if self._is_asleep:
            self._llm.wake_up(tags=["kv_cache"])
            self._is_asleep = False
        # What was computed by the old weights must not be met again: keys, values, features.
        if not self._llm.reset_prefix_cache():
            raise RuntimeError("vLLM did not let go of its cached prompts")
        self._llm.llm_engine.reset_encoder_cache()

    def _load_adapter(self, folder: str) -> None:
        lora: Any = importlib.import_module("vllm.lora.request")
        # A number of its own each time: an adapter that is known by its number is not read again.
        self._loads += 1
        adapter = lora.LoRARequest(f"grit-{self._loads}", self._loads, folder)
        if not self._llm.llm_engine.add_lora(adapter):
            raise RuntimeError(f"vLLM did not take the adapter {folder}")
        if self._adapter is not None:
            self._llm.llm_engine.remove_lora(self._adapter.lora_int_id)
        self._adapter = adapter

    def generate(self, request: dict[str, Any]) -> list[dict[str, Any]]:
        """Sample the groups of some prompts, then sleep where that gives memory back."""
        prompts = [
            {
                "prompt_token_ids": prompt["token_ids"],
                "multi_modal_data": {"image": _open(prompt["picture"])},
            }
            for prompt in request["prompts"]
        ]
        sampling = [
            self._vllm.SamplingParams(
                n=request["num_completions"],
                seed=prompt["seed"],
                temperature=request["temperature"],
                top_p=request["top_p"],
                max_tokens=request["max_new_tokens"],
                stop=[] if request["stop"] is None else [request["stop"]],
                stop_token_ids=request["stop_ids"],
                include_stop_str_in_output=True,
                # The stop text is looked for in all that was sampled, as the local engine does.
                skip_special_tokens=False,
                spaces_between_special_tokens=False,
                logprobs=0,
            )
            for prompt in request["prompts"]
        ]
        outputs = self._llm.generate(prompts, sampling, use_tqdm=False, lora_request=self._adapter)
        groups = [
            {
                "prompt_token_ids": list(output.prompt_token_ids),
                "completions": [_completion(each) for each in output.outputs],
            }
            for output in outputs
        ]
        if self.sleeps:
            # The base of an adapter is kept in the machine's memory; all else is handed over anew.
            self._llm.sleep(level=1 if self._has_lora else 2)
            self._is_asleep = True
        return groups


def _pack_output_again(model: Any) -> None:
    """Mend a reload of vLLM's on CPUs, where layers compute with packed copies of their weights.

    An output matrix that is tied to the input's is renewed with it, and its packed copy is not.
    """
    for layer in model.modules():
        if type(layer).__name__ == "ParallelLMHead" and hasattr(layer, "cpu_linear"):
            layer.quant_method.process_weights_after_loading(layer)


def _open(path: str) -> Any:
    image: Any = importlib.import_module("PIL.Image")
    with image.open(path) as picture:
        return picture.convert("RGB")


def _completion(sampled: Any) -> dict[str, Any]:
    tokens = [int(token) for token in sampled.token_ids]
    return {
        "token_ids": tokens,
        "logprobs": [
            float(place[token].logprob)
            for token, place in zip(tokens, sampled.logprobs, strict=True)
        ],
        "finish": str(sampled.finish_reason),
    }


def _read(connection: socket.socket, requests: queue.Queue[Any], exchange: Path) -> None:
    """Pass requests on; when the trainer is gone, see that nothing of this engine stays."""
    with connection.makefile("rb") as lines:
        for line in lines:
            requests.put(json.loads(line))
    requests.put(None)
    time.sleep(_GRACE)
    shutil.rmtree(exchange, ignore_errors=True)
    os.killpg(os.getpgid(0), signal.SIGKILL)


def _answer(engine: Engine | None, request: dict[str, Any]) -> tuple[Engine, dict[str, Any]]:
    kind = request["kind"]
    if kind == "start":
        if request["protocol"] != PROTOCOL:
            raise ValueError(f"protocol {request['protocol']}, and this worker speaks {PROTOCOL}")
        engine = Engine(request)
        reply = {"protocol": PROTOCOL, "version": engine.version, "sleeps": engine.sleeps}
        return engine, {"kind": "started", **reply}
    if engine is None:
        raise ValueError(f"the first request is {kind}, not start")
    if kind == "load":
        engine.load(request["adapter"])
        return engine, {"kind": "loaded"}
    if kind == "generate":
        return engine, {"kind": "generated", "groups": engine.generate(request)}
    raise ValueError(f"there is no request {kind}")


def main(descriptor: int, exchange: Path) -> None:
    """Answer requests, one after another, until the trainer is gone."""
    connection = socket.socket(fileno=descriptor)
    connection.set_inheritable(False)
    requests: queue.Queue[Any] = queue.Queue()
    reading = threading.Thread(target=_read, args=(connection, requests, exchange), daemon=True)
    reading.start()
    engine: Engine | None = None
    while (request := requests.get()) is not None:
        try:
            engine, reply = _answer(engine, request)
        except Exception as error:  # noqa: BLE001  (it is the trainer who knows what to do)
            traceback.print_exc()
            reply = {"kind": "failed", "error": f"{type(error).__name__}: {error}"}
        sys.stdout.flush()
        connection.sendall(json.dumps(reply).encode() + b"\n")
    shutil.rmtree(exchange, ignore_errors=True)


if __name__ == "__main__":
    # Beside this file lie modules of grit, one of them called vllm.
    _here = Path(__file__).resolve().parent
    sys.path[:] = [entry for entry in sys.path if Path(entry).resolve() != _here]
    main(int(sys.argv[1]), Path(sys.argv[2]))
