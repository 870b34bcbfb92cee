"""Whether gevent has replaced the threads of this process by greenlets."""

import sys


def runs_on_gevent() -> bool:
    """Whether `gevent.monkey.patch_all()` was called, as in gunicorn's gevent worker. One blocked call blocks all."""
    monkey = sys.modules.get("gevent.monkey")
    return monkey is not None and bool(monkey.is_module_patched("threading"))
