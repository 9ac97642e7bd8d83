"""One request to an OpenAI-compatible server, and what came of it. Tries once."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Mapping
from typing import Any, cast

import openai
from openai import AsyncAzureOpenAI, AsyncOpenAI

from grit.config.judge import ChatJudgeConfig
from grit.judges.failure import Kind, RequestError, retry_after
from grit.judges.key import Key
from grit.judges.question import ChatQuestion, Reply

__all__ = ["Connection"]

_BUSY = frozenset({408, 409, 425, 429})
_REFUSED = frozenset({400, 413, 422})
_LETTERS_A_TOKEN = 3.0
"""For servers that do not say how many tokens they read; rather too many tokens than too few."""


class Connection:
    """A server, as the recipe names it.

    Args:
        config: Address, model, parameters.
        key: Sent with each request, shown nowhere.
    """

    def __init__(self, config: ChatJudgeConfig, key: Key) -> None:
        self._config, self._key = config, key
        if config.api_version is not None:
            self._client: AsyncOpenAI = AsyncAzureOpenAI(
                azure_endpoint=config.base_url or "",
                api_version=config.api_version,
                api_key=key.reveal(),
                max_retries=0,
                timeout=config.request_timeout,
            )
        else:
            self._client = AsyncOpenAI(
                base_url=config.base_url or "https://api.openai.com/v1",
                api_key=key.reveal(),
                max_retries=0,
                timeout=config.request_timeout,
            )
        self._limit_name = "max_tokens"
        # Loads what the client loads at its first request, which has a deadline.
        _ = self._client.chat.completions.with_raw_response

    @property
    def address(self) -> str:
        """Where the server is."""
        return str(self._client.base_url).rstrip("/")

    async def close(self) -> None:
        """Let the connections go."""
        await self._client.close()

    async def knows_key(self) -> bool:
        """Whether the server, asked for its list of models, does not refuse the key; costs nothing.

        True as well where it has no such list, or cannot be had.
        """
        try:
            async with asyncio.timeout(min(self._config.request_timeout, 20.0)):
                await self._client.models.with_raw_response.list()
        except openai.APIStatusError as error:
            return error.status_code not in (401, 403)
        except (openai.OpenAIError, TimeoutError):
            return True
        return True

    async def send(self, question: ChatQuestion, way: str) -> Reply:
        """Ask once.

        Args:
            question: What to ask.
            way: ``schema``, ``json`` or ``text``: what is asked of the server.

        Raises:
            RequestError: Whatever goes wrong.
        """
        config = self._config
        seconds = config.request_timeout
        try:
            # The client's own timeout starts anew with each byte; a slow stream has no end.
            async with asyncio.timeout(seconds):
                # Read by ourselves: the client takes a page of HTML for a reply.
                create: Any = self._client.chat.completions.with_raw_response.create
                raw = await create(**self._arguments(question, way))
                content: bytes = raw.http_response.content
        except (TimeoutError, openai.APITimeoutError) as error:
            raise RequestError(
                Kind.DOWN, f"no whole reply within {seconds:g} s (judge.request_timeout)"
            ) from error
        except openai.APIStatusError as error:
            raise self._refusal(error) from error
        except openai.APIConnectionError as error:
            cause = error.__cause__
            said = str(cause) or type(cause).__name__ if cause else str(error)
            raise RequestError(
                Kind.DOWN, self._key.cleared(f"no connection to {self.address}: {said}")
            ) from error
        except openai.OpenAIError as error:
            said = f"{type(error).__name__}: {error}"
            raise RequestError(Kind.DOWN, self._key.cleared(said)) from error
        return self._reply(content, question, way)

    def _arguments(self, question: ChatQuestion, way: str) -> dict[str, Any]:
        config = self._config
        arguments: dict[str, Any] = {
            "model": config.model,
            "messages": _turns(question),
            self._limit_name: config.max_reply_tokens,
        }
        if config.temperature is not None:
            arguments["temperature"] = config.temperature
        if way == "schema":
            schema = {"name": "verdict", "strict": True, "schema": dict(question.schema or {})}
            arguments["response_format"] = {"type": "json_schema", "json_schema": schema}
        elif way == "json":
            arguments["response_format"] = {"type": "json_object"}
        return arguments

    def _refusal(self, error: openai.APIStatusError) -> RequestError:
        status = error.status_code
        said = _shown(self._key.cleared(error.response.text))
        message = f"the server says {status}: {said}"
        if status in (401, 403, 404):
            return RequestError(Kind.BARRED, message, status=status)
        if status in _REFUSED:
            if self._limit_name == "max_tokens" and "max_completion_tokens" in said:
                self._limit_name = "max_completion_tokens"  # newer models of OpenAI's
                return RequestError(Kind.BUSY, message, status=status, wait=0.0)
            return RequestError(Kind.REFUSED, message, status=status)
        kind = Kind.BUSY if status in _BUSY else Kind.DOWN
        return RequestError(kind, message, status=status, wait=retry_after(error.response.headers))

    def _reply(self, content: bytes, question: ChatQuestion, way: str) -> Reply:
        """The reply in a body; one that is no chat completion is the server's failure."""
        try:
            body: Any = json.loads(content.decode("utf-8"))
            choice = body["choices"][0]
            text = _text_of(choice["message"])
            finish = choice.get("finish_reason") or ""
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
            said = _shown(self._key.cleared(content.decode("utf-8", "replace")))
            raise RequestError(Kind.DOWN, f"the reply is no chat completion: {said}") from error
        usage: Any = body.get("usage")
        read = "".join(message.text for message in question.messages)
        return Reply(
            text=self._key.cleared(text),
            way=way,
            finish=str(finish),
            input_tokens=_count(usage, "prompt_tokens", read),
            output_tokens=_count(usage, "completion_tokens", text),
        )


def _turns(question: ChatQuestion) -> list[dict[str, Any]]:
    """The conversation as the protocol has it, pictures before the words of the first user turn."""
    turns: list[dict[str, Any]] = []
    pictures = list(question.pictures)
    for message in question.messages:
        content: Any = message.text
        if message.role == "user" and pictures:
            shown = [
                {
                    "type": "image_url",
                    "image_url": {
                        "url": "data:image/png;base64," + base64.b64encode(each).decode("ascii")
                    },
                }
                for each in pictures
            ]
            content = [*shown, {"type": "text", "text": message.text}]
            pictures = []
        turns.append({"role": message.role, "content": content})
    return turns


def _text_of(message: Any) -> str:
    """The words of a reply; empty where the model refused or said nothing."""
    content = message.get("content")
    if content is None:
        return ""
    if isinstance(content, str):
        return content.encode("utf-8", "replace").decode("utf-8")
    parts = cast("list[Mapping[str, Any]]", content)
    return "".join(str(part.get("text", "")) for part in parts)


def _count(usage: Any, name: str, text: str) -> int:
    said = cast("Mapping[str, Any]", usage).get(name) if isinstance(usage, dict) else None
    if isinstance(said, int) and not isinstance(said, bool) and said >= 0:
        return said
    return int(len(text) / _LETTERS_A_TOKEN) + 1


def _shown(text: str) -> str:
    flat = " ".join(text.split())
    if not flat:
        return "nothing"
    return flat if len(flat) <= 200 else f"{flat[:199]}…"
