"""What `privacy` announces to apps that it may not import."""

from django.dispatch import Signal

# Sent after commit, in the process where it happened.
# Arguments: user_id (UUID; None when it concerns everyone), enabled (bool: the effective decision now).
consent_changed = Signal()

# Sent in the person's request, who has used Settings -> Privacy. Arguments: action (str, "viewed" or "downloaded").
privacy_page_used = Signal()
