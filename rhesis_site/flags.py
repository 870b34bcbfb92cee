"""A yes or a no as it is written in the environment. Needs nothing that is installed, because `dev.py` asks too."""

YES, NO = frozenset({"1", "true", "yes", "on"}), frozenset({"0", "false", "no", "off"})


def flag(word: str, *, default: bool) -> bool:
    """What the word says; `default` for none. Raises ValueError for any other word."""
    word = word.strip().lower()
    if word in YES | NO:
        return word in YES
    if word:
        raise ValueError("must be true or false")
    return default
