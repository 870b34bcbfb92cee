"""The time that telemetry adds to a request: our middleware and OpenTelemetry's for Django, with a null exporter.

Contenders answer the same requests through Django's handler with a trivial view, in turns. The cost is the time beyond
that of a handler without telemetry. The benchmark prints ratios of our cost to the stock instrumentor's. Only sending
is replaced by the null exporter: ours still reads consent from a real database in its own thread.
"""

import gc
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from statistics import median

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
django.setup()

# ruff: noqa: E402  Django's apps must be there before what is imported next
from django.core.handlers.base import BaseHandler
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory, override_settings
from django.test.utils import setup_databases, setup_test_environment, teardown_databases
from django.urls import path
from opentelemetry.instrumentation.django import DjangoInstrumentor
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

from accounts.models import User
from analytics.collect import hint, pipeline
from analytics.collect.transport import Send
from analytics.collect.transport.answers import Answer, Fate
from benchmarks._rounds import interleaved, print_ratio, ratio
from privacy import choices
from privacy.models import Source

REQUESTS = 2000
ROUNDS = 15
OURS = "analytics.collect.middleware.TelemetryMiddleware"
STOCK = "opentelemetry.instrumentation.django.middleware.otel_middleware._DjangoMiddleware"


class NullTransport:
    """Takes everything at once."""

    @contextmanager
    def connected(self, deadline: float) -> Iterator[Send]:
        yield lambda spans, still_permitted: Answer(Fate.TAKEN)

    def abort(self) -> None:
        """Nothing is held."""


class NullExporter(SpanExporter):
    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        return SpanExportResult.SUCCESS


def view(request: HttpRequest, number: int) -> HttpResponse:
    return HttpResponse("ok")


urlpatterns = [path("items/<int:number>/", view)]


def handler(*middleware: str) -> BaseHandler:
    with override_settings(MIDDLEWARE=list(middleware)):
        made = BaseHandler()
        made.load_middleware()
    return made


def contender(of: BaseHandler, user: User) -> Callable[[], float]:
    """CPU seconds a request of the thread that answers, of many in a row; making the requests is not counted.

    CPU and not wall time: other processes of the machine would otherwise outweigh microseconds.
    """

    def run() -> float:
        requests = [RequestFactory().get(f"/items/{number}/", {"q": "x"}) for number in range(REQUESTS)]
        for request in requests:
            request.user = user
        gc.collect()
        gc.disable()
        began = time.thread_time()
        for request in requests:
            of.get_response(request)
        took = (time.thread_time() - began) / REQUESTS
        gc.enable()
        # What was queued goes between the rounds, so that no contender pays for another's spans.
        running = pipeline.pipeline()
        if running is not None:
            running.flush()
        return took

    return run


def measure() -> None:
    sharing, refusing = User.objects.create_user("sharing"), User.objects.create_user("refusing")
    choices.choose(sharing.pk, enabled=True, source=Source.API, actor_id=sharing.pk)
    provider = TracerProvider(shutdown_on_exit=False)
    stock_queue = BatchSpanProcessor(NullExporter(), max_queue_size=REQUESTS * 2)
    provider.add_span_processor(stock_queue)
    DjangoInstrumentor().instrument(tracer_provider=provider)
    hint.LIFETIME_SECONDS = 3600.0  # so that the one who refuses stays known through a round
    with (
        override_settings(OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9", ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"]),
        pipeline.replaced(NullTransport, queue_capacity=REQUESTS * 2) as running,
    ):
        pipeline.hint.note([refusing.pk], read_at=time.monotonic())
        contenders = {
            "nothing": contender(handler(), sharing),
            "stock": contender(handler(STOCK), sharing),
            "consenting": contender(handler(OURS), sharing),
            "not consenting": contender(handler(OURS), refusing),
        }
        measured = interleaved(contenders, rounds=ROUNDS)
        running.flush()
    DjangoInstrumentor().uninstrument()
    stock_queue.shutdown()
    print(f"request overhead: {ROUNDS} rounds of {REQUESTS} requests each, medians;")
    print("  cost = CPU time of the request's thread, less that of no telemetry")
    nothing = median(measured["nothing"])
    for name in ("stock", "consenting", "not consenting"):
        cost = median(value - base for value, base in zip(measured[name], measured["nothing"], strict=True))
        print(f"  {name:<20} {cost * 1e6:8.1f} us a request more than {nothing * 1e6:.1f} us")
    print_ratio(
        "someone who consents, to the stock instrumentor",
        ratio(measured, "consenting", "stock", less="nothing"),
        "at most 0.25, aim 0.10",
    )
    print_ratio(
        "someone who does not consent, to the stock instrumentor",
        ratio(measured, "not consenting", "stock", less="nothing"),
        "at most 0.02, aim 0.01",
    )


def main() -> None:
    setup_test_environment()
    databases = setup_databases(verbosity=0, interactive=False, aliases=["default"])
    try:
        measure()
    finally:
        teardown_databases(databases, verbosity=0)


if __name__ == "__main__":
    main()
