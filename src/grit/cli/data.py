"""`grit data`: look after files of samples."""

from __future__ import annotations

import tyro

from grit.cli.data_check import CheckCommand, check
from grit.cli.data_prepare import PrepareCommand, prepare_set
from grit.cli.data_stats import StatsCommand, stats

__all__ = ["run"]


def run(arguments: list[str]) -> int:
    """Run `grit data ARGUMENTS`.

    Args:
        arguments: What follows `grit data` on the command line.

    Returns:
        The exit status.

    Raises:
        DataError: If a file cannot be read at all, or a set cannot be prepared.
    """
    command = tyro.extras.subcommand_cli_from_dict(
        {"prepare": PrepareCommand, "check": CheckCommand, "stats": StatsCommand},
        prog="grit data",
        description="Prepare benchmarks, check files of samples, say what is in them.",
        args=arguments,
        config=(tyro.conf.FlagCreatePairsOff,),
    )
    match command:
        case PrepareCommand():
            return prepare_set(command)
        case StatsCommand():
            return stats(command)
        case _:
            return check(command)
