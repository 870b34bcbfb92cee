"""Authentication by session token in the `Authorization` header."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from knox.auth import TokenAuthentication
from rest_framework.exceptions import AuthenticationFailed


class SessionTokenAuthentication(TokenAuthentication):  # type: ignore[misc]  # knox has no types
    """Knox's token authentication. Answers 401 to non-ASCII tokens; Knox would raise."""

    def authenticate_credentials(self, token: bytes) -> Any:
        if not token.isalnum():  # on bytes: ASCII letters and digits only, like every real token
            raise AuthenticationFailed("Invalid token.")
        return super().authenticate_credentials(token)


class BearerScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """The scheme's entry in the OpenAPI schema."""

    target_class = SessionTokenAuthentication
    name = "sessionToken"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer"}
