"""How often the garbage collector looks: almost no object of ours is part of a cycle, and those are freed at once."""

import gc

COLLECT_AFTER = 20_000
"""Objects that are made before the garbage collector looks at them: 700 are Python's default, a few batches' worth."""

COLLECT_IMPORTS_AFTER = 200_000
"""The same at the start: what a command imports are up to 130,000 objects, and all of them stay."""


def spare_imports() -> None:
    """Let the collector not look while a command imports what it needs: that saves a tenth of the time of that."""
    gc.set_threshold(COLLECT_IMPORTS_AFTER)


def calm_collector() -> None:
    """Let the collector look less often, and at less: call it when all is imported.

    Imported objects stay to the end, so it need not visit them again and again (Python docs, `gc.freeze`): at full
    speed that saves a tenth of the time.
    """
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER)


def leave_everything() -> None:
    """Let the collector not look at the end of the process, when the system takes all memory back anyway.

    Without this the interpreter visits every object once more before it ends.
    """
    gc.freeze()
