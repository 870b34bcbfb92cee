"""URLs of the site."""

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import include, path
from drf_spectacular.views import SpectacularJSONAPIView


def healthz(request: HttpRequest) -> HttpResponse:
    """For load balancers: this process answers. It asks nothing of the database."""
    return HttpResponse("ok\n", content_type="text/plain")


handler500 = "rhesis_site.database_away.handler500"

urlpatterns = [
    path("healthz", healthz, name="healthz"),
    path("api/schema", SpectacularJSONAPIView.as_view(), name="api-schema"),
    path("", include("accounts.urls")),
    path("", include("privacy.urls")),
    path("", include("analytics.urls")),
    path("admin/", admin.site.urls),
]
