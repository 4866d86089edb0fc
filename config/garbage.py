"""What a server or a worker has loaded at its start, kept out of the search for garbage."""

from __future__ import annotations

import gc


def keep_what_is_loaded() -> None:
    """What is loaded by now stays: some three hundred thousand objects. To look through them time and again would hold
    up all threads of the process for a quarter of a second; and where processes fork, each would come to a copy."""
    gc.collect()
    gc.freeze()
