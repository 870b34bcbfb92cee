"""Admin forms that show the consequence of a change for everybody, and ask before they save it."""

from dataclasses import dataclass
from typing import Any

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

CONFIRMED = "confirmed"


@dataclass(frozen=True, slots=True)
class Consequence:
    """The consequence of a change: a question as title, sentences, and the text of the confirming button."""

    title: str
    sentences: tuple[str, ...]
    button: str


class AsksFirst(admin.ModelAdmin[Any]):
    """A ModelAdmin whose forms are saved only after a page with the consequence was confirmed."""

    def consequence(self, changed: Any) -> Consequence:
        """The consequence of saving `changed`, the row as the form has it."""
        raise NotImplementedError

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        changed = (
            self._changed(request, object_id) if request.method == "POST" and CONFIRMED not in request.POST else None
        )
        if changed is None:
            answer: HttpResponse = super().changeform_view(request, object_id, form_url, extra_context)
            return answer
        consequence = self.consequence(changed)
        hidden = [
            (name, value) for name, values in request.POST.lists() if name != "csrfmiddlewaretoken" for value in values
        ]
        context = {
            **self.admin_site.each_context(request),
            "title": consequence.title,
            "consequence": consequence,
            "opts": self.opts,
            "original": None if object_id is None else changed,
            "changed": changed,
            "hidden": [*hidden, (CONFIRMED, "yes")],
        }
        return TemplateResponse(request, "admin/privacy/confirm.html", context)

    def _changed(self, request: HttpRequest, object_id: str | None) -> Any:
        """The row that a valid form would save; None where there is nothing to confirm, as the form itself shows."""
        row = None if object_id is None else self.get_object(request, unquote(object_id))
        allowed = self.has_add_permission(request) if object_id is None else self.has_change_permission(request, row)
        if not allowed or (object_id is not None and row is None):
            return None
        form = self.get_form(request, row, change=row is not None)(request.POST, request.FILES, instance=row)
        return form.save(commit=False) if form.is_valid() and form.has_changed() else None
