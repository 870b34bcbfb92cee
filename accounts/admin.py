"""Admin pages of users, organizations and session tokens."""

from uuid import UUID

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.http import HttpRequest
from knox.models import AuthToken

from accounts.forms import SignInForm
from accounts.models import Organization, User
from privacy.admin import WithPrivacy
from privacy.recorded_admin import NamesPeople

admin.site.site_header = "Rhesis telemetry"
admin.site.site_title = "Rhesis telemetry"
admin.site.index_title = "Administration"


class StaffSignInForm(SignInForm):
    """The admin's sign-in form, with the same throttle. People who are not staff get an error."""

    def confirm_login_allowed(self, user: object) -> None:
        super().confirm_login_allowed(user)  # type: ignore[arg-type]
        if not getattr(user, "is_staff", False):
            raise self.get_invalid_login_error()


admin.site.login_form = StaffSignInForm


@admin.register(User)
class UserAdmin(WithPrivacy, DjangoUserAdmin[User]):
    list_display = ("username", "effective_decision", "organization", "is_staff", "is_active", "date_joined")
    list_filter = ("is_staff", "is_active", "organization")
    list_select_related = ("organization",)
    search_fields = ("username", "email", "id")
    # Times of past events must not be edited.
    readonly_fields = ("id", "last_sign_in", "date_joined", *WithPrivacy.privacy_fields)
    actions = WithPrivacy.privacy_actions
    filter_horizontal = ()  # plain lists: screen readers cannot use the two-sided ones
    fieldsets = (
        (None, {"fields": ("id", "username", "password", "organization")}),
        *(DjangoUserAdmin.fieldsets or ())[1:-1],
        ("Important dates", {"fields": ("last_sign_in", "date_joined")}),
        ("Privacy", {"fields": WithPrivacy.privacy_fields}),
    )

    @admin.display(description="Last sign-in (UTC day)")
    def last_sign_in(self, user: User) -> str:
        return f"{user.last_login:%Y-%m-%d}" if user.last_login else "-"


@admin.register(Organization)
class OrganizationAdmin(admin.ModelAdmin[Organization]):
    list_display = ("name", "id", "created_at")
    search_fields = ("name", "id")
    readonly_fields = ("id", "created_at")
    raw_id_fields = ("administrators",)


if admin.site.is_registered(AuthToken):
    admin.site.unregister(AuthToken)


@admin.register(AuthToken)
class SessionTokenAdmin(NamesPeople, admin.ModelAdmin[AuthToken]):
    """Session tokens, to view and revoke. Adding or editing one would allow acting as its person."""

    list_display = ("user", "created", "expiry")
    list_display_links = None
    list_select_related = ("user",)
    search_fields = ("user__username",)
    fields = ("user", "created", "expiry")

    def person_of(self, row: AuthToken) -> UUID:
        person: UUID = row.user_id
        return person

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: AuthToken | None = None) -> bool:
        return False
