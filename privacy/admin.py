"""The consent gate in the admin: what staff may see, and the little they may change."""

from typing import Any, Literal

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest

from privacy.choices import choose, publish_notice, set_lock
from privacy.gate import decision_for
from privacy.models import ConsentEvent, InstallationControl, Preference, PrivacyNotice, Source


class NothingByHand:
    """Rows that only the gate itself writes: no adding, changing or deleting here, for superusers either."""

    def has_add_permission(self, request: HttpRequest, *args: Any) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Preference)
class PreferenceAdmin(NothingByHand, admin.ModelAdmin[Preference]):
    list_display = ("user", "effective_decision", "choice", "chosen_at", "notice_version")
    list_filter = ("choice", "notice_version")
    list_select_related = ("user",)
    search_fields = ("user__username", "user__email", "user__id")
    readonly_fields = ("effective_decision",)
    actions = ("switch_off",)

    @admin.display(description="Effective decision")
    def effective_decision(self, preference: Preference) -> str:
        return decision_for(preference.pk).explanation

    def has_switch_off_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("privacy.change_preference")

    @admin.action(description="Switch sharing off for these people", permissions=["switch_off"])
    def switch_off(self, request: HttpRequest, queryset: QuerySet[Preference]) -> None:
        changed = 0
        for preference in queryset.exclude(choice=False):
            choose(preference.pk, enabled=False, source=Source.ADMIN, actor_id=request.user.pk)
            changed += 1
        messages.success(request, f"Sharing is now off for {changed} more {'person' if changed == 1 else 'people'}.")


@admin.register(ConsentEvent)
class ConsentEventAdmin(NothingByHand, admin.ModelAdmin[ConsentEvent]):
    list_display = ("recorded_at", "action", "about", "by", "source", "notice_version")
    list_filter = ("action", "source", "notice_version")
    date_hierarchy = "recorded_at"
    search_fields = ("user__username", "user__email", "user_id")
    search_help_text = "User name, e-mail address or id"
    # By hand rather than by `user`: the account may be gone, while its line in the ledger stays.
    fields = ("recorded_at", "action", "about", "by", "source", "notice_version")
    list_select_related = ("user", "actor")

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
