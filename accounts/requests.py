"""Who a request is of, as far as the site has found out already."""

from django.http import HttpRequest
from django.utils.functional import LazyObject, empty

from accounts.models import User


def resolved_user(request: HttpRequest) -> User | None:
    """The signed-in person, if something in this request already asked who it is; None otherwise, and if nobody is.

    Never asks the database. Token users are put on the request by the API's authentication; session users hide behind a
    lazy object, which is looked into only if it has been opened already.
    """
    state = request.__dict__
    user = state.get("user")
    if isinstance(user, LazyObject):
        user = user.__dict__.get("_wrapped")
    if user is None or user is empty:
        user = state.get("_cached_user") or state.get("_acached_user")
    return user if isinstance(user, User) else None
