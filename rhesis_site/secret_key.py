"""A secret key for an installation that was not given one.

Random, made once, kept in a file only its owner can read: every process of the installation finds the same key, and
no two installations share one. Several machines need SECRET_KEY in the environment instead; `check --deploy` says so.
"""

import os
import secrets
from pathlib import Path


def local_secret_key(directory: Path) -> str:
    """The key in `directory`/secret_key, made first if there is none.

    Raises OSError if the directory cannot be written: without a key there must be no site.
    """
    path = directory / "secret_key"
    directory.mkdir(exist_ok=True)
    if not path.exists():
        # Written whole under another name and linked into place, so that of several processes starting at once
        # one wins and none ever reads half a key.
        draft = directory / f".secret_key.{os.getpid()}"
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(64))
        try:
            os.link(draft, path)
        except FileExistsError:  # another process was first; its key is the key
            pass
        finally:
            draft.unlink()
    return path.read_text().strip()
