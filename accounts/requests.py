"""The user of a request, if the request has loaded one already."""

from django.http import HttpRequest
from django.utils.functional import LazyObject, empty

from accounts.models import User


def resolved_user(request: HttpRequest) -> User | None:
    """The signed-in user, if this request has loaded it already; None otherwise, or if nobody is signed in.

    Never queries the database. The API's authentication sets token users on the request. A session user is a lazy
    object, which is used only if already evaluated.
    """
    state = request.__dict__
    user = state.get("user")
    if isinstance(user, LazyObject):
        user = user.__dict__.get("_wrapped")
    if user is None or user is empty:
        user = state.get("_cached_user") or state.get("_acached_user")
    return user if isinstance(user, User) else None
