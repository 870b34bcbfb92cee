"""Session tokens in the `Authorization` header."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from knox.auth import TokenAuthentication
from rest_framework.exceptions import AuthenticationFailed


class SessionTokenAuthentication(TokenAuthentication):  # type: ignore[misc]  # knox has no types
    """Knox's, for which a token that is no text at all is a wrong one like any other, and no error of ours."""

    def authenticate_credentials(self, token: bytes) -> Any:
        if not token.isalnum():  # of bytes: ASCII letters and digits only, which is what tokens are made of
            raise AuthenticationFailed("Invalid token.")
        return super().authenticate_credentials(token)


class BearerScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """How the OpenAPI schema names it."""

    target_class = SessionTokenAuthentication
    name = "sessionToken"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer"}
