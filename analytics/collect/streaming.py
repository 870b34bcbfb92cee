"""Scope of a streaming response, whose body is produced after all middlewares have returned.

The request's scope is entered for each part and left before the part is yielded, because a generator runs in the
context of its caller. The server closes a response even if the client disconnects. A middleware may send another
response with the same content, so the end is the first of two events: content exhausted, or response closed.
"""

from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable, Iterable, Iterator
from typing import Any

from django.http import HttpRequest, StreamingHttpResponse

from analytics.collect.scope import enter, leave


def follow(request: HttpRequest, response: StreamingHttpResponse, closed: Callable[[], None]) -> None:
    """Produce and close `response` in the scope of `request`; call `closed` once at the end."""
    waiting = [closed]

    def end() -> None:
        while waiting:
            waiting.pop()()

    # Do not wrap a real file: the server then sends it itself (`wsgi.file_wrapper`).
    if not hasattr(getattr(response, "file_to_stream", None), "fileno"):
        content: Any = response.streaming_content
        response.streaming_content = (_async_parts if response.is_async else _parts)(request, content, end)
    close = response.close

    def close_in_scope() -> None:
        token = enter(request)
        try:
            close()
        finally:
            leave(token)

    vars(response)["close"] = close_in_scope
    when_closed(response, end)


def when_closed(response: StreamingHttpResponse, closed: Callable[[], None]) -> None:
    """Call `closed` once, after the server has closed `response`."""
    close = response.close
    waiting = [closed]

    def close_and_report() -> None:
        # Break the reference cycle; otherwise an abandoned generator lives until garbage collection.
        vars(response).pop("close", None)
        try:
            close()
        finally:
            while waiting:
                waiting.pop()()

    vars(response)["close"] = close_and_report


def _parts(request: HttpRequest, content: Iterable[bytes], end: Callable[[], None]) -> Iterator[bytes]:
    parts = iter(content)
    try:
        while True:
            token = enter(request)
            try:
                part = next(parts)
            except StopIteration:
                return
            finally:
                leave(token)
            yield part
    finally:
        end()


async def _async_parts(
    request: HttpRequest, content: AsyncIterable[bytes], end: Callable[[], None]
) -> AsyncIterator[bytes]:
    parts = aiter(content)
    try:
        while True:
            token = enter(request)
            try:
                part = await anext(parts)
            except StopAsyncIteration:
                return
            finally:
                leave(token)
            yield part
    finally:
        # If the client disconnects, this generator ends at its `yield`; the view's must also end in the scope.
        token = enter(request)
        try:
            if isinstance(parts, AsyncGenerator):
                await parts.aclose()
        finally:
            leave(token)
            end()
