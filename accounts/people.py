"""Finding a person by what an operator types."""

from uuid import UUID

from django.core.management.base import CommandError

from accounts.models import User


def find_user(word: str) -> User:
    """By user name, else by id. Raises CommandError (exit code 2), which does not repeat the word."""
    user = User.objects.filter(username=word).first()
    if user is None:
        try:
            user = User.objects.filter(pk=UUID(word)).first()
        except ValueError:
            user = None
    if user is None:
        raise CommandError(
            "there is no such person; give a user name or a user id (a pseudonym is neither)", returncode=2
        )
    return user
