"""Questions to a forked child."""

import os
from collections.abc import Callable


def in_a_child(question: Callable[[], object]) -> bool:
    """What `question()` is in a child forked now."""
    child = os.fork()
    if child == 0:
        code = 2
        try:
            code = 0 if question() else 1
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
