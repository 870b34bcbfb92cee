"""API for other services of the same operator: may usage of this person be sent now, and under which pseudonyms?

A service asks with a token of its own, which staff make in the admin with one right. With the right to ask for
decisions it learns nothing else: a person who does not share and an id of nobody have the same answer.
"""

import secrets
from datetime import timedelta
from hashlib import sha256
from typing import Any, ClassVar

from django.contrib.auth import get_user_model
from django.contrib.auth.models import AnonymousUser
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed, ParseError
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import SimpleRateThrottle
from rest_framework.views import APIView

from privacy import api_shapes as shapes
from privacy.clock import database_now
from privacy.gate import dated_consent
from privacy.models import Right, ServiceToken
from privacy.organizations import organization_of
from privacy.people import key_of
from privacy.telemetry import telemetry

PREFIX = "rts_"
# How long a service may rely on an answer, and so may send after a withdrawal. docs/connect.md states it.
VALID_SECONDS = 60


def new_token() -> tuple[str, str]:
    """A new token's digest, to store, and its text, to show once."""
    token = PREFIX + secrets.token_urlsafe(32)
    return digest(token), token


def digest(token: str) -> str:
    """Hash of a token. A plain hash suffices, because a token is 256 random bits."""
    return sha256(token.encode()).hexdigest()


class ServiceAuthentication(BaseAuthentication):
    """`Authorization: Bearer <token of a service>`. The request has no user; `auth` is the ServiceToken."""

    def authenticate(self, request: Request) -> tuple[AnonymousUser, ServiceToken]:
        scheme, _, token = get_authorization_header(request).decode("latin-1").partition(" ")
        found = (
            ServiceToken.objects.filter(digest=digest(token.strip())).first() if scheme.lower() == "bearer" else None
        )
        if found is None:
            raise AuthenticationFailed("Send the token of a service as a Bearer token.")
        return AnonymousUser(), found

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


class ServiceScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """The scheme's entry in the OpenAPI schema."""

    target_class = ServiceAuthentication
    name = "serviceToken"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer"}


class HasRight(BasePermission):
    """Only tokens with the view's right."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        wanted: Right = view.right  # type: ignore[attr-defined]  # of a ServiceView
        self.message = f"This token has another right. Use one with the right: {wanted.label}."
        return isinstance(request.auth, ServiceToken) and request.auth.right == wanted


class ServiceView(APIView):
    """An API view for services. Subclasses name the right that a token needs, and a throttle."""

    authentication_classes = (ServiceAuthentication,)
    permission_classes = (HasRight,)
    right: ClassVar[Right]


class TokenThrottle(SimpleRateThrottle):
    """A limit for each token."""

    def get_cache_key(self, request: Request, view: APIView) -> str:
        return f"throttle_{self.scope}_{request.auth.pk}"


class DecisionThrottle(TokenThrottle):
    """A service that remembers answers as long as they are valid needs far fewer."""

    scope = "decision"
    rate = "600/min"


class PseudonymsToUse(shapes.Shape):
    user_id = serializers.UUIDField()
    organization_id = serializers.UUIDField(allow_null=True)


class ServiceDecision(shapes.Shape):
    telemetry_enabled = serializers.BooleanField()
    pseudonyms = PseudonymsToUse(allow_null=True)
    voucher = serializers.CharField(allow_null=True)
    valid_until = serializers.DateTimeField()


class Decision(ServiceView):
    right = Right.DECISIONS
    throttle_classes = (DecisionThrottle,)

    @extend_schema(
        parameters=[OpenApiParameter("user", str, required=True, description="Key of the person's account.")],
        responses={
            200: ServiceDecision,
            400: shapes.Problem,
            401: shapes.Problem,
            403: shapes.Problem,
            429: shapes.Problem,
        },
    )
    def get(self, request: Request) -> Response:
        """Whether another service may send usage of this person, and under which pseudonyms, for a minute.

        A person who does not share and an id of nobody have the same answer.
        """
        wanted = request.query_params.get("user", "")
        if not wanted:
            raise ParseError("user is missing: the key of the person's account.")
        pseudonyms, voucher = None, None
        valid_until = database_now() + timedelta(seconds=VALID_SECONDS)
        user_id = key_of(wanted)
        found = None if user_id is None else dated_consent(user_id)
        if user_id is not None and found is not None:
            (decision, salt), now = (found[0].decision, found[0].salt), found[1]
            person = get_user_model()._default_manager.filter(pk=user_id).first()
            if decision.enabled and decision.since is not None and salt is not None and person is not None:
                pseudonyms = telemetry().pseudonyms(user_id, salt, organization_of(person))
                voucher = telemetry().voucher(user_id, salt, since=decision.since, now=now, until=valid_until)
        return ServiceDecision.answer(
            {
                "telemetry_enabled": pseudonyms is not None,
                "pseudonyms": pseudonyms,
                "voucher": voucher,
                "valid_until": valid_until,
            }
        )
