"""The scope of a response whose body is produced while it is sent, which is after every middleware has returned.

The request's scope is entered for each part and left before the part is handed on, because a generator shares the
context of whoever iterates it. The server closes the response it sends, also after its client left. A middleware may
send another one with the same content, so the end is whichever comes first: content used up, or response closed.
"""

from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable, Iterable, Iterator
from typing import Any

from django.http import HttpRequest, StreamingHttpResponse

from analytics.collect.scope import enter, leave


def follow(request: HttpRequest, response: StreamingHttpResponse, closed: Callable[[], None]) -> None:
    """Produce and close `response` inside the scope of `request`; call `closed` once, at its end."""
    waiting = [closed]

    def end() -> None:
        while waiting:
            waiting.pop()()

    # A server sends a real file by itself (`wsgi.file_wrapper`), which content of ours would turn off.
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
    """Call `closed` after the server has closed `response`: once, however often it does."""
    close = response.close
    waiting = [closed]

    def close_and_report() -> None:
        # No cycle may be left: a view's generator that a client left would run on until the garbage is collected.
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
        # A client that goes away ends this generator at its `yield`; the view's own has to end in the scope as well.
        token = enter(request)
        try:
            if isinstance(parts, AsyncGenerator):
                await parts.aclose()
        finally:
            leave(token)
            end()
