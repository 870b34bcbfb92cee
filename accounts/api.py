"""Session tokens for programs: `POST /api/auth/login` and `/logout`."""

from typing import Any

from django.contrib.auth import authenticate
from django.contrib.auth.signals import user_logged_in, user_logged_out
from django.db import transaction
from django.http import HttpRequest
from drf_spectacular.utils import OpenApiResponse, extend_schema
from knox.models import get_token_model
from rest_framework import serializers, status
from rest_framework.exceptions import AuthenticationFailed, Throttled
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.authentication import SessionTokenAuthentication
from accounts.models import User

REFUSED = "Unable to sign in with these credentials."
# `backend` of Django's sign-in signals for a token instead of a session.
TOKEN_BACKEND = f"{SessionTokenAuthentication.__module__}.{SessionTokenAuthentication.__qualname__}"


class Credentials(serializers.Serializer[Any]):
    username = serializers.CharField(max_length=150)
    password = serializers.CharField(max_length=4096, trim_whitespace=False)


class SessionToken(serializers.Serializer[Any]):
    """Makes the answer to a sign-in, and documents it."""

    session_token = serializers.CharField()
    expires_at = serializers.DateTimeField()


class Refusal(serializers.Serializer[Any]):
    """The body of a refusal, which DRF makes."""

    detail = serializers.CharField()


class Login(APIView):
    """Exchange a user name and password for a session token. The token is shown once and stored as a hash."""

    authentication_classes = ()
    permission_classes = (AllowAny,)

    @extend_schema(
        request=Credentials, responses={200: SessionToken, 401: OpenApiResponse(Refusal, description="Refused.")}
    )
    def post(self, request: Request) -> Response:
        credentials = Credentials(data=request.data)
        credentials.is_valid(raise_exception=True)
        django_request: HttpRequest = request._request
        user = authenticate(django_request, **credentials.validated_data)
        wait = getattr(django_request, "sign_in_wait_seconds", None)
        if wait is not None:
            raise Throttled(wait, "Too many failed attempts.")  # DRF adds when to try again
        if user is None:
            raise AuthenticationFailed(REFUSED)
        with transaction.atomic():
            # If the password changed since the check above, create no token.
            unchanged = User.objects.select_for_update().filter(pk=user.pk, password=user.password, is_active=True)
            if not unchanged.exists():
                raise AuthenticationFailed(REFUSED)
            instance, token = get_token_model().objects.create(user=user)
        user_logged_in.send(sender=type(user), request=django_request, user=user, backend=TOKEN_BACKEND)
        return Response(SessionToken({"session_token": token, "expires_at": instance.expiry}).data)

    def get_authenticate_header(self, request: Request) -> str:
        # Without this header, DRF would answer wrong credentials with 403.
        return "Bearer"


class Logout(APIView):
    """Revoke the session token that came with the request."""

    authentication_classes = (SessionTokenAuthentication,)

    @extend_schema(request=None, responses={204: None})
    def post(self, request: Request) -> Response:
        request.auth.delete()
        user_logged_out.send(
            sender=type(request.user), request=request._request, user=request.user, backend=TOKEN_BACKEND
        )
        return Response(status=status.HTTP_204_NO_CONTENT)
