"""`grit doctor [FILES] [FLAGS]`: what this machine lacks for a recipe, with the fix."""

from __future__ import annotations

from grit.cli.console import out
from grit.config.compose import load_recipe, split_arguments
from grit.processes.launch import launched

__all__ = ["run"]

_ABOUT = (
    "Check this machine for a recipe: torch, device, processes, number format, attention, image "
    "backend, model folder, memory, disk and judge. FILES and flags are those of grit train; "
    "without any, the built-in model is checked for. Ends with 1 when something is broken."
)


def run(arguments: list[str]) -> int:
    """Examine; 1 when something is broken."""
    files, flags = split_arguments(arguments)
    recipe = load_recipe(files, flags, prog="grit doctor [FILES]", description=_ABOUT)

    from grit.app.doctor import State, examine
    from grit.cli.quiet import quiet_libraries

    quiet_libraries()
    if launched().rank > 0:
        return 0  # The first process says it for all.
    findings = examine(recipe)
    width = max(len(finding.subject) for finding in findings)
    for finding in findings:
        line = f"{finding.state:<7} {finding.subject:<{width}}  {finding.detail}"
        out().print(line, markup=False, soft_wrap=True)
        if finding.fix:
            out().print(f"{'':<{width + 10}}fix: {finding.fix}", markup=False, soft_wrap=True)
    broken = sum(finding.state is State.BROKEN for finding in findings)
    out().print(f"{broken} broken" if broken else "nothing is broken", markup=False)
    return 1 if broken else 0
