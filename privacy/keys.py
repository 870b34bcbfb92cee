"""Primary keys of users, in the type of the project's own user model."""

from typing import Any, TypeAlias

# UUID, int or str. The types of Django's lookups know only the user model of the project that is checked.
Key: TypeAlias = Any
