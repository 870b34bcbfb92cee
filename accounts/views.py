"""Pages: home, sign-in, change of password."""

from typing import Any

from django.contrib import messages
from django.contrib.auth import views as auth_views
from django.contrib.auth.mixins import LoginRequiredMixin
from django.http import HttpResponse
from django.urls import reverse_lazy
from django.views.generic import TemplateView

from accounts.forms import SignInForm


class HomePage(LoginRequiredMixin, TemplateView):
    template_name = "accounts/home.html"


class SignInPage(auth_views.LoginView):
    template_name = "accounts/sign_in.html"
    authentication_form = SignInForm
    redirect_authenticated_user = True

    def form_invalid(self, form: Any) -> HttpResponse:
        response = super().form_invalid(form)
        wait = getattr(self.request, "sign_in_wait_seconds", None)
        if wait is not None:
            response.status_code = 429
            response["Retry-After"] = str(wait)
        return response


class PasswordPage(auth_views.PasswordChangeView):
    template_name = "accounts/password.html"
    success_url = reverse_lazy("password-change")

    def form_valid(self, form: Any) -> HttpResponse:
        messages.success(
            self.request, "Your password has been changed. Every other browser was signed out, every token revoked."
        )
        return super().form_valid(form)
