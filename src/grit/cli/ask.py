"""`grit ask IMAGE QUESTION`: the chain in colour, and the picture with its regions."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from grit.cli.console import out

if TYPE_CHECKING:
    from rich.text import Text

    from grit.traces.trace import Fault, Trace

__all__ = ["AskCommand", "run"]


@dataclass(frozen=True)
class AskCommand:
    """Ask a model one question about one picture.

    Prints the chain with each region in the colour in which it is drawn, the answer, and the
    name of the annotated picture.
    """

    image: Annotated[Path, tyro.conf.Positional]
    """The picture."""
    question: Annotated[str, tyro.conf.Positional]
    """What to ask about it."""
    model: str = "builtin"
    """A run folder, an export, a model folder, a hub name, or builtin."""
    mode: Literal["grounded", "cot", "direct"] = "grounded"
    """With the paper's suffix (grounded, cot), or the question alone (direct)."""
    output: Annotated[Path | None, tyro.conf.arg(metavar="PATH")] = None
    """Where the annotated picture goes; by default NAME.grit.png here, never over another file."""
    max_new_tokens: int = 1000
    """Longest completion."""
    temperature: float = 0.0
    """0 takes the likeliest token at every place."""
    seed: int = 0
    """Of sampling, above temperature 0."""
    min_pixels: int | None = None
    """Override the checkpoint's lower pixel limit."""
    max_pixels: int | None = None
    """Override the checkpoint's upper pixel limit."""
    force_pixel_limits: bool = False
    """Override the limits of a model that was trained under others; its boxes will shift."""
    image_processor: Literal["pil", "torchvision"] | None = None
    """What resizes pictures; none: what the model was trained with, else pil."""
    trust_remote_code: bool = False
    """Let the checkpoint's tokenizer run Python code that comes with it."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where the model computes."""
    dtype: Literal["float32", "bfloat16", "float16"] = "float32"
    """Number format that it computes in."""


def run(arguments: list[str]) -> int:
    """Ask."""
    command = tyro.cli(
        AskCommand, prog="grit ask", args=arguments, config=(tyro.conf.FlagCreatePairsOff,)
    )

    from grit.app.ask import annotated_picture, ask_source, free_name
    from grit.cli.quiet import quiet_libraries
    from grit.config.compose import config_of_flags
    from grit.config.evaluation import EvaluationConfig
    from grit.config.model import ModelConfig
    from grit.prompts.question import Mode

    path = command.output or free_name(Path(f"{command.image.stem}.grit.png"))
    _check_output(path)
    sampling = config_of_flags(
        EvaluationConfig,
        max_new_tokens=command.max_new_tokens,
        temperature=command.temperature,
        seed=command.seed,
    )
    model = config_of_flags(
        ModelConfig,
        min_pixels=command.min_pixels,
        max_pixels=command.max_pixels,
        force_pixel_limits=command.force_pixel_limits,
        image_processor=command.image_processor,
        trust_remote_code=command.trust_remote_code,
        device=command.device,
        dtype=command.dtype,
    )
    quiet_libraries()
    answered = ask_source(
        command.model,
        model,
        command.image,
        command.question,
        mode=Mode(command.mode),
        max_new_tokens=sampling.max_new_tokens,
        temperature=sampling.temperature,
        seed=sampling.seed,
    )
    trace = answered.trace
    out().print(_coloured(trace), soft_wrap=True)
    annotated_picture(answered).save(path)
    cut_off = " (cut off at the length limit)" if answered.completion.finish == "cut_off" else ""
    answer = "none" if trace.answer is None else trace.answer
    out().print(f"\nanswer   {answer}{cut_off}", markup=False, soft_wrap=True)
    for fault in trace.faults:
        said = f"fault    {fault.kind}{_where(trace, fault)}: {fault.detail}"
        out().print(said, markup=False, soft_wrap=True)
    out().print(f"regions  {len(trace.mentions)}, drawn in {path}", markup=False, soft_wrap=True)
    return 0


def _check_output(path: Path) -> None:
    """Say before the model is asked that its picture could not be written."""
    import os

    from grit.errors import DataError

    if path.exists():
        raise DataError(f"--output {path} exists; name another file, or remove it")
    if path.suffix.lower() not in (".png", ".jpg", ".jpeg", ".webp"):
        raise DataError(f"--output {path} names no picture; end it in .png, .jpg or .webp")
    if not os.access(path.parent, os.W_OK):
        raise DataError(
            f"cannot write {path}: there is no folder {path.parent} that may be written to; name a "
            "file elsewhere with --output"
        )


def _where(trace: Trace, fault: Fault) -> str:
    """Of which region a fault speaks, by the number that it is drawn with."""
    for number, mention in enumerate(trace.mentions, start=1):
        if mention.span.start <= fault.span.start < mention.span.end:
            return f" in region {number} {trace.text[mention.span.start : mention.span.end]}"
    return ""


def _coloured(trace: Trace) -> Text:
    """The completion, its box mentions in the colours of the picture; control characters out."""
    from rich.style import Style
    from rich.text import Text

    from grit.draw.palette import as_css, colour_of

    shown = "".join(c if c.isprintable() or c == "\n" else "�" for c in trace.text)
    text = Text(shown)
    for number, mention in enumerate(trace.mentions):
        style = Style(color=as_css(colour_of(number)), bold=True)
        text.stylize(style, mention.span.start, mention.span.end)
    return text
