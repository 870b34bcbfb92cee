"""Pages of Settings -> Privacy. All work with plain forms; a script saves the toggle at once."""

import json
from datetime import UTC, date, datetime
from itertools import groupby
from typing import Any, cast

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.mixins import LoginRequiredMixin
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.utils.decorators import method_decorator
from django.utils.http import url_has_allowed_host_and_scheme
from django.views import View
from django.views.decorators.cache import cache_control, never_cache
from django.views.decorators.http import require_GET, require_POST

from privacy import api, choices
from privacy.api_shapes import ORGANIZATION_LIFTED, ORGANIZATION_OFF, LedgerLine
from privacy.choices import choose, note_notice_shown, pending_receipts, request_deletion
from privacy.context_processors import SHOWN, showing
from privacy.gate import decision_for
from privacy.kinds import digits
from privacy.looking import asks_not_to_be_tracked, is_looked_at
from privacy.models import ConsentEvent, OrganizationPolicy, Preference, Source
from privacy.notices import current_notice
from privacy.organizations import may_change, policy_of
from privacy.pages import render_page
from privacy.people import Person
from privacy.reach import Unreachable, telemetrys_database
from privacy.receipt_keys import published
from privacy.signals import privacy_page_used
from privacy.telemetry import NoCursor, NothingToDelete, telemetry

NO_VERSION = "version must be the number of the notice"
LARGEST_VERSION = 9_999_999
ROWS_A_PAGE = 10
EVENTS_A_PAGE = 10
CATEGORY_TITLES = {
    "user_activity": "What you do with your account",
    "endpoint_usage": "Which pages answer, and how quickly",
    "feature_usage": "Which features are used",
}


@method_decorator(never_cache, name="dispatch")
class PrivacyPage(LoginRequiredMixin, View):
    """State and reason, toggle, what is collected, preview, stored rows, history, deletion."""

    def get(self, request: HttpRequest) -> HttpResponse:
        person = _person(request)
        preference = Preference.objects.filter(pk=person.pk).first()
        decision = decision_for(person.pk)
        history = Paginator(
            ConsentEvent.objects.filter(user_id=person.pk).with_password_source(), EVENTS_A_PAGE
        ).get_page(request.GET.get("history"))
        wanted = preference.choice if preference and preference.choice is not None else decision.enabled
        context: dict[str, Any] = {
            "decision": decision,
            # The toggle shows the person's choice; the line below shows the effective decision.
            "wanted": wanted,
            "explanation": decision.beside_switch(wanted=wanted),
            "history": history,
            "history_lines": [
                LedgerLine(event, context={"person": person}).data | {"at": event.recorded_at} for event in history
            ],
            "collects": telemetry().collects,
            "policy": _policy_to_change(person),
        }
        if is_looked_at(request):
            privacy_page_used.send(sender=None, action="viewed")
        context |= _of_telemetry(person, request.GET.get("rows", ""))
        return render_page(request, "privacy/settings.html", context)


def _policy_to_change(person: Person) -> OrganizationPolicy | None:
    """The policy of the organization that the person administers."""
    policy = policy_of(person)
    return policy if policy is not None and may_change(person, policy) else None


def _of_telemetry(person: Person, cursor: str) -> dict[str, Any]:
    preview = telemetry().preview(person.pk)
    return {
        "declared": [
            (CATEGORY_TITLES.get(category, category), list(events))
            for category, events in groupby(telemetry().events(), key=lambda event: event.category)
        ],
        "preview": json.dumps(preview, indent=2),
        "preview_sentences": telemetry().preview_sentences(preview),
        **_of_the_rows(person, cursor),
    }


def _of_the_rows(person: Person, cursor: str) -> dict[str, Any]:
    """What is stored, and the receipts; `unreachable` where their database cannot be used now."""
    try:
        with telemetrys_database.using():
            stored = telemetry().stored(person.pk)
            try:
                page = telemetry().rows(person.pk, limit=ROWS_A_PAGE, cursor=cursor)
            except NoCursor:
                cursor, page = "", telemetry().rows(person.pk, limit=ROWS_A_PAGE)
            receipts = telemetry().receipts(person.pk)
    except Unreachable:
        return {"unreachable": True}
    return {
        "stored_here": stored.here,
        "total": stored.count,
        "days": _days([_shown_row(row) for row in page.rows]),
        "are_newest": not cursor,
        "older": page.next,
        "receipts": [*pending_receipts(person.pk, receipts), *receipts],
    }


def _shown_row(row: dict[str, Any]) -> dict[str, Any]:
    """A stored row for the page: its moment, its sentence, the request's endpoint, and the row itself as JSON."""
    return {
        "at": datetime.fromisoformat(row["timestamp"]),
        "sentence": telemetry().sentence(row),
        "request": f"{row['method']} {row['endpoint']}" if "endpoint" in row else "",
        "json": json.dumps({key: value for key, value in row.items() if value not in (None, {})}, indent=2),
    }


def _days(rows: list[dict[str, Any]]) -> list[tuple[date, list[dict[str, Any]]]]:
    """Shown rows by their UTC day, in their order."""
    return [(day, list(of_day)) for day, of_day in groupby(rows, key=lambda row: row["at"].astimezone(UTC).date())]


