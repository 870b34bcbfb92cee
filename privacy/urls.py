"""URLs of Settings -> Privacy and of its API."""

from django.urls import path

from privacy import api, services, views
from privacy.transactions import without_atomic_requests

urlpatterns = without_atomic_requests(
    [
        path("settings/privacy/", views.PrivacyPage.as_view(), name="privacy-settings"),
        path("settings/privacy/sharing/", views.change_sharing, name="privacy-sharing"),
        path("settings/privacy/notice/", views.dismiss_notice, name="privacy-notice-dismiss"),
        path("settings/privacy/seen/", views.note_seen, name="privacy-seen"),
        path("settings/privacy/download/", views.download_rows, name="privacy-download"),
        path("settings/privacy/delete/", views.DeletePage.as_view(), name="privacy-delete"),
        path("settings/privacy/organization/", views.change_organization_policy, name="privacy-organization"),
        path("api/users/telemetry/status", api.Status.as_view(), name="telemetry-status"),
        path("api/users/telemetry/enable", api.Enable.as_view(), name="telemetry-enable"),
        path("api/users/telemetry/disable", api.Disable.as_view(), name="telemetry-disable"),
        path("api/users/telemetry/preview", api.Preview.as_view(), name="telemetry-preview"),
        path("api/users/telemetry/history", api.History.as_view(), name="telemetry-history"),
        path("api/users/telemetry/history/<str:event>/receipt", api.HistoryReceipt.as_view(), name="telemetry-receipt"),
        path("api/users/telemetry/data", api.Data.as_view(), name="telemetry-data"),
        path("api/users/telemetry/erasures", api.Erasures.as_view(), name="telemetry-erasures"),
        path("api/telemetry/decision", services.Decision.as_view(), name="telemetry-decision"),
        path(".well-known/consent-receipt-keys", views.receipt_keys, name="consent-receipt-keys"),
        path(
            "api/organization/telemetry-policy",
            api.OrganizationTelemetryPolicy.as_view(),
            name="organization-telemetry-policy",
        ),
    ]
)
