"""Where one embedded server lives, and the three locks that say who is there."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Place:
    """The directory of one server (`root`, absolute). Everything in it belongs to this package.

    The locks are `flock`s: the kernel drops them when their holders die, whatever killed them, so no lock
    can be stale. They travel with the open file, hence also to forked children.
    """

    root: Path

    @property
    def data(self) -> Path:
        """The cluster. It appears complete or not at all: it is made under another name first."""
        return self.root / "data"

    @property
    def run(self) -> Path:
        """The directory of the server's socket, or a link to it where this path is too long for a socket."""
        return self.root / "run"

    @property
    def log(self) -> Path:
        return self.root / "server.log"

    @property
    def password(self) -> Path:
        """The application role's password, made with the cluster, mode 600."""
        return self.root / "password"

    @property
    def url(self) -> Path:
        """The connection URL, mode 600; there only while a server is."""
        return self.root / "connection-url"

    @property
    def starting(self) -> Path:
        """Lock, exclusive: somebody is finding, starting or stopping the server."""
        return self.root / "starting.lock"

    @property
    def users(self) -> Path:
        """Lock, shared: held by every process that uses the server, for as long as it lives."""
        return self.root / "users.lock"

    @property
    def server(self) -> Path:
        """Lock, exclusive: held by the supervisor and, through it, by every process of the server itself.
        Free means that none of them is left, which no pid file can promise."""
        return self.root / "server.lock"

    def make(self) -> None:
        """Make the directory if need be. Enterable, because the server may run as somebody else and must
        reach `data`; not listable; and every file in it has its own mode."""
        if not self.root.is_dir():
            self.root.mkdir(mode=0o711, parents=True, exist_ok=True)

    def open_log(self) -> int:
        """A descriptor that appends to the log, which is for its owner's eyes: it quotes failed statements."""
        return os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def write_private(self, path: Path, text: str) -> None:
        """Put `text` at `path`, mode 600 from its first moment, whole or not at all."""
        draft = path.with_name(f"{path.name}.{os.getpid()}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
        draft.replace(path)


def open_lock(path: Path) -> int:
    """A descriptor to lock, closed in programs we execute (Python's default) but not in forked children."""
    return os.open(path, os.O_RDWR | os.O_CREAT, 0o600)


def lock(descriptor: int, *, shared: bool = False) -> None:
    fcntl.flock(descriptor, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)


def unlock(descriptor: int) -> None:
    fcntl.flock(descriptor, fcntl.LOCK_UN)


def lock_if_free(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def is_free(path: Path) -> bool:
    """Whether nobody holds the lock at `path` right now."""
    descriptor = open_lock(path)
    try:
        return lock_if_free(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def exclusively(path: Path, waiting: Callable[[str], None] = lambda holder: None) -> Iterator[None]:
    """Hold the lock at `path`. Where somebody else holds it, call `waiting` with that process, as "pid 123", and wait.

    Unlocked explicitly, not just closed: a thread may fork in the meantime, and the child's copy of the descriptor
    would keep it."""
    descriptor = open_lock(path)
    try:
        if not lock_if_free(descriptor):
            waiting(f"pid {os.pread(descriptor, 20, 0).decode().strip() or 'unknown'}")
            lock(descriptor)
        try:
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, str(os.getpid()).encode(), 0)
            yield
        finally:
            unlock(descriptor)
    finally:
        os.close(descriptor)
