"""Admin pages of consent: people with their decisions, the ledger, notices, the lock and the access log."""

from typing import Any, ClassVar, Literal

from django.contrib import admin, messages
from django.contrib.admin.views.main import ChangeList
from django.contrib.auth import get_user_model
from django.db import DatabaseError
from django.db.models import Q, QuerySet
from django.forms import ModelForm
from django.http import HttpRequest

from privacy.choices import choose, publish_notice, request_deletion, set_lock
from privacy.confirmed_admin import AsksFirst, Consequence
from privacy.consent import Decision
from privacy.gate import NOBODY, decision_for, decisions_for, number_sharing
from privacy.keys import Key
from privacy.labels import label_of
from privacy.models import (
    AccessEvent,
    ConsentEvent,
    InstallationControl,
    OrganizationPolicy,
    Preference,
    PrivacyNotice,
    Right,
    ServiceToken,
    Source,
    person_or_none,
)
from privacy.people import Person, active_people, key_of
from privacy.recorded_admin import CsvExport, NamesPeople, NothingByHand
from privacy.services import new_token
from privacy.telemetry import NothingToDelete, telemetry


class DecisionsAtOnce(ChangeList):
    """A list of people or preferences that reads all effective decisions in one query."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        shown: list[Any] = list(self.result_list)
        decisions = decisions_for(row.pk for row in shown)
        for row in shown:
            row.decision = decisions.get(row.pk, NOBODY)
        self.result_list = shown


class WithDecision:
    """Mixin for rows keyed by person: a column with the effective decision and its reason."""

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return DecisionsAtOnce

    @admin.display(description="Usage data")
    def effective_decision(self, row: Person | Preference) -> str:
        decision: Decision = getattr(row, "decision", None) or decision_for(row.pk)
        return decision.explanation


def _names_of(relation: str) -> tuple[str, ...]:
    """Fields to search a related user by: the name to sign in with, and the e-mail address."""
    model = get_user_model()
    email = model.get_email_field_name()
    there = {field.name for field in model._meta.get_fields()}
    return tuple(f"{relation}__{name}" for name in dict.fromkeys((model.USERNAME_FIELD, email)) if name in there)


def _people(number: int) -> str:
    return f"{number} {'person' if number == 1 else 'people'}"


def switch_off(request: HttpRequest, people: QuerySet[Any]) -> None:
    """Switch sharing off for `people`, rows keyed by person; the ledger names the member of staff."""
    already = set(Preference.objects.filter(choice=False, pk__in=people.values("pk")).values_list("pk", flat=True))
    changing = [pk for pk in people.values_list("pk", flat=True) if pk not in already]
    for pk in changing:
        choose(pk, enabled=False, source=Source.ADMIN, actor_id=request.user.pk)
    messages.success(request, f"Sharing switched off for {_people(len(changing))}.")


class WithPrivacy(NamesPeople, WithDecision):
    """Mixin for the admin of the project's user model, before its base class: decision, deletions and two actions.

    Staff can switch sharing off and delete telemetry. The admin adds `privacy_fields` to its fieldsets and read-only
    fields, and `privacy_actions` to its actions.
    """

    privacy_fields = ("effective_decision", "deletions")
    privacy_actions = ("switch_off", "delete_telemetry")

    def person_of(self, row: Person) -> Key:
        person: Key = row.pk
        return person

    @admin.display(description="Deletions")
    def deletions(self, person: Person) -> str:
        """The receipts shown under Settings -> Privacy; they hold no pseudonym."""
        receipts = telemetry().receipts(person.pk) if person.pk else []
        lines = (f"{each.requested_at:%Y-%m-%d %H:%M} UTC, receipt {each.id}: {each.status}" for each in receipts)
        return "\n".join(lines) or "None requested."

    def has_switch_off_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(f"{label_of('privacy')}.change_preference")

    @admin.action(description="Switch sharing of usage data off", permissions=["switch_off"])
    def switch_off(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        switch_off(request, queryset)

    @admin.action(description="Delete collected usage data", permissions=["switch_off"])
    def delete_telemetry(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        done = 0
        try:
            for pk in queryset.values_list("pk", flat=True):
                request_deletion(pk, source=Source.ADMIN, actor_id=request.user.pk)
                done += 1
        except NothingToDelete:
            messages.warning(request, "This site collects nothing, so there is nothing to delete.")
            return
        except DatabaseError:
            messages.error(
                request, f"The database failed after deleting for {_people(done)}. Please try again for the others."
            )
            return
        messages.success(request, f"Deletion requested for {_people(done)}. See Erasures for the receipts.")

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Allow deleting a person although nobody may delete a preference by itself."""
        to_delete, counts, perms_needed, protected = super().get_deleted_objects(objs, request)  # type: ignore[misc]
        perms_needed.discard(str(Preference._meta.verbose_name))
        return to_delete, counts, perms_needed, protected


