"""Sends queued spans when an ASGI server ends.

A WSGI server's process ends through `atexit`. Uvicorn ends its process with the signal it received, without `atexit`,
so queued spans would be lost; its lifespan protocol announces the end before that.
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
    """`application` with support for `lifespan`, which Django's own lacks; sends queued spans at shutdown."""
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
