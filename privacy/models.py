"""Tables of consent: preferences, the ledger, notices, the operator's lock, and the access log of staff."""

import uuid
from typing import Literal

from django.conf import settings
from django.contrib.postgres.functions import RandomUUID
from django.core.exceptions import ObjectDoesNotExist
from django.db import models
from django.db.models import OuterRef, Q, Subquery

from privacy.consent import Control, Standing
from privacy.people import Person


class Source(models.TextChoices):
    """Origin of a ledger line."""

    SETTINGS_PAGE = "settings_page", "Settings page"
    API = "api", "API"
    ADMIN = "admin", "Admin"
    COMMAND = "command", "Command"
    NOTICE = "notice", "Notice"
    BROWSER = "browser", "Browser signal"
    ACCOUNT_DELETED = "account_deleted", "Deletion of the account"
    ACCOUNT_PAGE = "account_page", "Account page"


class Action(models.TextChoices):
    """What a ledger line records."""

    ENABLED = "enabled", "Sharing switched on"
    DISABLED = "disabled", "Sharing switched off"
    NOTICE_SHOWN = "notice_shown", "Privacy notice shown"
    BROWSER_SIGNAL = "browser_signal", "Browser asked sites not to track"
    ERASURE_REQUESTED = "erasure_requested", "Deletion of collected data requested"
    LOCKED = "locked", "Collecting stopped for everyone"
    UNLOCKED = "unlocked", "Collecting allowed again"
    ORGANIZATION_OFF = "organization_off", "Sharing switched off for an organization"
    ORGANIZATION_LIFTED = "organization_lifted", "Sharing left to an organization's people again"
    NOTICE_PUBLISHED = "notice_published", "Privacy notice published"
    # No choices, but needed to judge them: anybody who sets a password can sign in with it.
    PASSWORD_SET = "password_set", "Password set"
    ACCOUNT_CHANGED = "account_changed", "User name or e-mail address changed"
    ACCOUNT_DEACTIVATED = "account_deactivated", "Account deactivated"
    ACCOUNT_ACTIVATED = "account_activated", "Account activated again"


class PrivacyNotice(models.Model):
    """A published version of the notice. It never changes, because people were shown this text."""

    version = models.PositiveIntegerField(primary_key=True)
    title = models.CharField(max_length=200)
    body = models.TextField(help_text="Plain text; blank lines separate paragraphs.")
    published_at = models.DateTimeField()
    published_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )

    class Meta:
        db_table = "privacy_notice"
        verbose_name = "privacy notice"
        ordering = ["-version"]

    def __str__(self) -> str:
        return f"Notice {self.version}"


