"""People and the organizations they belong to. Keys are random UUIDs: they say nothing and cannot be counted up."""

import uuid

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.utils.crypto import salted_hmac


class Organization(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=200)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class User(AbstractUser):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organization = models.ForeignKey(
        Organization, on_delete=models.SET_NULL, null=True, blank=True, related_name="people"
    )
    # Written by a database trigger only: another value each time the account is deactivated.
    sign_in_epoch = models.UUIDField(default=uuid.uuid4, editable=False)

    def _get_session_auth_hash(self, secret: str | None = None) -> str:
        """Hash that a session is bound to. A new password or a deactivation changes it, for good."""
        bound = f"{self.password}\0{self.sign_in_epoch}"
        return salted_hmac("accounts.session", bound, secret=secret, algorithm="sha256").hexdigest()


class SignInCount(models.Model):
    """Failed sign-ins of one account at one address, or of one address; written by `accounts.throttle` only."""

    key = models.CharField(primary_key=True, max_length=80, help_text="What is counted, and a keyed hash of whose.")
    attempts = models.PositiveIntegerField()
    ends_at = models.DateTimeField(db_index=True, help_text="When the count begins again.")

    class Meta:
        db_table = "accounts_sign_in_count"

    def __str__(self) -> str:
        return f"{self.attempts} attempts until {self.ends_at:%Y-%m-%d %H:%M:%S} UTC"
