"""The chat judge: a model behind any OpenAI-compatible server, asked for a score in [0, 1]."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from types import TracebackType

from grit.config.judge import ChatJudgeConfig
from grit.errors import JudgeError, JudgeOutageError
from grit.judges.cache import ReplyCache
from grit.judges.client import ChatClient, RefusedError, reading_of, score_in
from grit.judges.guard import guarded
from grit.judges.key import Key, read_key
from grit.judges.loop import BackgroundLoop
from grit.judges.missing import missing_verdict
from grit.judges.outage import Pause, Say
from grit.judges.pictures import encoded_picture
from grit.judges.prompts import JUDGE_PROMPTS, SCORE_SCHEMA, asked_again
from grit.judges.question import ChatQuestion, Reply
from grit.judges.spending import Spending, price_of
from grit.judges.verdict import JudgeRequest, Verdict

__all__ = ["ChatJudge"]


def _silent(_message: str) -> None:
    """Where nobody listens."""


class ChatJudge:
    """Asks a chat model. Use it in a ``with`` block: it has connections, a thread and a file.

    Args:
        config: Server, model, prompt, limits and policy.
        say: Told of pauses.
        key: Of the server; None reads it where the recipe says.

    Raises:
        ConfigError: If there is no key, or no price for a budget in dollars.
        JudgeError: If the cache cannot be used.
    """

    def __init__(
        self, config: ChatJudgeConfig, *, say: Say = _silent, key: Key | None = None
    ) -> None:
        self.config = config
        key = read_key(config) if key is None else key
        self.spending = Spending(
            price_of(config), max_usd=config.max_usd, max_requests=config.max_requests
        )
        self._prompt = JUDGE_PROMPTS[config.prompt]
        self._cache = None if config.cache is None else ReplyCache(config.cache)
        self._loop = BackgroundLoop("judge")
        self.client = ChatClient(config, key, self._cache, self.spending)
        self._pause = Pause(self.client, say)

    def __enter__(self) -> ChatJudge:
        """Give back the judge."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close it."""
        self.close()

    @property
    def name(self) -> str:
        """Word for records and tables."""
        return f"chat:{self.config.model}"

    @property
    def outage(self) -> str | None:
        """Why nothing is being judged; None while all is well. For any thread."""
        return self._pause.reason

    def close(self) -> None:
        """Stop asking; what is on its way is given up."""
        self._loop.close_after(self.client.close())
        if self._cache is not None:
            self._cache.close()

    async def judge(self, requests: Sequence[JudgeRequest]) -> list[Verdict]:
        """One verdict per request, in order; see ``Judge.judge``."""
        return await self._loop.run(self._judge(list(requests)))

    async def ask(
        self, question: ChatQuestion, *, score_of: Callable[[Reply], float | None] = score_in
    ) -> Reply:
        """Ask something else than a verdict of the same model: cached, retried and counted alike.

        Args:
            question: What to ask.
            score_of: Reads the reply, for the cache's table; None where it says nothing.

        Raises:
            RefusedError: If the server will not answer this question.
            JudgeOutageError: If it cannot be had; never where ``judge.outage`` is ``pause``.
            JudgeError: If nothing will be answered any more.
        """
        return await self._loop.run(self._answered(question, score_of=score_of))

    def question(self, request: JudgeRequest) -> ChatQuestion:
        """What the model is asked for one verdict."""
        config = self.config
        wants_schema = config.reply_format == "schema" or not self._prompt.is_paper
        return ChatQuestion(
            self._prompt.name,
            self._prompt.messages(request),
            tuple(encoded_picture(path, config.picture_pixels) for path in request.pictures),
            question=_plain(request.question),
            reference=_plain(request.reference),
            prediction=_plain(request.prediction or ""),
            schema=SCORE_SCHEMA if wants_schema else None,
        )

    async def once(self, question: ChatQuestion) -> tuple[Verdict, list[Reply]]:
        """One verdict and the replies that led to it, without waiting out an outage.

        Raises:
            JudgeOutageError: If the server cannot be had after the retries.
            JudgeError: If asking is in vain.
        """
        try:
            return await self._loop.run(self._read(question, is_patient=False))
        except RefusedError as error:
            return Verdict.unscored(f"the server does not answer: {error}", judge=self.name), []

    async def check(self) -> Verdict:
        """Ask for a verdict that is known, unless it was asked before: does all of it work?

        Returns:
            The verdict.

        Raises:
            JudgeError: If the server, the key or the model is not there, or the reply unreadable.
        """
        return await self._loop.run(self._check())

    async def _check(self) -> Verdict:
        request = JudgeRequest("What colour is grass?", "green", "green")
        question = self.question(request)
        key = self.client.key_of(question)
        if self.client.known([key]) and not await self.client.knows_key():
            raise JudgeError(
                f"the judge at {self.client.address} refuses the key; put the right key into "
                f"{self.config.api_key_file or self.config.api_key_env}"
            )
        try:
            verdict, _ = await self._read(question, is_patient=False)
        except RefusedError as error:
            raise JudgeError(
                f"the judge at {self.client.address} refuses a plain question: {error}"
            ) from error
        if verdict.score is None:
            raise JudgeError(
                f"the judge {self.config.model} at {self.client.address} gives no score that can "
                f"be read ({verdict.reason}); try another judge.model, or judge.prompt strict"
            )
        return verdict

    async def _judge(self, requests: list[JudgeRequest]) -> list[Verdict]:
        verdicts: dict[int, Verdict] = {}
        waiting: dict[str, list[int]] = {}
        questions: dict[str, ChatQuestion] = {}
        for place, request in enumerate(requests):
            verdict = missing_verdict(request.prediction)
            if verdict is None and self.config.guard:
                verdict = guarded(request)
            if verdict is not None:
                verdicts[place] = verdict
                continue
            question = self.question(request)
            key = self.client.key_of(question)
            questions[key] = question
            waiting.setdefault(key, []).append(place)
        known = self.client.known(list(questions))
        num_found = 0
        for key, reply in known.items():
            verdict = self._verdict(reply)
            if verdict is not None:
                num_found += 1
                verdicts |= dict.fromkeys(waiting.pop(key), verdict)
        self.spending.found(num_found)
        if waiting:
            asked = await self._all({key: questions[key] for key in waiting})
            for key, verdict in asked.items():
                verdicts |= dict.fromkeys(waiting[key], verdict)
        return [verdicts[place] for place in range(len(requests))]

    async def _all(self, questions: dict[str, ChatQuestion]) -> dict[str, Verdict]:
        """Ask side by side; the batch has a deadline, at which the recipe's policy decides."""
        config = self.config
        tasks = {
            key: asyncio.create_task(self._scored(question)) for key, question in questions.items()
        }
        try:
            _, late = await asyncio.wait(tasks.values(), timeout=config.batch_timeout)
            if late:
                said = (
                    f"{len(late)} of {len(tasks)} verdicts are missing after "
                    f"{config.batch_timeout:g} s (judge.batch_timeout)"
                )
                if config.outage == "pause":
                    self._pause.note(said)
                    await asyncio.wait(late)
                    self._pause.over()
                elif config.outage == "stop":
                    raise JudgeOutageError(f"{said}; mend the judge and resume the run")
                else:
                    for key, task in tasks.items():
                        if task in late:
                            task.cancel()
                            tasks[key] = asyncio.create_task(self._unscored(said))
            # All have ended before an error goes on: what was paid for is in the cache then.
            done = await asyncio.gather(*tasks.values(), return_exceptions=True)
        finally:
            for task in tasks.values():
                task.cancel()
        for each in done:
            if isinstance(each, BaseException):
                raise each
        return {
            key: verdict
            for key, verdict in zip(tasks, done, strict=True)
            if isinstance(verdict, Verdict)
        }

    async def _scored(self, question: ChatQuestion) -> Verdict:
        """A verdict on one answer, unscored where there is none to be had."""
        try:
            return (await self._read(question, is_patient=True))[0]
        except RefusedError as error:
            return Verdict.unscored(f"the server does not answer: {error}", judge=self.name)
        except JudgeOutageError as error:
            if self.config.outage == "drop":
                return Verdict.unscored(str(error), judge=self.name)
            raise

    async def _unscored(self, reason: str) -> Verdict:
        return Verdict.unscored(reason, judge=self.name)

    async def _read(
        self, question: ChatQuestion, *, is_patient: bool
    ) -> tuple[Verdict, list[Reply]]:
        """Ask, and once more where the reply has no score that can be read."""
        reply = await self._answered(question, is_patient=is_patient)
        verdict = self._verdict(reply)
        if verdict is not None:
            return verdict, [reply]
        first = reading_of(reply).fault
        messages = asked_again(question.messages, reply.text)
        again = ChatQuestion(
            f"{question.prompt}+again", messages, question.pictures, question.question,
            question.reference, question.prediction, question.schema,
        )  # fmt: skip
        second = await self._answered(again, is_patient=is_patient)
        verdict = self._verdict(second) or Verdict.unscored(
            f"no score in two replies: {first}; then {reading_of(second).fault}", judge=self.name
        )
        return verdict, [reply, second]

    async def _answered(
        self,
        question: ChatQuestion,
        *,
        is_patient: bool = True,
        score_of: Callable[[Reply], float | None] = score_in,
    ) -> Reply:
        """A reply, waited for as the recipe's policy has it."""
        if not is_patient or self.config.outage != "pause":
            return await self.client.ask(question, score_of=score_of)
        return await self._pause.until_answered(
            lambda is_trial: self.client.ask(question, is_trial=is_trial, score_of=score_of)
        )

    def _verdict(self, reply: Reply) -> Verdict | None:
        """The verdict in a reply; None where there is none."""
        reading = reading_of(reply)
        if reading.score is None:
            return None
        return Verdict(
            reading.score,
            f"{self.config.model} says {reading.score:g}",
            self.name,
            way=f"{reply.way}/{reading.form}",
        )


def _plain(text: str) -> str:
    """Text that UTF-8 can hold."""
    return text.encode("utf-8", "replace").decode("utf-8")
