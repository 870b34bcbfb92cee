"""The consent gate in the admin: what staff may see, and the little they may change."""

from typing import Any, Literal
from uuid import UUID

from django.contrib import admin, messages
from django.contrib.admin.views.main import ChangeList
from django.db import DatabaseError
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest

from accounts.admin import UserAdmin
from accounts.models import User
from privacy.choices import NothingToDelete, choose, publish_notice, request_deletion, set_lock
from privacy.consent import Decision
from privacy.gate import NOBODY, decision_for, decisions_for
from privacy.models import ConsentEvent, InstallationControl, Preference, PrivacyNotice, Source


class NothingByHand:
    """Rows that only the gate itself writes: no adding, changing or deleting here, for superusers either."""

    def has_add_permission(self, request: HttpRequest, *args: Any) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class DecisionsAtOnce(ChangeList):
    """A page of people or preferences, with everybody's effective decision read in one query."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        shown: list[Any] = list(self.result_list)
        decisions = decisions_for(row.pk for row in shown)
        for row in shown:
            row.decision = decisions.get(row.pk, NOBODY)
        self.result_list = shown


class WithDecision:
    """For rows whose key is a person's: the same decision, with its reason, that everything else goes by."""

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return DecisionsAtOnce

    @admin.display(description="Usage data")
    def effective_decision(self, row: User | Preference) -> str:
        decision: Decision = getattr(row, "decision", None) or decision_for(row.pk)
        return decision.explanation


def _people(number: int) -> str:
    return f"{number} {'person' if number == 1 else 'people'}"


def switch_off(request: HttpRequest, people: QuerySet[Any]) -> None:
    """Off, never on; in the ledger under the member of staff who did it. `people` are rows whose key is a person's."""
    already = set(Preference.objects.filter(choice=False, pk__in=people.values("pk")).values_list("pk", flat=True))
    changing = [pk for pk in people.values_list("pk", flat=True) if pk not in already]
    for pk in changing:
        choose(pk, enabled=False, source=Source.ADMIN, actor_id=request.user.pk)
    messages.success(request, f"Sharing is now off for {_people(len(changing))} more.")


admin.site.unregister(User)


@admin.register(User)
class PersonAdmin(WithDecision, UserAdmin):
    """People, with what the gate says of them and the two things staff may do about it."""

    list_display = ("username", "effective_decision", *UserAdmin.list_display[1:])
    readonly_fields = (*UserAdmin.readonly_fields, "effective_decision")
    fieldsets = (*UserAdmin.fieldsets, ("Privacy", {"fields": ("effective_decision",)}))
    actions = ("switch_off", "delete_telemetry")

    def has_switch_off_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("privacy.change_preference")

    @admin.action(description="Switch sharing of usage data off", permissions=["switch_off"])
    def switch_off(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        switch_off(request, queryset)

    @admin.action(description="Delete collected usage data", permissions=["switch_off"])
    def delete_telemetry(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        done = 0
        try:
            for pk in queryset.values_list("pk", flat=True):
                request_deletion(pk, source=Source.ADMIN, actor_id=request.user.pk)
                done += 1
        except NothingToDelete:
            messages.warning(request, "This installation collects nothing, so there is nothing to delete.")
            return
        except DatabaseError:
            messages.error(request, f"The database gave up after {_people(done)}. Please try the others again.")
            return
        messages.success(request, f"Deletion was requested for {_people(done)}. The receipts are under Erasures.")

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """A preference goes with its person; that nobody may delete one by hand must not keep a person here."""
        to_delete, counts, perms_needed, protected = super().get_deleted_objects(objs, request)
        perms_needed.discard(str(Preference._meta.verbose_name))
        return to_delete, counts, perms_needed, protected


@admin.register(Preference)
class PreferenceAdmin(WithDecision, NothingByHand, admin.ModelAdmin[Preference]):
    list_display = ("user", "effective_decision", "choice", "chosen_at", "notice_version")
    list_filter = ("choice", "notice_version")
    list_select_related = ("user",)
    search_fields = ("user__username", "user__email")
    search_help_text = "User name, e-mail address, or a whole id"
    readonly_fields = ("effective_decision",)
    actions = ("switch_off",)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Preference], search_term: str
    ) -> tuple[QuerySet[Preference], bool]:
        if (wanted := _uuid(search_term)) is not None:
            return queryset.filter(pk=wanted), False
        return super().get_search_results(request, queryset, search_term)

    def has_switch_off_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("privacy.change_preference")

    @admin.action(description="Switch sharing off for these people", permissions=["switch_off"])
    def switch_off(self, request: HttpRequest, queryset: QuerySet[Preference]) -> None:
        switch_off(request, queryset)


