"""Every error that grit raises on purpose.

The tree::

    GritError
    ├── ConfigError            a recipe, a flag or a combination of them
    ├── DataError              a row or a file of samples
    │   └── PictureError       a picture that is missing, broken or too large
    ├── ModelError             a model folder, its tokenizer, processor or weights
    ├── SpaceMismatchError     boxes of two coordinate spaces in one computation
    ├── JudgeError             a judge that cannot be asked: its key, model, address or cache
    │   ├── JudgeOutageError   a judge's server that cannot be had, where that is to end things
    │   └── BudgetSpentError   a judge has cost what a run may spend on it
    ├── RewardError            a reward that cannot be found or breaks its protocol
    ├── RunFolderError         a run folder that is taken, torn, foreign or changed
    ├── CheckpointError        a checkpoint that cannot be written or read
    ├── OtherProcessError      another process of the same run that failed or is gone
    ├── EngineError            a rollout engine that cannot start, failed, died or hangs
    ├── MemoryLimitError       not even one completion fits into memory
    ├── StoppedBySignalError   a run that was asked to stop, with a checkpoint
    └── TrainingStoppedError   a run that stopped itself, with a checkpoint
        └── UnscoredRateError  too many completions could not be judged

Each message names the value and the next step; the command line prints it without a traceback.
"""

__all__ = [
    "BY_SIGNAL",
    "BudgetSpentError",
    "CheckpointError",
    "ConfigError",
    "DataError",
    "EngineError",
    "GritError",
    "JudgeError",
    "JudgeOutageError",
    "MemoryLimitError",
    "ModelError",
    "OtherProcessError",
    "PictureError",
    "RewardError",
    "RunFolderError",
    "SpaceMismatchError",
    "StoppedBySignalError",
    "TrainingStoppedError",
    "UnscoredRateError",
]


BY_SIGNAL = 128
"""What a shell adds to a signal's number in the exit code of a process that it stopped."""


class GritError(Exception):
    """The root: anything a user can act on."""


class ConfigError(GritError):
    """A recipe, a flag or their combination is wrong."""


class DataError(GritError):
    """A row or a file of samples is wrong; names file, line, value and fix."""


class PictureError(DataError):
    """A picture is missing, truncated, no picture at all, or too large."""


class ModelError(GritError):
    """A model folder cannot be used."""


class SpaceMismatchError(GritError):
    """Boxes of two coordinate spaces met in one computation."""


class JudgeError(GritError):
    """A judge cannot be asked; names the address or the file, and the fix. Never the key."""


class JudgeOutageError(JudgeError):
    """A judge's server cannot be had, after every try that it was to be given.

    Args:
        message: What it said, or did.
        is_busy: Whether it is well and only asks to be asked later.
    """

    def __init__(self, message: str, *, is_busy: bool = False) -> None:
        super().__init__(message)
        self.is_busy = is_busy


class BudgetSpentError(JudgeError):
    """A judge has cost what the recipe lets a run spend on it."""


class RewardError(GritError):
    """A reward cannot be found or broke its protocol."""


class RunFolderError(GritError):
    """A run folder is taken, torn, foreign, or made by another recipe."""


class CheckpointError(GritError):
    """A checkpoint cannot be written or read."""


class OtherProcessError(GritError):
    """Another process of the same run failed or is gone, and this one ends with it."""


class EngineError(GritError):
    """A rollout engine of another process cannot start, failed, died or does not answer."""


class MemoryLimitError(GritError):
    """Not even one completion fits into memory."""


class StoppedBySignalError(GritError):
    """A signal asked the run to stop; it finished its step and wrote a checkpoint.

    Args:
        message: How to go on.
        signal: The signal's number.
    """

    def __init__(self, message: str, signal: int) -> None:
        super().__init__(message)
        self.signal = signal


class TrainingStoppedError(GritError):
    """Training stopped itself; a checkpoint was written."""


class UnscoredRateError(TrainingStoppedError):
    """More completions than allowed could not be judged."""