@require_POST
@login_required
def change_sharing(request: HttpRequest) -> HttpResponse:
    """Save the toggle's form: `sharing` is on or off."""
    wanted = request.POST.get("sharing")
    if wanted not in {"on", "off"}:
        return HttpResponseBadRequest("sharing must be on or off", content_type="text/plain")
    person = _person(request)
    decision = choose(person.pk, enabled=wanted == "on", source=Source.SETTINGS_PAGE, actor_id=person.pk)
    messages.success(request, api.message(decision, wanted=wanted == "on"))
    return redirect("privacy-settings")


@require_POST
@login_required
def change_organization_policy(request: HttpRequest) -> HttpResponse:
    """Save the organization's form: `policy` is off or lifted."""
    wanted = request.POST.get("policy")
    if wanted not in {"off", "lifted"}:
        return HttpResponseBadRequest("policy must be off or lifted", content_type="text/plain")
    person = _person(request)
    policy = _policy_to_change(person)
    if policy is None:
        raise PermissionDenied
    choices.set_organization_policy(
        policy.pk, sharing_off=wanted == "off", source=Source.SETTINGS_PAGE, actor_id=person.pk
    )
    messages.success(request, ORGANIZATION_OFF if wanted == "off" else ORGANIZATION_LIFTED)
    return redirect("privacy-settings")


@require_POST
@login_required
def dismiss_notice(request: HttpRequest) -> HttpResponse:
    """Handle the notice's buttons: dismiss notice `version`, and save the choice if `sharing` is on or off."""
    version = digits(request.POST.get("version", ""), 0, LARGEST_VERSION)
    wanted = request.POST.get("sharing")
    if version is None:
        return HttpResponseBadRequest(NO_VERSION, content_type="text/plain")
    if wanted not in {None, "on", "off"}:
        return HttpResponseBadRequest("sharing must be on or off", content_type="text/plain")
    person = _person(request)
    if wanted is not None:
        decision = choose(person.pk, enabled=wanted == "on", source=Source.NOTICE, actor_id=person.pk)
        messages.success(request, api.message(decision, wanted=wanted == "on"))
    choices.dismiss_notice(person.pk, version)
    here = request.POST.get("next", "")
    return redirect(here if url_has_allowed_host_and_scheme(here, allowed_hosts=None) else "/")


@require_POST
@login_required
def note_seen(request: HttpRequest) -> HttpResponse:
    """A prefetched page became visible: `page` is its name, `version` the notice on it, if any."""
    text = request.POST.get("version")
    version = None if text is None else digits(text, 0, LARGEST_VERSION)
    if text is not None and version is None:
        return HttpResponseBadRequest(NO_VERSION, content_type="text/plain")
    notice = current_notice()
    if notice is not None and version == notice.version:
        note_notice_shown(_person(request).pk, version, browser_signal=asks_not_to_be_tracked(request))
        request.session[SHOWN] = showing(version)
    if request.POST.get("page") == "privacy-settings":
        privacy_page_used.send(sender=None, action="viewed")
    return HttpResponse(status=204)


@require_GET
@login_required
@never_cache
def download_rows(request: HttpRequest) -> HttpResponseBase:
    privacy_page_used.send(sender=None, action="downloaded")
    try:
        return api.download(request, _person(request))
    except api.NotNow as error:
        return HttpResponse(str(error.detail), status=error.status_code, content_type="text/plain")


@require_GET
@cache_control(public=True, max_age=3600)
def receipt_keys(request: HttpRequest) -> JsonResponse:
    """The public keys of receipts, as a JSON Web Key Set."""
    return JsonResponse(published(), content_type="application/jwk-set+json")


@method_decorator(never_cache, name="dispatch")
class DeletePage(LoginRequiredMixin, View):
    """Confirmation page; its form deletes the person's data."""

    def get(self, request: HttpRequest) -> HttpResponse:
        if not telemetry().collects:
            return redirect("privacy-settings")
        try:
            with telemetrys_database.using():
                stored = telemetry().stored(_person(request).pk)
            context = {"stored_here": stored.here, "total": stored.count}
        except Unreachable:
            context = {"unreachable": True}
        return render_page(request, "privacy/delete.html", context)

    def post(self, request: HttpRequest) -> HttpResponse:
        person = _person(request)
        if not api.ErasureThrottle().allow_request(cast(Any, request), cast(Any, self)):
            return self._refused(request, "Too many deletions in the last hour. Please try again later.", 429)
        try:
            if request.POST.get("also_switch_off") == "on":
                choose(person.pk, enabled=False, source=Source.SETTINGS_PAGE, actor_id=person.pk)
            receipt = request_deletion(person.pk, source=Source.SETTINGS_PAGE, actor_id=person.pk)
        except NothingToDelete:
            return redirect("privacy-settings")
        except (DatabaseError, Unreachable):
            return self._refused(request, str(api.NotNow.default_detail), api.NotNow.status_code)
        messages.success(request, receipt.status)
        return redirect("privacy-settings")

    def _refused(self, request: HttpRequest, why: str, status: int) -> HttpResponse:
        return render_page(request, "privacy/delete.html", {"refused": why}, status=status)


def _person(request: HttpRequest) -> Person:
    return cast(Person, request.user)