class Preference(models.Model):
    """One person's consent. Only `privacy.choices` writes it, together with the ledger, in one transaction."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        primary_key=True,
        related_name="privacy_preference",
    )
    choice = models.BooleanField(null=True, blank=True, help_text="The person's choice; empty if they have not chosen.")
    chosen_at = models.DateTimeField(null=True, blank=True)
    notice_version = models.PositiveIntegerField(
        null=True, blank=True, help_text="The newest notice shown to the person."
    )
    notice_shown_at = models.DateTimeField(
        null=True, blank=True, help_text="When a notice was first shown while sharing was on by default."
    )
    dismissed_version = models.PositiveIntegerField(
        null=True, blank=True, help_text="The newest notice the person has dismissed."
    )
    browser_signal_at = models.DateTimeField(
        null=True, blank=True, help_text="When the person's browser first sent Sec-GPC: 1."
    )
    consenting_since = models.DateTimeField(null=True, blank=True)
    salt = models.UUIDField(
        default=uuid.uuid4,
        db_default=RandomUUID(),
        editable=False,
        help_text="Of the person's pseudonyms, which nobody can compute without it. A deletion replaces it.",
    )
    erased_at = models.DateTimeField(null=True, blank=True, help_text="When the person last asked for deletion.")

    class Meta:
        db_table = "privacy_preference"
        constraints = [
            models.CheckConstraint(
                name="privacy_preference_choice_has_its_time",
                condition=Q(choice__isnull=True, chosen_at__isnull=True)
                | Q(choice=False, chosen_at__isnull=False, consenting_since__isnull=True)
                | Q(choice=True, chosen_at__isnull=False, consenting_since__isnull=False),
            )
        ]

    def __str__(self) -> str:
        return f"Preference of {self.user_id}"

    @property
    def standing(self) -> Standing:
        return Standing(
            choice=self.choice,
            chosen_at=self.chosen_at,
            notice_shown_at=self.notice_shown_at,
            browser_signal_at=self.browser_signal_at,
            consenting_since=self.consenting_since,
            erased_at=self.erased_at,
        )


class PendingErasure(models.Model):
    """A deletion that was asked for and is not done yet, where the rows are: `id` is that of the ledger's line.

    It holds what a pseudonym is computed from, and goes when the deletion is done: after that nobody can compute it.
    """

    id = models.UUIDField(primary_key=True, editable=False)
    user_id = models.TextField(help_text="Key of the account, which may be deleted by now.")
    salt = models.UUIDField(help_text="The one that the person's pseudonyms had until they asked.")
    requested_at = models.DateTimeField()

    class Meta:
        db_table = "privacy_pending_erasure"
        ordering = ["requested_at"]

    def __str__(self) -> str:
        return f"Pending erasure {self.id}"


class ConsentEvents(models.QuerySet["ConsentEvent"]):
    def with_password_source(self) -> "ConsentEvents":
        """Annotate each line with who set the password in force at that time; None if never set again."""
        set_before = ConsentEvent.objects.filter(
            user_id=OuterRef("user_id"), action=Action.PASSWORD_SET, recorded_at__lt=OuterRef("recorded_at")
        )
        return self.annotate(password_source=Subquery(set_before.order_by("-recorded_at").values("source")[:1]))


class ConsentEvent(models.Model):
    """One line of the ledger. A database trigger rejects every update and delete.

    `user` is the person it is about, `organization_id` the organization; with neither it is about the installation.
    `actor` is the person who did it. None is a foreign key in the database, because the proof of consent outlives the
    account.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        null=True,
        related_name="consent_events",
    )
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        null=True,
        related_name="+",
        help_text="The person who did it; empty for the system.",
    )
    organization_id = models.CharField(max_length=255, default="", db_default="", blank=True)
    action = models.CharField(max_length=32, choices=Action.choices)
    source = models.CharField(max_length=32, choices=Source.choices)
    notice_version = models.PositiveIntegerField(null=True)
    recorded_at = models.DateTimeField()

    objects = ConsentEvents.as_manager()

    class Meta:
        db_table = "privacy_consent_event"
        ordering = ["-recorded_at", "-id"]
        indexes = [models.Index(fields=["user", "-recorded_at"], name="privacy_consent_event_of_user")]
        permissions = [("export_consentevent", "Can export consent events")]

    def __str__(self) -> str:
        return f"{self.get_action_display()} at {self.recorded_at:%Y-%m-%d %H:%M:%S} UTC"

    @property
    def password_known_to_staff(self) -> bool:
        """Whether the person did this signed in with a password that staff or a command had set.

        That includes setting the next password, which staff may have done as the person. Needs
        `with_password_source()`.
        """
        source: str | None = self.password_source  # type: ignore[attr-defined]
        by_the_person = self.actor_id is not None and self.actor_id == self.user_id
        return by_the_person and source in {Source.ADMIN, Source.COMMAND}


class LedgerLink(models.Model):
    """Place of one ledger line in the hash chain, written by a database trigger as the line is committed.

    `hash` is SHA-256, in hex, of the previous link's hash and the line's text (`privacy.chain.text_of`).
    """

    number = models.BigIntegerField(primary_key=True, help_text="From 1, without gaps.")
    event_id = models.UUIDField(unique=True)
    hash = models.CharField(max_length=64)

    class Meta:
        db_table = "privacy_ledger_link"
        ordering = ["number"]

    def __str__(self) -> str:
        return f"Link {self.number} of the ledger"


class LedgerHead(models.Model):
    """The newest link: a single row, which the trigger locks while it adds a link."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    number = models.BigIntegerField()
    hash = models.CharField(max_length=64)

    class Meta:
        db_table = "privacy_ledger_head"
        constraints = [models.CheckConstraint(name="privacy_ledger_head_single", condition=Q(id=1))]

    def __str__(self) -> str:
        return f"Head of the ledger: link {self.number}"


class Access(models.TextChoices):
    """Kind of access by staff to other people's data."""

    LISTED = "listed", "Listed"
    SEARCHED = "searched", "Searched"
    OPENED = "opened", "Opened"
    EXPORTED = "exported", "Exported"
    CHANGED = "changed", "Changed"


