"""Memory of a run by part, at its peak in rollout, reference and training.

Follows what our own code holds: a frozen copy as reference (none with LoRA), float32 masters and
moments, a prompt's cache branched once a completion or standing once (``model.prefix_attention``),
logits in chunks, features kept for the run.
Counted is what torch allocates, not what it reserves.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

from grit.config.recipe import Recipe
from grit.planning.dimensions import Dimensions, Load
from grit.planning.layers import (
    Attention,
    Precision,
    kept_by_decoder,
    kept_by_merger,
    kept_by_tower,
    kept_context,
    running_context,
    working,
)

__all__ = ["LOGIT_CHUNK", "Parts", "Phases", "Shares", "memory_of", "shares_of"]

LOGIT_CHUNK = 8_000_000
"""Logits held at once when log-probabilities are taken; as in ``policy.logprobs``."""

_ROOM = 64
"""Tokens that a completion's cache grows by; as in ``models.prefix_cache``."""

_DTYPE_BYTES = {"float32": 4, "bfloat16": 2, "float16": 2}


@dataclass(frozen=True, slots=True)
class Parts:
    """Bytes by part at one moment."""

    weights: int = 0
    reference: int = 0
    optimizer: int = 0
    gradients: int = 0
    activations: int = 0
    kv_cache: int = 0
    logits: int = 0
    vision_cache: int = 0

    @property
    def total(self) -> int:
        """All of them."""
        return sum(getattr(self, field.name) for field in fields(self))


@dataclass(frozen=True, slots=True)
class Phases:
    """The fullest moment of each phase of a step."""

    rollout: Parts
    reference: Parts | None
    training: Parts

    @property
    def peak(self) -> int:
        """Bytes at the fullest moment of all."""
        return max(p.total for p in (self.rollout, self.reference, self.training) if p)


@dataclass(frozen=True, slots=True)
class Shares:
    """What learns, and how a step is cut.

    Args:
        trainable: Weights that learn.
        precision: Of weights and states.
        tower_learns: Whether gradients reach the vision tower.
        merger_learns: Whether they reach what joins it to the decoder.
        output_learns: Whether they reach the output matrix.
        groups: Groups of one micro-batch.
        sequences: Completions of its largest part.
        micro_batches: Of one update.
        at_once: Prompts that are decoded together.
        decoded: Completions that are decoded together.
        prompt_stands_once: Whether completions read a prompt where it stands.
        fused: Whether they do so by a kernel, which the CPU has.
    """

    trainable: int
    precision: Precision
    tower_learns: bool
    merger_learns: bool
    output_learns: bool
    groups: int
    sequences: int
    micro_batches: int
    at_once: int
    decoded: int
    prompt_stands_once: bool
    fused: bool


