"""Signals that `privacy` sends to apps it must not import."""

from django.dispatch import Signal

# A person's effective decision, or the lock, changed. Sent after commit, in the process that made the change.
# Arguments: user_id (the account's key; None when it concerns everyone), enabled (bool: the effective decision now).
consent_changed = Signal()

# Sent in the person's request, who has used Settings -> Privacy. Arguments: action (str, "viewed" or "downloaded").
privacy_page_used = Signal()
