"""A person's organization, as the project's user model stores it.

The setting TELEMETRY_ORGANIZATION_FIELD names the user model's field: a foreign key or an id. If the model also has a
field `<name>_since` with the time of the last change, nothing from before a person's change of organization is recorded
after it. Without the field, nobody is in an organization.
"""

from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser, AbstractUser
from django.db import DEFAULT_DB_ALIAS

from privacy.labels import label_of
from privacy.models import OrganizationPolicy


def organization_field() -> str | None:
    """Column of the user model with the organization's id."""
    return _attribute(_name())


def since_field() -> str | None:
    """Column of the user model with the time of the last change of organization."""
    return _attribute(f"{_name()}_since")


def is_misnamed() -> bool:
    """Whether the setting names no column of the user model. Nobody's policy is known then, so nobody is recorded."""
    return bool(getattr(settings, "TELEMETRY_ORGANIZATION_FIELD", None)) and organization_field() is None


def organization_of(person: AbstractBaseUser | Any) -> str | None:
    """Id of the person's organization as text; None without one."""
    field = organization_field()
    value = getattr(person, field) if field else None
    return None if value is None else str(value)


def policy_of(person: AbstractBaseUser | Any) -> OrganizationPolicy | None:
    """The policy of the person's organization, unsaved if it was never changed; None without an organization."""
    organization = organization_of(person)
    if organization is None:
        return None
    policies = OrganizationPolicy.objects.using(DEFAULT_DB_ALIAS)
    return policies.filter(pk=organization).first() or OrganizationPolicy(pk=organization)


def may_change(person: AbstractUser, policy: OrganizationPolicy) -> bool:
    """Whether the person administers the organization of `policy`, as the authentication backends answer."""
    return person.has_perm(f"{label_of('privacy')}.change_organizationpolicy", policy)


def _name() -> str:
    return getattr(settings, "TELEMETRY_ORGANIZATION_FIELD", "organization")


def _attribute(name: str) -> str | None:
    columns = get_user_model()._meta.concrete_fields
    return next((field.attname for field in columns if name in (field.name, field.attname)), None)