@admin.register(ConsentEvent)
class ConsentEventAdmin(NothingByHand, admin.ModelAdmin[ConsentEvent]):
    list_display = ("recorded_at", "action", "about", "by", "source", "notice_version")
    list_filter = ("action", "source", "notice_version")
    date_hierarchy = "recorded_at"
    search_fields = ("user__username", "user__email")
    search_help_text = "User name, e-mail address, or a whole id (of a deleted account, too)"
    # By hand rather than by `user`: the account may be gone, while its line in the ledger stays.
    fields = ("recorded_at", "action", "about", "by", "source", "notice_version")
    list_select_related = ("user", "actor")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[ConsentEvent], search_term: str
    ) -> tuple[QuerySet[ConsentEvent], bool]:
        if (wanted := _uuid(search_term)) is not None:
            return queryset.filter(user_id=wanted) | queryset.filter(actor_id=wanted), False
        return super().get_search_results(request, queryset, search_term)

    @admin.display(description="About")
    def about(self, event: ConsentEvent) -> str:
        if event.user_id is None:
            return "the installation"
        return _name(event, "user")

    @admin.display(description="By")
    def by(self, event: ConsentEvent) -> str:
        if event.actor_id is None:
            return "the system"
        return _name(event, "actor")


def _uuid(word: str) -> UUID | None:
    try:
        return UUID(word.strip())
    except ValueError:
        return None


def _name(event: ConsentEvent, relation: Literal["user", "actor"]) -> str:
    person = event.user_or_none(relation)
    return person.get_username() if person else f"{getattr(event, f'{relation}_id')} (account deleted)"


@admin.register(PrivacyNotice)
class PrivacyNoticeAdmin(admin.ModelAdmin[PrivacyNotice]):
    """Publishing is adding; what was published was shown to people and stays as it is."""

    list_display = ("version", "title", "published_at", "published_by")
    fields = ("title", "body")

    def get_fields(self, request: HttpRequest, obj: PrivacyNotice | None = None) -> Any:
        return self.fields if obj is None else ("version", "title", "body", "published_at", "published_by")

    def has_change_permission(self, request: HttpRequest, obj: PrivacyNotice | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: PrivacyNotice | None = None) -> bool:
        return False

    def save_model(
        self, request: HttpRequest, obj: PrivacyNotice, form: ModelForm[PrivacyNotice], change: bool
    ) -> None:
        published = publish_notice(title=obj.title, body=obj.body, actor_id=request.user.pk)
        obj.__dict__.update(published.__dict__)


@admin.register(InstallationControl)
class InstallationControlAdmin(admin.ModelAdmin[InstallationControl]):
    list_display = ("__str__", "locked", "changed_at")
    list_display_links = ("__str__",)
    fields = ("locked", "changed_at")
    readonly_fields = ("changed_at",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: InstallationControl | None = None) -> bool:
        return False

    def save_model(
        self, request: HttpRequest, obj: InstallationControl, form: ModelForm[InstallationControl], change: bool
    ) -> None:
        set_lock(locked=obj.locked, source=Source.ADMIN, actor_id=request.user.pk)