class AccessEvent(models.Model):
    """One line of the access log. Append-only like the ledger; its ids outlive the accounts too.

    `actor` is None where a service read a report; `what` then names its token. Search terms are not stored, because
    they may be a name or a pseudonym.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        null=True,
        related_name="+",
    )
    access = models.CharField(max_length=16, choices=Access.choices)
    what = models.CharField(max_length=100, help_text="The list, row or report.")
    about = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        null=True,
        related_name="+",
        help_text="The person whose data it was, if the page names one person.",
    )
    lines = models.PositiveIntegerField(null=True, help_text="Number of lines shown or exported.")
    recorded_at = models.DateTimeField()

    class Meta:
        db_table = "privacy_access_event"
        verbose_name = "access by staff"
        verbose_name_plural = "accesses by staff"
        ordering = ["-recorded_at", "-id"]
        indexes = [
            models.Index(fields=["about", "-recorded_at"], name="privacy_access_event_about"),
            models.Index(fields=["actor", "-recorded_at"], name="privacy_access_event_by"),
            models.Index(fields=["-recorded_at"], name="privacy_access_event_newest"),
        ]
        permissions = [("export_accessevent", "Can export accesses by staff")]

    def __str__(self) -> str:
        return f"{self.get_access_display()} {self.what} at {self.recorded_at:%Y-%m-%d %H:%M:%S} UTC"


def person_or_none(event: ConsentEvent | AccessEvent, relation: Literal["user", "actor", "about"]) -> Person | None:
    """The person that `event` names in `relation`; None if the account was deleted."""
    try:
        person: Person | None = getattr(event, relation)
    except ObjectDoesNotExist:
        return None
    return person


class InstallationControl(models.Model):
    """The operator's lock: a single row, created by `migrate`. Without the row, nothing is recorded."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    locked = models.BooleanField(
        "stop collecting for everyone", default=False, help_text="Nothing is collected from anyone while this is on."
    )
    changed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "privacy_installation_control"
        verbose_name = "operator's lock"
        verbose_name_plural = "operator's lock"
        constraints = [models.CheckConstraint(name="privacy_installation_control_single", condition=Q(id=1))]

    def __str__(self) -> str:
        return "Collecting is stopped for everyone" if self.locked else "Collecting is allowed"

    @property
    def control(self) -> Control:
        return Control(locked=self.locked, changed_at=self.changed_at)


class OrganizationPolicy(models.Model):
    """Whether an organization's administrators have switched sharing off for its people. Without a row: they have not.

    Only `privacy.choices` writes it. The key is the id of the project's organization as text. An administrator is a
    person for whom `user.has_perm("privacy.change_organizationpolicy", policy)` is true, as an authentication backend
    of the project answers; a label that the project has changed comes in place of `privacy`.
    """

    organization_id = models.CharField(primary_key=True, max_length=255)
    sharing_off = models.BooleanField(default=False)
    changed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "privacy_organization_policy"
        verbose_name = "organization's policy"
        verbose_name_plural = "organizations' policies"
        ordering = ["organization_id"]

    def __str__(self) -> str:
        return f"Sharing is {'off for' if self.sharing_off else 'left to'} the people of {self.organization_id}"


class Right(models.TextChoices):
    """The single right of a service's token."""

    DECISIONS = "decisions", "Ask for decisions about people"
    REPORTS = "reports", "Read reports"


class ServiceToken(models.Model):
    """Key of another service, with one right. Only its hash is stored; deleting the row revokes it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=64, unique=True, help_text="The service that uses it, such as its service.name.")
    right = models.CharField(max_length=16, choices=Right.choices, default=Right.DECISIONS)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        db_table = "privacy_service_token"
        ordering = ["name"]
        permissions = [("issue_reports_token", "Can make tokens that read reports")]

    def __str__(self) -> str:
        return self.name


class DigestSubscription(models.Model):
    """A member of staff's choice to receive the weekly digest of reports by e-mail."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, primary_key=True, related_name="+")
    reports_url = models.CharField(max_length=500, help_text="Address of the reports, for the message.")
    sent_for = models.DateField(help_text="Monday of the newest week that was sent, or was over at the choice.")
    tried_at = models.DateTimeField(null=True, help_text="When sending last began, until it succeeds.")

    class Meta:
        db_table = "privacy_digest_subscription"

    def __str__(self) -> str:
        return f"Weekly digest for {self.user_id}"


class AlertSubscription(models.Model):
    """A member of staff's choice to receive alerts of reports by e-mail."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, primary_key=True, related_name="+")
    reports_url = models.CharField(max_length=500, help_text="Address of the reports, for the message.")
    told = models.JSONField(default=list, help_text="Ids of alerts that last and were sent, or given up.")
    tried_at = models.DateTimeField(null=True, help_text="When sending last began, until it succeeds.")
    failures = models.PositiveSmallIntegerField(default=0)

    class Meta:
        db_table = "privacy_alert_subscription"

    def __str__(self) -> str:
        return f"Alerts for {self.user_id}"
