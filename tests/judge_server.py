"""A real HTTP server that speaks the chat-completions protocol, and misbehaves when told to.

Raw sockets, because a web framework would not break the protocol: a behaviour writes the bytes that
it likes. Without one, the server compares the prompt's two answers, as a plain judge would.
"""

from __future__ import annotations

import asyncio
import json
import re
import socket
import struct
import threading
import time
from dataclasses import dataclass, field
from typing import Any

KEY = "sk-test-0123456789abcdef"


@dataclass
class Request:
    """One request as it came."""

    path: str
    headers: dict[str, str]
    body: Any
    at: float

    @property
    def turns(self) -> list[str]:
        """The words of each turn."""
        contents = [message["content"] for message in self.body["messages"]]
        return [
            content
            if isinstance(content, str)
            else " ".join(part.get("text", "") for part in content)
            for content in contents
        ]

    @property
    def said(self) -> str:
        """The words of all turns."""
        return "\n".join(self.turns)

    @property
    def prediction(self) -> str:
        """The predicted answer in the prompt."""
        found = re.search(r"Model’s answer: (.*)", self.turns[0], re.DOTALL)
        if found:
            return found[1]
        return json.loads(self.body["messages"][1]["content"])["predicted_answer"]

    @property
    def reference(self) -> str:
        found = re.search(r"Standard answer: (.*)", self.said)
        if found:
            return found[1]
        return json.loads(self.body["messages"][1]["content"])["standard_answer"]


def completion(text, *, finish="stop", usage=(100, 10)):
    """The body of a chat completion."""
    return {
        "id": "1", "object": "chat.completion", "created": 0, "model": "m",
        "choices": [
            {"index": 0, "finish_reason": finish, "message": {"role": "assistant", "content": text}}
        ],
        "usage": {"prompt_tokens": usage[0], "completion_tokens": usage[1],
                  "total_tokens": sum(usage)},
    }  # fmt: skip


def response(body, *, status=200, headers=None, kind="application/json"):
    """The bytes of a whole response."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status} Whatever", f"Content-Type: {kind}",
             f"Content-Length: {len(content)}"]  # fmt: skip
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    return "\r\n".join([*lines, "", ""]).encode() + content


def says(text, **more):
    """Replies with these words."""
    return sends(response(completion(text, **more)))


def sends(content):
    """Sends these bytes."""

    async def behave(_request, writer):
        writer.write(content)

    return behave


def fails(status, *, headers=None, message="it failed"):
    """Replies with an error as OpenAI writes it."""
    return sends(response({"error": {"message": message}}, status=status, headers=headers))


async def hangs(_request, _writer):
    """Never says a word."""
    await asyncio.sleep(3600)


async def drips(_request, writer):
    """Sends a byte now and then, for ever: no read times out."""
    writer.write(
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 9999\r\n\r\n"
    )
    while True:
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(0.02)


async def resets(_request, writer):
    """Breaks the connection in the middle of the response."""
    writer.write(
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n{"
    )
    await writer.drain()
    raw = writer.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


def compares(delay=0.0):
    """Judges: 1 where the two answers are the same words, else 0."""

    async def behave(request, writer):
        if delay:
            await asyncio.sleep(delay)
        same = request.prediction.strip().lower() == request.reference.strip().lower()
        writer.write(response(completion(json.dumps({"score": int(same)}))))

    return behave


@dataclass
class JudgeServer:
    """The server; use it in a ``with`` block.

    Args:
        default: What it does once ``script`` is used up.
    """

    default: Any = field(default_factory=compares)
    script: list[Any] = field(default_factory=list)
    """What it does with the first requests, in turn."""
    requests: list[Request] = field(default_factory=list)
    """Chat requests, as they came."""
    wants_key: str | None = None
    port: int = 0
    most_at_once: int = 0
    _at_once: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def start(self):
        """Listen, on the same port as before when there was one."""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._call(self._listen())

    def stop(self):
        """Close every connection and stop listening, as a server that is killed does."""
        self._call(self._hang_up())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _call(self, work):
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def _listen(self):
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _hang_up(self):
        self._server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _serve(self, reader, writer):
        try:
            while True:
                request = await self._read(reader)
                await self._answer(request, writer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.transport.abort()

    async def _read(self, reader):
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head.strip().split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines if ": " in line)
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        if b"authorization" in head.lower().encode():
            found = re.search(r"(?im)^authorization: (.*?)\r?$", head)
            headers["authorization"] = found[1] if found else ""
        return Request(
            first.split()[1], headers, json.loads(body) if body else None, time.monotonic()
        )

    async def _answer(self, request, writer):
        if self.wants_key and request.headers.get("authorization") != f"Bearer {self.wants_key}":
            sent = request.headers.get("authorization", "")
            await fails(401, message=f"Incorrect API key provided: {sent}")(request, writer)
            return
        if not request.path.partition("?")[0].endswith("/chat/completions"):
            await fails(404)(request, writer)
            return
        self.requests.append(request)
        behave = self.script.pop(0) if self.script else self.default
        self._at_once += 1
        self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            await behave(request, writer)
        finally:
            self._at_once -= 1
