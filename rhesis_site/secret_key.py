"""A random secret key for an installation without SECRET_KEY.

It is created once and stored in a file that only its owner can read, so all processes of the installation share it.
Several machines need SECRET_KEY in the environment; `check --deploy` reports a missing one.
"""

import os
import secrets
from pathlib import Path


def local_secret_key(directory: Path) -> str:
    """The key in `directory`/secret_key, which is created if missing. Raises OSError if it cannot be written."""
    path = directory / "secret_key"
    directory.mkdir(exist_ok=True)
    if not path.exists():
        # Write to another name, then link: with several processes starting at once, the first one wins and none reads a
        # partial key.
        draft = directory / f".secret_key.{os.getpid()}"
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(64))
        try:
            os.link(draft, path)
        except FileExistsError:  # another process was first; use its key
            pass
        finally:
            draft.unlink()
    return path.read_text().strip()