def shares_of(model: Dimensions, recipe: Recipe, *, on_gpu: bool = True) -> Shares:
    """How a recipe divides weights and work, and which form of attention would run."""
    form, kernels = recipe.model.prefix_attention, recipe.model.attention
    stands_once = form == "shared" or (form == "auto" and kernels == "sdpa" and not on_gpu)
    group, training, lora = recipe.group, recipe.training, recipe.model.lora
    tower_learns = lora is None and not recipe.model.freeze_vision
    merger_learns = lora is None and not recipe.model.merger_is_frozen
    if lora is not None:
        trainable = model.lora_parameters(lora.rank)
    else:
        tower = model.tower_parameters - model.merger_parameters
        frozen = (0 if tower_learns else tower) + (0 if merger_learns else model.merger_parameters)
        trainable = model.parameters - frozen
    groups = min(training.micro_batch_groups, group.prompts_per_step)
    members = groups * group.size
    num_parts = -(-members // training.max_sequences_per_forward)
    most = getattr(recipe.rollout, "sequences_at_once", 0)
    at_once = min(max(1, most // group.size), group.prompts_per_step) if most else 0
    return Shares(
        trainable=trainable,
        precision=Precision(_DTYPE_BYTES[recipe.model.dtype], None if lora is None else lora.rank),
        tower_learns=tower_learns,
        merger_learns=merger_learns,
        output_learns=lora is None,
        groups=groups,
        sequences=-(-members // num_parts),
        micro_batches=-(-group.prompts_per_step // groups),
        at_once=at_once,
        decoded=min(most, at_once * group.size),
        prompt_stands_once=stands_once,
        fused=not on_gpu,
    )


def memory_of(model: Dimensions, recipe: Recipe, load: Load, *, on_gpu: bool = True) -> Phases:
    """Bytes by part at the fullest moment of each phase, from the second step on.

    Args:
        model: Its dimensions.
        recipe: What is done with it.
        load: Pictures and texts at their largest.
        on_gpu: Where AdamW moves all weights at once and needs a copy of them to do it.
    """
    shares = shares_of(model, recipe, on_gpu=on_gpu)
    b = shares.precision.bytes
    held = _held(model, recipe, load, shares)
    rollout = _rollout(model, recipe, load, shares)
    reference = None
    if recipe.loss.beta > 0.0:
        reference = _plus(held, _no_grad_pass(model, recipe, load, shares))
    # Masters collect gradients in float32; the weights' own come on top from the second on.
    own = 4 if shares.precision.lora_rank is not None else b
    masters = b < 4 and own < 4 and recipe.optimizer.master_weights
    collected = 4 * shares.trainable if masters else 0
    gradients = own * shares.trainable + (collected if shares.micro_batches > 1 else 0)
    backward = _plus(held, _training(model, recipe, load, shares, gradients))
    moved = (4 if masters else own) * shares.trainable
    update = _plus(held, Parts(optimizer=moved if on_gpu else 0, gradients=moved))
    return Phases(
        rollout=_plus(held, rollout),
        reference=reference,
        training=max((backward, update), key=lambda parts: parts.total),
    )


def _held(model: Dimensions, recipe: Recipe, load: Load, shares: Shares) -> Parts:
    """What is there all the time."""
    b, lora = shares.precision.bytes, shares.precision.lora_rank
    has_copy = recipe.loss.beta > 0.0 and lora is None
    own = 4 if lora is not None else b
    masters = b < 4 and own < 4 and recipe.optimizer.master_weights
    moments = 2 * (4 if masters else own) * shares.trainable
    tower, merges = model.tower, shares.merger_learns and not shares.tower_learns
    # Before the merger, a token still is all of its patches.
    merged = model.decoder.width
    own_width = tower.patches_per_token * tower.width if merges else merged
    feature, copied = (load.image_tokens * tower.levels * w * b for w in (own_width, merged))
    pixels = 4 * load.image_tokens * tower.patches_per_token * tower.patch_numbers

    def store(feature: int) -> int:
        # Pixels count against the bound, and wait in the machine's memory.
        bound = int(recipe.model.vision_cache_gib * 2**30) * feature // (feature + pixels)
        return bound if load.num_pictures is None else min(bound, load.num_pictures * feature)

    kept = 0 if shares.tower_learns else store(feature)
    # The reference keeps its own where the policy's change; a frozen tower's are kept once.
    if has_copy and shares.tower_learns:
        kept += store(copied)
    return Parts(
        weights=b * model.parameters + (4 * shares.trainable if lora is not None else 0),
        reference=b * model.parameters if has_copy else 0,
        optimizer=moments + (4 * shares.trainable if masters else 0),
        vision_cache=kept,
    )


def _rollout(model: Dimensions, recipe: Recipe, load: Load, shares: Shares) -> Parts:
    """Prompts run, or all completions at their ends, whichever is more; another engine: nothing."""
    if not shares.decoded:
        return Parts()
    d, b = model.decoder, shares.precision.bytes
    width = 2 * b * d.cache_width
    prompts = width * d.layers * shares.at_once * load.prompt_tokens
    if shares.prompt_stands_once:
        own, attention = load.completion_tokens + _ROOM, _branched(recipe, load, shares, queries=1)
        asking = shares.decoded * running_context(d, shares.precision, attention)
    else:
        own, asking = load.prompt_tokens + load.completion_tokens, 0
    branches = width * shares.decoded * own
    # One layer's cache stands twice while a token is appended to it, or its room grows.
    decoding = Parts(
        activations=asking,
        kv_cache=prompts + branches * (d.layers + 1),
        logits=shares.decoded * d.vocabulary * (20 if recipe.rollout.top_p == 1.0 else 52),
    )
    seen = _vision_pass(model, load, shares, shares.at_once if shares.tower_learns else 1)
    read = shares.at_once * load.prompt_tokens * working(d.width, d.mlp_width, shares.precision)
    prefill = Parts(kv_cache=prompts, activations=max(seen, read))
    return max((decoding, prefill), key=lambda parts: parts.total)


def _no_grad_pass(model: Dimensions, recipe: Recipe, load: Load, shares: Shares) -> Parts:
    """Log-probabilities of one micro-batch without grad."""
    d = model.decoder
    tokens = shares.sequences * load.completion_tokens
    branched = _branched(recipe, load, shares, queries=load.completion_tokens)
    context = shares.sequences * running_context(d, shares.precision, branched)
    running = tokens * working(d.width, d.mlp_width, shares.precision) + context
    return Parts(
        kv_cache=_caches(model, load, shares),
        activations=max(running, _vision_pass(model, load, shares, 1)),
        logits=_chunk(model) * (shares.precision.bytes + 4 * 4),
    )


def _training(
    model: Dimensions, recipe: Recipe, load: Load, shares: Shares, gradients: int
) -> Parts:
    """A micro-batch at the turn from its way there to its way back."""
    d, precision = model.decoder, shares.precision
    prompt_tokens = shares.groups * load.prompt_tokens
    tokens = shares.sequences * load.completion_tokens
    kind = recipe.model.attention
    prompt = Attention(kind, load.prompt_tokens, load.prompt_tokens, masked=shares.groups > 1)
    context = load.prompt_tokens + load.completion_tokens
    branched = _branched(recipe, load, shares, queries=load.completion_tokens)
    # Of one layer: what attention keeps of prompts, and of completions.
    looked = shares.groups * kept_context(d, precision, prompt)
    branched_looked = shares.sequences * kept_context(d, precision, branched)
    per_token = kept_by_decoder(model, precision)
    way_back = tokens * working(d.width, d.mlp_width, precision)
    way_back += shares.sequences * running_context(d, precision, branched)
    wide = 2 * precision.bytes * d.cache_width * d.layers
    caches, branches = wide * prompt_tokens, wide * shares.sequences * context
    if shares.prompt_stands_once:
        # What completions add is kept by their attention.
        branches = 0
    # The last norm, and the states that logits are made of.
    kept = (4 + precision.bytes) * d.width * (prompt_tokens + tokens)
    kept += precision.bytes * d.width * tokens
    if recipe.model.gradient_checkpointing:
        kept += d.layers * precision.bytes * d.width * (prompt_tokens + tokens)
        # A layer was given its branches of the prompts' caches, and is run again by itself.
        if not shares.prompt_stands_once:
            caches += wide * shares.sequences * load.prompt_tokens
        way_back += branched_looked + tokens * per_token // d.layers
    else:
        kept += (prompt_tokens + tokens) * per_token + d.layers * (looked + branched_looked)
    if kind == "flash_attention_2" and not recipe.model.gradient_checkpointing:
        caches += branches
    # Elsewhere what was branched goes at the end of the way there; copies of it are kept above.
    running = max(way_back, branches)
    seen = _kept_of_pictures(model, recipe, load, shares)
    logits = _chunk(model) * (precision.bytes + 4 * 5)
    if shares.output_learns:
        logits += 2 * precision.bytes * d.vocabulary * d.width
    return Parts(
        gradients=gradients, activations=kept + running + seen, kv_cache=caches, logits=logits
    )


def _branched(recipe: Recipe, load: Load, shares: Shares, *, queries: int) -> Attention:
    """What a completion's tokens look at, in the form that would run."""
    prompt, own = load.prompt_tokens, load.completion_tokens
    if shares.prompt_stands_once:
        return Attention("shared", queries, own, masked=False, prefix=prompt, fused=shares.fused)
    return Attention(recipe.model.attention, queries, prompt + own, masked=True)


def _kept_of_pictures(model: Dimensions, recipe: Recipe, load: Load, shares: Shares) -> int:
    """What a learning tower and a learning merger keep of a micro-batch's pictures."""
    tower, precision = model.tower, shares.precision
    tokens = shares.groups * load.image_tokens
    merging = tokens * kept_by_merger(tower, precision) if shares.merger_learns else 0
    if not shares.tower_learns:
        return merging
    patches = tokens * tower.patches_per_token
    if recipe.model.gradient_checkpointing:
        return merging + patches * tower.layers * precision.bytes * tower.width
    return merging + patches * kept_by_tower(tower, precision)


def _caches(model: Dimensions, load: Load, shares: Shares) -> int:
    """Keys and values of a micro-batch's prompts, and of one part's completions behind them."""
    width = 2 * shares.precision.bytes * model.decoder.cache_width * model.decoder.layers
    own = load.completion_tokens + (0 if shares.prompt_stands_once else load.prompt_tokens)
    return width * (shares.groups * load.prompt_tokens + shares.sequences * own)


def _vision_pass(model: Dimensions, load: Load, shares: Shares, pictures: int) -> int:
    """What the tower needs while it runs over pictures without grad."""
    tower = model.tower
    patches = pictures * load.image_tokens * tower.patches_per_token
    # Queries and keys are turned in float32.
    turning = 6 * 4 * tower.width
    one = working(tower.width, tower.mlp_width, Precision(shares.precision.bytes))
    return patches * (max(turning, one) + 4 * tower.patch_numbers)


def _chunk(model: Dimensions) -> int:
    """Numbers in one chunk of logits."""
    return max(1, LOGIT_CHUNK // model.decoder.vocabulary) * model.decoder.vocabulary


def _plus(one: Parts, other: Parts) -> Parts:
    return Parts(**{f.name: getattr(one, f.name) + getattr(other, f.name) for f in fields(Parts)})
