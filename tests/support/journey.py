"""The site's main pages and calls, by a person and by staff: `python -m tests.support.journey`, a process of its own.

For sites whose database the tests' own process cannot be on. Ends with 0 if every answer was the right one.
"""

import json
from typing import Any
from uuid import uuid4

import django
from django.test import Client


def main() -> None:
    django.setup()
    from accounts.models import User

    names = {staff: f"{'staff' if staff else 'person'}-{uuid4().hex[:8]}" for staff in (False, True)}
    for staff, name in names.items():
        User.objects.create_user(name, password="a password of some length", is_staff=staff, is_superuser=staff)
    person, staff_member = _signed_in(names[False]), _signed_in(names[True])

    for path in ("/", "/settings/privacy/", "/settings/privacy/download/", "/settings/privacy/delete/"):
        _expect(person.get(path), 200)
    token = Client().post(
        "/api/auth/login",
        json.dumps({"username": names[False], "password": "a password of some length"}),
        content_type="application/json",
    )
    _expect(token, 200)
    program = Client(headers={"authorization": f"Bearer {token.json()['session_token']}"})
    api = "/api/users/telemetry/"
    _expect(program.put(f"{api}disable"), 200)
    _expect(program.put(f"{api}enable"), 200)
    for call in ("status", "preview", "history?limit=2", "data?limit=2", "data?format=ndjson", "erasures"):
        _expect(program.get(api + call), 200)
    _expect(program.delete(f"{api}data"), 202)
    _expect(person.post("/settings/privacy/sharing/", {"sharing": "off"}), 302)

    from analytics.show.pages import PAGES

    reports = ["/admin/analytics/reports/", *(f"/admin/analytics/reports/{name}/" for name in PAGES)]
    for path in (*reports, "/admin/", "/admin/accounts/user/", "/admin/privacy/consentevent/"):
        _expect(staff_member.get(path), 200)


def _signed_in(name: str) -> Client:
    client = Client()
    _expect(client.post("/sign-in/", {"username": name, "password": "a password of some length"}), 302)
    return client


def _expect(answer: Any, status: int) -> None:
    assert answer.status_code == status, (answer.request["PATH_INFO"], answer.status_code, answer.content[:300])
    if answer.streaming:
        b"".join(answer.streaming_content)


if __name__ == "__main__":
    main()