@admin.register(Preference)
class PreferenceAdmin(NamesPeople, WithDecision, NothingByHand, admin.ModelAdmin[Preference]):
    list_display = ("user", "effective_decision", "choice", "chosen_at", "notice_version")
    list_filter = ("choice", "notice_version")
    list_select_related = ("user",)
    search_fields = _names_of("user")
    search_help_text = "User name, e-mail address or complete id"
    readonly_fields = ("effective_decision",)
    actions = ("switch_off",)

    def person_of(self, row: Preference) -> Key:
        return row.user_id

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Preference], search_term: str
    ) -> tuple[QuerySet[Preference], bool]:
        by_name, may_repeat = super().get_search_results(request, queryset, search_term)
        if (wanted := key_of(search_term.strip())) is None:
            return by_name, may_repeat
        return queryset.filter(Q(pk=wanted) | Q(pk__in=by_name.values("pk"))), False

    def has_switch_off_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(f"{label_of('privacy')}.change_preference")

    @admin.action(description="Switch sharing off for these people", permissions=["switch_off"])
    def switch_off(self, request: HttpRequest, queryset: QuerySet[Preference]) -> None:
        switch_off(request, queryset)


def _name(event: ConsentEvent | AccessEvent, relation: Literal["user", "actor", "about"], nobody: str) -> str:
    """The user name; the id if the account was deleted; `nobody` if the event names no one."""
    identifier: Key | None = getattr(event, f"{relation}_id")
    if identifier is None:
        return nobody
    person = person_or_none(event, relation)
    return person.get_username() if person else f"{identifier} (account deleted)"


def _whose(event: ConsentEvent) -> str:
    organization = event.organization_id
    return _name(event, "user", f"organization {organization}" if organization else "the installation")


def _by(event: ConsentEvent | AccessEvent) -> str:
    return _name(event, "actor", "a service" if isinstance(event, AccessEvent) else "the system")


class LedgerAdmin(CsvExport, NothingByHand, admin.ModelAdmin[Any]):
    """Append-only lines about people and by people. Either account may have been deleted."""

    date_hierarchy = "recorded_at"
    search_help_text = "User name, e-mail address or complete id, also of a deleted account"
    about: ClassVar[Literal["user", "about"]]

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        by_name, may_repeat = super().get_search_results(request, queryset, search_term)
        if (wanted := key_of(search_term.strip())) is None:
            return by_name, may_repeat
        found = Q(**{f"{self.about}_id": wanted}) | Q(actor_id=wanted) | Q(pk__in=by_name.values("pk"))
        return queryset.filter(found), False


@admin.register(ConsentEvent)
class ConsentEventAdmin(LedgerAdmin):
    list_display = ("recorded_at", "action", "whose", "by", "source", "notice_version", "password_by_staff")
    list_filter = ("action", "source", "notice_version")
    search_fields = (*_names_of("user"), "organization_id")
    # `whose` instead of `user`: a line outlives the account.
    fields = ("recorded_at", "action", "whose", "by", "source", "notice_version", "password_by_staff")
    readonly_fields = ("whose", "by", "password_by_staff")
    list_select_related = ("user", "actor")
    about = "user"
    export_columns = {
        "recorded_at": lambda event: event.recorded_at.isoformat(),
        "action": lambda event: event.action,
        "about": _whose,
        "about_id": lambda event: event.user_id,
        "by": _by,
        "by_id": lambda event: event.actor_id,
        "source": lambda event: event.source,
        "notice_version": lambda event: event.notice_version,
        "organization_id": lambda event: event.organization_id,
    }

    def person_of(self, row: ConsentEvent) -> Key | None:
        return row.user_id

    def get_queryset(self, request: HttpRequest) -> QuerySet[ConsentEvent]:
        return ConsentEvent.objects.with_password_source()

    @admin.display(description="Password set by staff", boolean=True)
    def password_by_staff(self, event: ConsentEvent) -> bool:
        return event.password_known_to_staff

    @admin.display(description="About")
    def whose(self, event: ConsentEvent) -> str:
        return _whose(event)

    @admin.display(description="By")
    def by(self, event: ConsentEvent) -> str:
        return _by(event)


