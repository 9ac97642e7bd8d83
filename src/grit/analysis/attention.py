"""Attention to the picture after grounding: with the chain's boxes, and without them.

A completion is split at ``<rethink>``. Every box is deleted from the part before, and the model
goes on from there. What is compared is the attention that falls on the picture's tokens while the
tokens after the split are written (GRIT, arXiv 2505.15879).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from grit.analysis.interventions import Case, Turn
from grit.analysis.reasoner import PolicyReasoner
from grit.errors import ModelError
from grit.models.watched_attention import watch_attention
from grit.policy.policy import Policy
from grit.policy.prefix import branch, run_branches
from grit.prompts.question import Mode, question_turn
from grit.records.analyses import AttentionRow
from grit.traces.mask import mask_boxes
from grit.traces.parse import parse_trace

__all__ = ["MOST_TOKENS", "Watcher", "reasons_against_splitting", "watch"]

MOST_TOKENS = 50
"""Tokens after the split that are looked at, as in the paper."""

_RETHINK = "<rethink>"
_MOST_DIFFERENCE = {torch.float32: 1e-3, torch.bfloat16: 0.1, torch.float16: 0.05}
"""Of hidden states, as a share of their norm: what two ways of summing may differ by."""


def reasons_against_splitting(case: Case) -> str | None:
    """Why a chain cannot be compared; None where it can."""
    before, tag, _ = case.text.partition(_RETHINK)
    if not tag:
        return "no <rethink>"
    return None if parse_trace(before, case.frame).mentions else "no box before <rethink>"


@dataclass(frozen=True, slots=True)
class Watcher:
    """A policy whose attention is watched.

    Args:
        policy: It.
        mode: How the questions were put.
    """

    policy: Policy
    mode: Mode = Mode.GROUNDED

    @torch.no_grad()
    def shares(self, turn: Turn, added: str) -> Tensor:
        """Attention on the picture while each token of ``added`` is written.

        Args:
            turn: Question, picture and a beginning that is not empty.
            added: What follows it.

        Returns:
            Mean over heads; shape (layer, token), at most ``MOST_TOKENS`` tokens.

        Raises:
            ModelError: If the attention that is written out gives other states than the model's.
        """
        model = self.policy.model
        prompt = model.prepare(turn.picture, question_turn(turn.sample.question, self.mode))
        start, rest = self._tokens(turn.start), self._tokens(added)[:MOST_TOKENS]
        tokens = torch.cat([start, rest]).unsqueeze(0).to(model.device)
        states = self.policy.run_prompts([prompt])
        owner = torch.zeros(1, dtype=torch.long, device=model.device)
        plain = run_branches(model.family, model.network, self.policy.branch(states, [0]), tokens)
        with watch_attention(model.network, prompt.image_mask.to(model.device)) as seen:
            watched = run_branches(model.family, model.network, branch(states, owner), tokens)
        self._require_same(plain, watched)
        # The token before each one asks for it; the very first is asked for by the prompt.
        return seen.by_layer[:, 0, len(start) - 1 :].float().cpu()

    def _tokens(self, text: str) -> Tensor:
        encoded = self.policy.model.tokenizer(text, add_special_tokens=False)
        return torch.tensor(encoded["input_ids"], dtype=torch.long)

    def _require_same(self, plain: Tensor, watched: Tensor) -> None:
        difference = float((plain - watched).float().norm() / plain.float().norm())
        limit = _MOST_DIFFERENCE.get(plain.dtype, 0.1)
        if not difference <= limit:
            raise ModelError(
                f"attention written out gives other states than {self.policy.model.source} "
                f"otherwise has: they differ by {difference:.1e} of their norm, and at most "
                f"{limit:.0e} is rounding; its attention cannot be watched in this way"
            )


def watch(
    cases: Sequence[Case],
    watcher: Watcher,
    reasoner: PolicyReasoner,
    *,
    model: str,
    on_rows: Callable[[int], None] | None = None,
) -> Iterator[AttentionRow]:
    """Compare both continuations of every chain.

    Args:
        cases: Chains that ``reasons_against_splitting`` has nothing against.
        watcher: The model.
        reasoner: The same model, which goes on without boxes.
        model: Its name in the rows.
        on_rows: Told how many chains are done.
    """
    for case in cases:
        before, tag, after = case.text.partition(_RETHINK)
        own = Turn(case.sample, case.picture, before)
        bare = Turn(case.sample, case.picture, mask_boxes(parse_trace(before, case.frame), ""))
        (added,) = reasoner.go_on([bare])
        yield AttentionRow(
            model=model,
            sample_id=case.sample.id,
            task=case.sample.dataset,
            text=case.text,
            box_free_text=bare.start + added,
            original=_plain(watcher.shares(own, tag + after)),
            box_free=_plain(watcher.shares(bare, added)) if added else (),
        )
        if on_rows is not None:
            on_rows(1)


def _plain(shares: Tensor) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(round(float(share), 6) for share in layer) for layer in shares)
