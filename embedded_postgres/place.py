"""Directory of one embedded server, with its three lock files."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Place:
    """Directory of one server (`root`, absolute). All files in it belong to this package.

    The locks are `flock`s, which the kernel releases when their holders die, so no lock can be stale. They belong to
    the open file, which forked children share.
    """

    root: Path

    @property
    def data(self) -> Path:
        """The cluster. It is created under another name and then renamed, so it is always complete."""
        return self.root / "data"

    @property
    def run(self) -> Path:
        """Directory of the server's socket, or a link to it if this path is too long for a socket."""
        return self.root / "run"

    @property
    def log(self) -> Path:
        return self.root / "server.log"

    @property
    def password(self) -> Path:
        """Password of the application's role, created with the cluster, mode 600."""
        return self.root / "password"

    @property
    def url(self) -> Path:
        """Connection URL, mode 600; exists only while a server runs."""
        return self.root / "connection-url"

    @property
    def starting(self) -> Path:
        """Exclusive lock for finding, starting or stopping the server."""
        return self.root / "starting.lock"

    @property
    def users(self) -> Path:
        """Shared lock of every process that uses the server, until that process ends."""
        return self.root / "users.lock"

    @property
    def server(self) -> Path:
        """Exclusive lock of the supervisor and all processes of the server. If it is free, none of them is left."""
        return self.root / "server.lock"

    def make(self) -> None:
        """Create the directory if missing. Another user's server can enter it to reach `data`, but not list it."""
        if not self.root.is_dir():
            self.root.mkdir(mode=0o711, parents=True, exist_ok=True)

    def open_log(self) -> int:
        """A descriptor that appends to the log, mode 600."""
        return os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def write_private(self, path: Path, text: str) -> None:
        """Write `text` to `path` atomically, with mode 600 from the start."""
        draft = path.with_name(f"{path.name}.{os.getpid()}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
        draft.replace(path)


def open_lock(path: Path) -> int:
    """A descriptor for locking; closed in executed programs (Python's default), but not in forked children."""
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
    """Whether no process holds the lock at `path` now."""
    descriptor = open_lock(path)
    try:
        return lock_if_free(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def exclusively(path: Path, waiting: Callable[[str], None] = lambda holder: None) -> Iterator[None]:
    """Hold the lock at `path`. If another process holds it, call `waiting` with its name, such as "pid 123", and wait.

    The lock is released explicitly, because a child forked meanwhile may still have a copy of the descriptor.
    """
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
