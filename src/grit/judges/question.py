"""What a chat model is asked, what it replies, and what a reply is found by again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from grit.judges.prompts import Message

__all__ = ["ChatQuestion", "Reply"]


@dataclass(frozen=True, slots=True)
class ChatQuestion:
    """One conversation that a chat model is to go on with, with or without pictures.

    Args:
        prompt: Name and version of the prompt, for the cache.
        messages: The conversation.
        pictures: Encoded pictures (PNG), shown with the first user turn, in order.
        question: For the cache's table, and part of the hash: what was asked of the policy.
        reference: The same: the true answer.
        prediction: The same: the predicted answer.
        schema: JSON schema of the reply; None for free text.
    """

    prompt: str
    messages: tuple[Message, ...]
    pictures: tuple[bytes, ...] = ()
    question: str = ""
    reference: str = ""
    prediction: str = ""
    schema: Mapping[str, Any] | None = field(default=None, compare=False)

    def picture_hashes(self) -> list[str]:
        """SHA-256 of each picture, in hexadecimal."""
        return [hashlib.sha256(picture).hexdigest() for picture in self.pictures]

    def key(self, *, server: str, model: str, parameters: str) -> str:
        """SHA-256 of all that a reply depends on, in hexadecimal.

        Args:
            server: Address of the server.
            model: Name of the model there.
            parameters: Temperature and the like, as canonical JSON.
        """
        content = json.dumps(
            (
                server, model, self.prompt, parameters,
                self.question, self.reference, self.prediction,
                [(message.role, message.text) for message in self.messages],
                self.picture_hashes(),
            ),
            ensure_ascii=True,
        )  # fmt: skip
        return hashlib.sha256(content.encode("ascii")).hexdigest()


@dataclass(frozen=True, slots=True)
class Reply:
    """What a chat model replied.

    Args:
        text: Its words.
        way: What was asked of the server: ``schema``, ``json`` (JSON mode) or ``text``.
        finish: Why it ended, as the server says: ``stop``, ``length``, …
        input_tokens: Read by the model; estimated where the server does not say.
        output_tokens: Written by it.
    """

    text: str
    way: str
    finish: str
    input_tokens: int
    output_tokens: int
