"""What a person should be told about a run while there is time to stop it; each once."""

from __future__ import annotations

from collections.abc import Iterable

from grit.config.training import AlarmConfig
from grit.records.rows import AlarmRow, StepRow

__all__ = ["Alarms"]


class Alarms:
    """Sounds each kind of alarm once a run.

    Args:
        config: Where alarms start.
        sounded: Kinds that an earlier part of the run has sounded.
    """

    def __init__(self, config: AlarmConfig, sounded: Iterable[str] = ()) -> None:
        self._config = config
        self._sounded = set(sounded)

    def check(self, row: StepRow) -> list[AlarmRow]:
        """Alarms that a step gives cause for, and that have not sounded yet."""
        config = self._config
        kl = row.kl
        candidates = (
            (
                "zero_variance",
                row.zero_variance_share,
                config.zero_variance_share,
                "of the groups are paid alike and teach nothing: sample hotter or larger groups, "
                "or take harder questions",
            ),
            (
                "duplicates",
                row.duplicate_share,
                config.duplicate_share,
                "of the completions repeat another one of their group: raise rollout.temperature",
            ),
            (
                "cut_off",
                row.cut_off_share,
                config.cut_off_rate,
                "of the completions met the length limit: raise rollout.max_new_tokens, or set "
                "loss.mask_cut_off",
            ),
            (
                "unscored",
                row.unscored_share,
                config.unscored_rate,
                "of the completions could not be judged and teach nothing: look at the judge",
            ),
        )
        alarms = [
            AlarmRow(step=row.step, kind=kind, message=f"{share:.0%} {text}", value=share)
            for kind, share, limit, text in candidates
            if share is not None and share >= limit
        ]
        if kl is not None and kl > config.kl:
            alarms.append(
                AlarmRow(
                    step=row.step,
                    kind="kl",
                    message=f"the KL to the reference is {kl:.3g}, above {config.kl:g}: lower "
                    "optimizer.lr or raise loss.beta",
                    value=kl,
                )
            )
        fresh = [alarm for alarm in alarms if alarm.kind not in self._sounded]
        self._sounded.update(alarm.kind for alarm in fresh)
        return fresh
