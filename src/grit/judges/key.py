"""The key of a judge's server: read once, shown nowhere."""

from __future__ import annotations

import os
from urllib.parse import urlsplit

from grit.config.judge import ChatJudgeConfig
from grit.errors import ConfigError

__all__ = ["Key", "read_key"]

NO_KEY = "none"
"""Sent to servers that ask for no key; the client wants to send something."""


class Key:
    """A secret that does not print itself.

    Args:
        value: The key; None for servers that ask for none.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str | None) -> None:
        self._value = value

    def __repr__(self) -> str:
        """What may be seen of it."""
        return "Key(…)" if self._value else "Key(none)"

    @property
    def is_given(self) -> bool:
        """Whether there is one."""
        return self._value is not None

    def reveal(self) -> str:
        """The secret itself, for the one client that sends it."""
        return NO_KEY if self._value is None else self._value

    def cleared(self, text: str) -> str:
        """A text from outside without the key: servers have been seen to repeat it."""
        return text.replace(self._value, "[key]") if self._value else text


def read_key(config: ChatJudgeConfig) -> Key:
    """Read the key from the file or the environment variable that a recipe names.

    Raises:
        ConfigError: If there is none and the server will want one, or the file is no key.
    """
    if config.api_key_file is not None:
        path = config.api_key_file.expanduser()
        try:
            value = path.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            said = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
            raise ConfigError(
                f"judge.api_key_file {path} cannot be read: {said}; put the key alone into it"
            ) from error
        return Key(_one_word(value, f"judge.api_key_file {path}"))
    value = os.environ.get(config.api_key_env, "").strip()
    if value:
        return Key(_one_word(value, f"the environment variable {config.api_key_env}"))
    host = urlsplit(config.base_url).hostname or "" if config.base_url else "api.openai.com"
    if host == "api.openai.com" or host.endswith((".azure.com", ".openai.com")):
        raise ConfigError(
            f"there is no key for the judge at {host}: the environment variable "
            f"{config.api_key_env} is not set. Set it, name another with judge.api_key_env or a "
            "file with judge.api_key_file, give a server of your own with judge.base_url, or judge "
            "by rules alone: --judge.type rules"
        )
    return Key(None)


def _one_word(value: str, where: str) -> str:
    if not value:
        raise ConfigError(f"{where} is empty; put the key into it")
    if any(mark.isspace() for mark in value) or not value.isascii():
        raise ConfigError(f"{where} holds something else than a key; a key is one word of ASCII")
    return value
