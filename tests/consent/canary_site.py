"""Pages for the canary sweep: they put what they are given wherever an application might."""

import logging

from django import forms
from django.core.exceptions import SuspiciousOperation
from django.http import HttpRequest, HttpResponse
from django.urls import include, path
from django.views.decorators.csrf import csrf_exempt

from analytics import track_feature_usage, track_user_activity

logger = logging.getLogger("an.application")


class NumberForm(forms.Form):
    number = forms.IntegerField()


@csrf_exempt
def takes_anything(request: HttpRequest, name: str) -> HttpResponse:
    """A form with an error that quotes, an uploaded file, and events with whatever was typed."""
    str(request.user)
    typed = request.POST.get("typed", "")
    form = NumberForm({"number": typed})
    values: list[object] = [typed, [typed], {"a": typed}, typed.encode(), {typed: 1}, float("nan"), 10**30]
    for value in values:
        track_feature_usage("test_run", "created", test_count=value)
        track_feature_usage("test_run", "created", duration_s=value)
        track_feature_usage("test_set", "created", generated=value)
        track_user_activity("login", method=value)
        track_user_activity(typed, session_id=typed)
        track_feature_usage(typed, typed, **{typed: value})
    # What may go out of this is a pseudonym.
    track_feature_usage("test_run", "viewed", test_id=typed, test_count=1)
    track_user_activity("login", session_id=typed, method="password")
    uploaded = [file.name for file in request.FILES.values()]
    return HttpResponse(f"{form.errors} {uploaded}", content_type="text/plain")


def breaks(request: HttpRequest, name: str) -> HttpResponse:
    """An exception whose message, cause and locals all hold what the client sent."""
    str(request.user)
    local_variable = request.GET.get("q", "")
    try:
        raise KeyError(local_variable)
    except KeyError as error:
        raise RuntimeError(f"could not do {name} {local_variable} {request.headers}") from error


def is_suspicious(request: HttpRequest, name: str) -> HttpResponse:
    str(request.user)
    raise SuspiciousOperation(f"{name} {request.GET}")


def logs_an_exception(request: HttpRequest, name: str) -> HttpResponse:
    """As careful applications do: with logger.exception."""
    str(request.user)
    try:
        int(name)
    except ValueError as error:
        logger.exception("Something went wrong")
        logger.warning("It was %s", error)
    return HttpResponse("ok")


urlpatterns = [
    path("anything/<str:name>/", takes_anything),
    path("breaks/<str:name>/", breaks),
    path("suspicious/<str:name>/", is_suspicious),
    path("logs/<str:name>/", logs_an_exception),
    path("", include("rhesis_site.urls")),
]