@admin.register(AccessEvent)
class AccessEventAdmin(LedgerAdmin):
    """The access log. Viewing it is recorded too."""

    list_display = ("recorded_at", "by", "access", "what", "whose", "lines")
    list_filter = ("access", "what")
    search_fields = (*_names_of("actor"), *_names_of("about"))
    fields = ("recorded_at", "by", "access", "what", "whose", "lines")
    readonly_fields = ("whose", "by")
    list_select_related = ("actor", "about")
    about = "about"
    export_columns = {
        "recorded_at": lambda event: event.recorded_at.isoformat(),
        "by": _by,
        "by_id": lambda event: event.actor_id,
        "access": lambda event: event.access,
        "what": lambda event: event.what,
        "about": lambda event: _name(event, "about", ""),
        "about_id": lambda event: event.about_id,
        "lines": lambda event: event.lines,
    }

    @admin.display(description="About")
    def whose(self, event: AccessEvent) -> str:
        return _name(event, "about", "")

    @admin.display(description="By")
    def by(self, event: AccessEvent) -> str:
        return _by(event)


@admin.register(PrivacyNotice)
class PrivacyNoticeAdmin(AsksFirst):
    """Adding a notice publishes it. A published notice was shown to people and cannot be changed."""

    list_display = ("version", "title", "published_at", "published_by")
    fields = ("title", "body")

    def get_fields(self, request: HttpRequest, obj: PrivacyNotice | None = None) -> Any:
        return self.fields if obj is None else ("version", "title", "body", "published_at", "published_by")

    def has_change_permission(self, request: HttpRequest, obj: PrivacyNotice | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: PrivacyNotice | None = None) -> bool:
        return False

    def consequence(self, changed: PrivacyNotice) -> Consequence:
        people = active_people().count()
        return Consequence(
            f"Ask {_people(people)} again?",
            (
                f"{_people(people)} will be shown this notice at the next visit, and asked again.",
                "Choices that were made before stay as they are.",
                "A published notice cannot be changed or withdrawn. A newer one can replace it.",
            ),
            "Publish the notice",
        )

    def save_model(
        self, request: HttpRequest, obj: PrivacyNotice, form: ModelForm[PrivacyNotice], change: bool
    ) -> None:
        published = publish_notice(title=obj.title, body=obj.body, actor_id=request.user.pk)
        obj.__dict__.update(published.__dict__)


@admin.register(InstallationControl)
class InstallationControlAdmin(AsksFirst):
    list_display = ("__str__", "locked", "changed_at")
    list_display_links = ("__str__",)
    fields = ("locked", "changed_at")
    readonly_fields = ("changed_at",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: InstallationControl | None = None) -> bool:
        return False

    def consequence(self, changed: InstallationControl) -> Consequence:
        people = _people(number_sharing(locked=False))
        if changed.locked:
            return Consequence(
                f"Switch {people} off?",
                (
                    f"Usage of {people} is collected now. Once you confirm, nothing is collected from anyone.",
                    "Choices stay stored, and take effect again when you lift the lock.",
                    "What was collected before stays stored.",
                ),
                "Stop collecting for everyone",
            )
        return Consequence(
            f"Collect from {people} again?",
            (f"Collecting starts again for {people}: those who chose to share, or share by default.",),
            "Collect again",
        )

    def save_model(
        self, request: HttpRequest, obj: InstallationControl, form: ModelForm[InstallationControl], change: bool
    ) -> None:
        set_lock(locked=obj.locked, source=Source.ADMIN, actor_id=request.user.pk)


@admin.register(OrganizationPolicy)
class OrganizationPolicyAdmin(NothingByHand, admin.ModelAdmin[OrganizationPolicy]):
    """Policies, which only the organizations' administrators change. The ledger names who did."""

    list_display = ("organization_id", "sharing_off", "changed_at")
    list_filter = ("sharing_off",)
    search_fields = ("organization_id",)


@admin.register(ServiceToken)
class ServiceTokenAdmin(admin.ModelAdmin[ServiceToken]):
    """Tokens of other services. A new one is shown once; deleting it revokes it."""

    list_display = ("name", "right", "created_at")
    readonly_fields = ("created_at",)

    def get_fields(self, request: HttpRequest, obj: ServiceToken | None = None) -> tuple[str, ...]:
        return ("name", "right") if obj is None else ("name", "right", "created_at")

    def formfield_for_choice_field(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Only staff with a permission of its own choose the right to read reports."""
        rights = list(Right)
        if not request.user.has_perm(f"{label_of('privacy')}.issue_reports_token"):
            rights.remove(Right.REPORTS)
        return super().formfield_for_choice_field(
            db_field, request, choices=[(right.value, right.label) for right in rights], **kwargs
        )

    def has_change_permission(self, request: HttpRequest, obj: ServiceToken | None = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: ServiceToken, form: ModelForm[ServiceToken], change: bool) -> None:
        obj.digest, token = new_token()
        super().save_model(request, obj, form, change)
        messages.warning(request, f"Copy the token of {obj.name} now; it is not shown again: {token}")
