"""How an engine is tried in a stage, until it works or nothing is left to try."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Policy:
    """How hard a job tries.

    Args:
        retries: how often a stage is tried again after trouble that may have passed.
    """

    retries: int = 0


DEFAULT_POLICY = Policy()
