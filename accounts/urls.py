"""URLs for signing in and out, by page and by API."""

from django.contrib.auth.views import LogoutView
from django.urls import path

from accounts import api, views

urlpatterns = [
    path("", views.HomePage.as_view(), name="home"),
    path("sign-in/", views.SignInPage.as_view(), name="sign-in"),
    path("sign-out/", LogoutView.as_view(), name="sign-out"),
    path("settings/password/", views.PasswordPage.as_view(), name="password-change"),
    path("api/auth/login", api.Login.as_view(), name="api-login"),
    path("api/auth/logout", api.Logout.as_view(), name="api-logout"),
]
