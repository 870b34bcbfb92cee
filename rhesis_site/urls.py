"""URLs of the site."""

from django.contrib import admin
from django.urls import include, path
from drf_spectacular.views import SpectacularJSONAPIView

from rhesis_site.api_docs import api_docs
from rhesis_site.health import healthz, readyz

handler500 = "rhesis_site.database_away.handler500"

urlpatterns = [
    path("healthz", healthz, name="healthz"),
    path("readyz", readyz, name="readyz"),
    path("api/schema", SpectacularJSONAPIView.as_view(), name="api-schema"),
    path("api/docs", api_docs, name="api-docs"),
    path("", include("accounts.urls")),
    path("", include("privacy.urls")),
    path("", include("analytics.urls")),
    path("admin/", admin.site.urls),
]
