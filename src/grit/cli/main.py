"""The command `grit`: finds the command's module, runs it, and turns errors into one paragraph.

Nothing heavy is imported here: each command names the module that it loads on use.
"""

from __future__ import annotations

import difflib
import importlib
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from grit import __version__
from grit.errors import BY_SIGNAL, ConfigError, DataError, GritError, StoppedBySignalError
from grit.processes.launch import launched

__all__ = ["COMMANDS", "Command", "main"]


@dataclass(frozen=True, slots=True)
class Command:
    """One word of the command line.

    Args:
        target: ``module:function``; the function takes the arguments, returns an exit code.
        usage: What follows the word.
        about: One line for the overview.
        is_shared: Whether the processes of a launcher may do it together.
    """

    target: str
    usage: str
    about: str
    is_shared: bool = False


COMMANDS = {
    "demo": Command("grit.cli.demo:run", "", "train the built-in model, before and after"),
    "train": Command(
        "grit.cli.train:run", "[FILES] [FLAGS]", "train a model from recipes in YAML", True
    ),
    "sft": Command(
        "grit.cli.train:run_sft", "[FILES] [FLAGS]", "few-shot SFT, the baseline beside it", True
    ),
    "plan": Command("grit.cli.plan:run", "[FILES] [FLAGS]", "memory and work of a recipe, before"),
    "doctor": Command("grit.cli.doctor:run", "[FILES] [FLAGS]", "what this machine lacks", True),
    "eval": Command(
        "grit.cli.eval:run", "MODEL… [FLAGS]", "accuracy and grounding on a test set", True
    ),
    "ask": Command("grit.cli.ask:run", "IMAGE QUESTION", "one question; the chain and its regions"),
    "reward": Command(
        "grit.cli.reward:run", "[FILE] [FLAGS]", "what a completion is paid, and why"
    ),
    "judge": Command("grit.cli.judge:run", "try|cache", "ask a judge; look after what it said"),
    "data": Command(
        "grit.cli.data:run", "prepare|check|stats", "benchmarks to triplets; what is wrong in them"
    ),
    "analyse": Command(
        "grit.cli.analyse:run", "KIND RUN", "what chains rest on: correlation with their regions"
    ),
    "paper": Command("grit.cli.paper:run", "[FLAGS]", "the paper's experiments, on one page"),
    "report": Command("grit.cli.report:run", "RUN", "write a run's report.html"),
    "export": Command("grit.cli.export:run", "RUN", "a folder that plain transformers loads"),
}

_OVERVIEW = """\
grit {version}: teach a vision-language model to think with images (arXiv 2505.15879)

usage: grit COMMAND [ARGUMENTS]

{commands}

  grit COMMAND --help says what a command takes; --version says which grit this is;
  --debug, anywhere, shows the traceback of an error.

examples:
  grit demo
  grit train recipes/lora-24gb.yaml --data.train mine.jsonl --output runs/mine
  grit train base.yaml mine.yaml --group.size 8       files from left to right, then flags
  grit data check mine.jsonl
  grit ask photo.jpg "How many dogs are there?"

read on: README.md, then docs/README.md (one trace, one reward, one group, one step, one report)
"""

_INTERRUPTED = BY_SIGNAL + 2
_USER_ERROR = 2


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line.

    Returns:
        0; 1 when it failed; 2 for wrong input; 128 and the signal's number when it was stopped by
        one, as shells have it: 130 for Ctrl-C, 143 for SIGTERM. A job that was stopped is not done.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    debug = "--debug" in arguments
    arguments = [word for word in arguments if word != "--debug"]
    try:
        code = _dispatch(arguments)
        sys.stdout.flush()
        return code
    except GritError as error:
        if debug:
            traceback.print_exc()
        else:
            print(f"grit: {error}", file=sys.stderr)
        return _code_of(error)
    except KeyboardInterrupt:
        if debug:
            traceback.print_exc()
        print("grit: interrupted", file=sys.stderr)
        return _INTERRUPTED
    except BrokenPipeError:
        # The reader (head, less) has what it wanted; Python must not flush into the pipe at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except SystemExit as leaving:
        return _exit_code(leaving)


def _dispatch(arguments: list[str]) -> int:
    """Find the command and run it; without one, print the overview."""
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        print(_overview(), end="")
        return 0
    word, *rest = arguments
    if word in ("--version", "-V", "version"):
        print(f"grit {__version__}")
        return 0
    command = COMMANDS.get(word)
    if command is None:
        near = difflib.get_close_matches(word, COMMANDS, n=1)
        hint = f"did you mean grit {near[0]}?" if near else f"known: {', '.join(COMMANDS)}"
        raise ConfigError(f"{word} is no command of grit; {hint} (grit --help)")
    if not command.is_shared and launched().size > 1:
        shared = ", ".join(word for word, each in COMMANDS.items() if each.is_shared)
        raise ConfigError(
            f"grit {word} runs in one process; start it without accelerate launch or torchrun "
            f"(several processes share {shared})"
        )
    return _load(command.target)(rest)


def _load(target: str) -> Callable[[list[str]], int]:
    """The function that a command's target names."""
    module, _, function = target.partition(":")
    run: Callable[[list[str]], int] = getattr(importlib.import_module(module), function)
    return run


def _overview() -> str:
    """The text of ``grit --help``."""
    left = {word: f"{word} {command.usage}".rstrip() for word, command in COMMANDS.items()}
    width = max(len(text) for text in left.values())
    lines = [f"  {left[word]:<{width}}   {COMMANDS[word].about}" for word in COMMANDS]
    return _OVERVIEW.format(version=__version__, commands="\n".join(lines))


def _code_of(error: GritError) -> int:
    if isinstance(error, StoppedBySignalError):
        return BY_SIGNAL + error.signal
    return _USER_ERROR if isinstance(error, ConfigError | DataError) else 1


def _exit_code(leaving: SystemExit) -> int:
    """What argparse, tyro or a command meant by leaving."""
    if leaving.code is None:
        return 0
    if isinstance(leaving.code, int):
        return leaving.code
    print(leaving.code, file=sys.stderr)
    return 1
