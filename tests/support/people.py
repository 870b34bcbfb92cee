"""People for tests, and programs that have signed in."""

from itertools import count
from typing import Any
from uuid import UUID

from django.test import Client
from knox.models import AuthToken

from accounts.models import Organization, User
from analytics.identity import Kind, pseudonym
from privacy import choices
from privacy.models import Preference, Source

_numbers = count(1)


def a_person(**fields: Any) -> User:
    """A new user in an organization of their own."""
    number = next(_numbers)
    organization = Organization.objects.create(name=f"Organization {number}")
    return User.objects.create_user(f"person-{number}", organization=organization, **fields)


def someone_who_shares() -> User:
    person = a_person()
    choices.choose(person.pk, enabled=True, source=Source.API, actor_id=person.pk)
    return person


def signed_in(person: User) -> Client:
    """A browser with a session."""
    client = Client()
    client.force_login(person)
    return client


def with_token(person: User) -> Client:
    """A program with a session token."""
    _, token = AuthToken.objects.create(user=person)
    return Client(headers={"Authorization": f"Bearer {token}"})


def salt(person: User | UUID) -> UUID:
    """The salt of a person's pseudonyms, who has one from now on."""
    key = person if isinstance(person, UUID) else person.pk
    Preference.objects.bulk_create([Preference(user_id=key)], ignore_conflicts=True)
    return Preference.objects.values_list("salt", flat=True).get(pk=key)


def alias_of(person: User | UUID) -> UUID:
    """The pseudonym of a person as it is now."""
    key = person if isinstance(person, UUID) else person.pk
    return pseudonym(Kind.USER, key, salt(person))
