"""A Django project as small as can be, for the recipe of docs/connect.md: `python django_project.py PORT`."""

import sys
from wsgiref.simple_server import make_server

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse
from django.urls import path

settings.configure(ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"], SECRET_KEY="of a test", MIDDLEWARE=[])

import django_telemetry  # noqa: E402, F401  # as the document orders: settings, this, the application


def project(request: HttpRequest, project_id: int) -> HttpResponse:
    return HttpResponse("a project")


def broken(request: HttpRequest) -> HttpResponse:
    raise RuntimeError


urlpatterns = [path("projects/<int:project_id>", project), path("broken", broken)]

if __name__ == "__main__":
    make_server("127.0.0.1", int(sys.argv[1]), get_wsgi_application()).serve_forever()
