"""Users and their organizations. Keys are random UUIDs, which reveal nothing and cannot be guessed."""

import uuid
from hashlib import sha256
from typing import Any

from asgiref.sync import sync_to_async
from django.contrib.auth import hashers
from django.contrib.auth.models import AbstractUser
from django.db import models
from django.utils.crypto import salted_hmac


class Organization(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=200)
    created_at = models.DateTimeField(auto_now_add=True)
    administrators: models.ManyToManyField["User", Any] = models.ManyToManyField(
        "User",
        blank=True,
        related_name="administered_organizations",
        help_text="People of the organization who may switch sharing of usage data off for all of its people.",
    )

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class User(AbstractUser):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organization = models.ForeignKey(
        Organization, on_delete=models.SET_NULL, null=True, blank=True, related_name="people"
    )
    # A database trigger writes the time of each change of organization.
    organization_since = models.DateTimeField(null=True, blank=True, editable=False)
    # A database trigger writes a new value each time the account is deactivated.
    sign_in_epoch = models.UUIDField(default=uuid.uuid4, editable=False)

    # Set when sign-in stores a newer hash of the same password: digest that sessions stay bound to, digest of the new
    # hash. Digests, so that no old hash remains in the database.
    rehashed_from = models.CharField(max_length=64, default="", blank=True, editable=False)
    rehashed_to = models.CharField(max_length=64, default="", blank=True, editable=False)

    @property
    def is_rehashed(self) -> bool:
        """Whether a sign-in rehashed the current password."""
        return self.rehashed_to == _digest(self.password)

    @property
    def _bound_to(self) -> str:
        """Digest that sessions and tokens are bound to. A trigger on the table computes the same digest."""
        return self.rehashed_from if self.is_rehashed else _digest(self.password)

    def check_password(self, raw_password: str | None) -> bool:
        """Django's check, which may store a newer hash of the same password; sessions and tokens then stay valid."""

        def rehash(text: str) -> None:
            bound_to = self._bound_to
            self.password = hashers.make_password(text)
            self.rehashed_from, self.rehashed_to = bound_to, _digest(self.password)
            self.save(update_fields=["password", "rehashed_from", "rehashed_to"])

        return hashers.check_password(raw_password, self.password, rehash)

    async def acheck_password(self, raw_password: str | None) -> bool:
        return await sync_to_async(self.check_password)(raw_password)

    def _get_session_auth_hash(self, secret: str | None = None) -> str:
        """Hash that a session is bound to. A new password or a deactivation changes it permanently."""
        bound = f"{self._bound_to}\0{self.sign_in_epoch}"
        return salted_hmac("accounts.session", bound, secret=secret, algorithm="sha256").hexdigest()


def _digest(password_hash: str) -> str:
    return sha256(password_hash.encode()).hexdigest()


class SignInCount(models.Model):
    """Failed sign-ins of one account at one address, or of one address; written by `accounts.throttle` only."""

    key = models.CharField(
        primary_key=True, max_length=80, help_text="Kind of count, and keyed hash of account or address."
    )
    attempts = models.PositiveIntegerField()
    ends_at = models.DateTimeField(db_index=True, help_text="When the count expires.")

    class Meta:
        db_table = "accounts_sign_in_count"

    def __str__(self) -> str:
        return f"{self.attempts} attempts until {self.ends_at:%Y-%m-%d %H:%M:%S} UTC"
