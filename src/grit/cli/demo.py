"""`grit demo`: teach the built-in model from its 20 triplets, and look at the difference."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from grit.cli.console import err, out, progress

__all__ = ["evaluation_bar", "no_bar", "run"]

_HELP = """\
usage: grit demo [--overwrite] [FLAGS]

Trains the built-in model by GRPO-GR on the built-in 20 triplets, asks it held-out questions
before and after, and writes runs/demo/report.html and runs/demo/summary.json. A second call
reopens the finished run, or goes on with an unfinished one.

  --overwrite            start anew
  --output FOLDER        run folder (runs/demo)
  --training.seed N      another seed; any other flag of grit train works too
  --evaluation.limit N   test questions of each task (300)
"""


def run(arguments: list[str]) -> int:
    """Run the demo, or reopen it."""
    if "--help" in arguments or "-h" in arguments:
        sys.stdout.write(_HELP)
        return 0
    overwrite = "--overwrite" in arguments
    flags = [word for word in arguments if word != "--overwrite"]

    from grit.app.demo import demo_recipe, run_demo
    from grit.cli.figures import figures_table
    from grit.cli.quiet import quiet_libraries
    from grit.cli.watching import TrainingProgress

    recipe = demo_recipe(flags)
    quiet_libraries()
    with TrainingProgress() as listener:
        demo = run_demo(recipe, listener, evaluation_bar, overwrite=overwrite)
    if demo.was_finished:
        err().print(f"{demo.folder.path} is finished; --overwrite runs it again", soft_wrap=True)
    out().print(figures_table(demo.summaries, title="held-out scenes, before and after"))
    out().print(
        f"{demo.train_seconds:.0f} s of training on 20 triplets\n"
        f"  the page      {demo.report}\n"
        f"  the figures   {demo.folder.summary}\n"
        f"  ask it        grit ask IMAGE QUESTION --model {demo.folder.path}",
        markup=False,
        soft_wrap=True,
    )
    return 0


@contextmanager
def evaluation_bar(title: str, total: int) -> Iterator[Callable[[int], None]]:
    """A progress bar for one evaluation; the function that it gives counts samples."""
    with progress(title, total) as advance:
        yield lambda number: advance(number)


@contextmanager
def no_bar(title: str, total: int) -> Iterator[Callable[[int], None]]:
    """For a process whose progress another one shows."""
    del title, total
    yield lambda _number: None
