"""Routes of a project's own URLconf: both ways they are sent, and nothing that is only like one of them."""

from django.conf.urls.i18n import i18n_patterns
from django.http import HttpRequest, HttpResponse
from django.urls import include, path, re_path, resolve
from pytest_django import Settings

from analytics.routes.project import project_routes


def view(request: HttpRequest) -> HttpResponse:
    return HttpResponse()


INNER = [re_path(r"^zweige/(?:alle/)?$", view), re_path(r"blätter/?$", view), path("<int:wurzel>/wuchs", view)]
urlpatterns = [
    path("wo?wann", view),  # a path with a query, as far as anybody can tell
    path("baumschule/", include(INNER)),
    re_path(r"^gehölz/", include(INNER)),
    re_path(r"^(?P<art>eiche|buche)\.(?P<format>[a-z]+)$", view),
    *i18n_patterns(path("setzlinge/", view)),
]


def test_every_route_is_known_as_django_resolves_it(settings: Settings) -> None:
    settings.ROOT_URLCONF = __name__
    paths = ("/baumschule/zweige/alle/", "/baumschule/blätter", "/baumschule/7/wuchs", "/gehölz/zweige/", "/eiche.json")

    known = project_routes()

    assert "wo?wann" in known
    assert all(resolve(each).route in known for each in (*paths, "/en/setzlinge/"))
    assert {"/baumschule/{wurzel}/wuchs", "/{art}.{format}", "/de/setzlinge/", "/setzlinge/"} <= known


def test_a_path_of_such_a_route_is_not_one(settings: Settings) -> None:
    settings.ROOT_URLCONF = __name__

    assert not project_routes() & {"/baumschule/7/wuchs", "/eiche.json", "/baumschule", "/baumschule/zweige/jane"}


def test_another_urlconf_has_other_routes(settings: Settings) -> None:
    ours = project_routes()
    settings.ROOT_URLCONF = __name__

    assert "/settings/privacy/sharing/" in ours
    assert "/settings/privacy/sharing/" not in project_routes()
