"""What differs between servers of the same protocol, and what several processes spend."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from grit.app.judges import JudgeOfRun
from grit.config.judge import ChatJudgeConfig
from grit.errors import BudgetSpentError
from grit.judges.chat import ChatJudge
from grit.judges.spending import Spent
from grit.judges.verdict import JudgeRequest
from judge_server import KEY, JudgeServer, compares, fails

RIGHT = JudgeRequest("Which animal?", "dog", "dog")


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with JudgeServer() as running:
        yield running


@pytest.fixture
def judge_of(server):
    opened = []

    def build(**fields):
        fields = {"base_url": server.url, "model": "m", "cache": None, "max_retries": 1,
                  "retry_wait": 0.01, "outage": "drop", **fields}  # fmt: skip
        opened.append(ChatJudge(ChatJudgeConfig(**fields)))
        return opened[-1]

    yield build
    for judge in opened:
        judge.close()


def verdict(judge, request=RIGHT):
    (found,) = asyncio.run(judge.judge([request]))
    return found


def test_azure_is_asked_by_deployment_version_and_its_own_header(server, judge_of):
    judge = judge_of(
        base_url=server.url.removesuffix("/v1"), api_version="2024-10-21", model="my-gpt-4o"
    )
    assert verdict(judge).score == 1.0
    (request,) = server.requests
    # As Azure documents its data plane.
    assert request.path == ("/openai/deployments/my-gpt-4o/chat/completions?api-version=2024-10-21")
    assert request.headers["api-key"] == KEY
    assert KEY not in request.path


def test_a_model_that_wants_another_name_for_the_limit_gets_it_from_then_on(server, judge_of):
    async def newer(request, writer):
        if "max_tokens" in request.body:
            said = "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."
            await fails(400, message=said)(request, writer)
        else:
            await compares()(request, writer)

    server.default = newer
    judge = judge_of(max_reply_tokens=77)
    assert verdict(judge).score == 1.0
    assert verdict(judge, replace(RIGHT, prediction="cat")).score == 0.0
    sent = [
        (r.body.get("max_tokens"), r.body.get("max_completion_tokens")) for r in server.requests
    ]
    assert sent == [(77, None), (None, 77), (None, 77)]


class Together:
    """Processes as one of them sees them: what each has, in order."""

    def __init__(self, others):
        self.others = others

    def gather(self, own):
        return [own, *self.others]


def test_processes_hold_the_budget_against_what_all_have_sent(server, judge_of):
    judge = judge_of(max_requests=6)
    of_run = JudgeOfRun(judge, judge)
    assert verdict(judge).score == 1.0
    before = Spent(requests=2)
    found = of_run.share_spending(before, Together([Spent(requests=2)]))
    assert found["requests"] == 2 + 1 + 2, "before it was resumed, here, in the other process"
    assert verdict(judge, replace(RIGHT, prediction="cat")).score == 0.0
    assert of_run.spent()["requests"] == 6
    with pytest.raises(BudgetSpentError, match="6 requests"):
        verdict(judge, replace(RIGHT, prediction="cow"))
    assert len(server.requests) == 2
