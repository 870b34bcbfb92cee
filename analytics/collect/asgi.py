"""Under ASGI: sending what is queued when the server ends.

A WSGI server's process ends by way of `atexit`. Uvicorn finishes in good order too, but then ends its process by the
signal it was sent, and what was still queued would be lost. The server's lifespan protocol is told before that.
"""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from asgiref.sync import sync_to_async

from analytics.collect import ends

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Any, Any, Any], Awaitable[None]]


def with_lifespan(application: Application) -> Application:
    """`application`, which also answers `lifespan` (Django's own does not) and ends its telemetry in good order."""
    ends.hears_lifespan = True

    async def wrapped(scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            await application(scope, receive, send)
            return
        await receive()  # lifespan.startup: there is nothing to start before the first span
        await send({"type": "lifespan.startup.complete"})
        await receive()  # lifespan.shutdown
        await sync_to_async(ends.finish, thread_sensitive=False)()
        await send({"type": "lifespan.shutdown.complete"})

    return wrapped
