"""Find a user by the name or id an operator types."""

from uuid import UUID

from django.core.management.base import CommandError

from accounts.models import User


def find_user(name_or_id: str) -> User:
    """The user by name, else by id. Raises CommandError (exit code 2), whose message does not repeat the input."""
    user = User.objects.filter(username=name_or_id).first()
    if user is None:
        try:
            user = User.objects.filter(pk=UUID(name_or_id)).first()
        except ValueError:
            user = None
    if user is None:
        raise CommandError("no such user; enter a user name or a user id (not a pseudonym)", returncode=2)
    return user
