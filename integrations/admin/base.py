"""What the admin's pages have in common: rows of an organization, records that only happen, secrets that only go in."""

from __future__ import annotations

import uuid
from collections import defaultdict
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db import IntegrityError, models
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.debug import sensitive_post_parameters
from unfold.admin import ModelAdmin
from unfold.contrib.filters.admin import RelatedDropdownFilter
from unfold.decorators import display
from unfold.paginator import InfinitePaginator
from unfold.widgets import UnfoldAdminPasswordWidget

from ..errors import IntegrationError, InvalidRequest
from ..models import Connection
from ..retelling import retold
from ..secrecy import Secret

# Unfold's colours of a state, as `unfold.decorators.display(label=…)` wants them. Of one that is missing Unfold shows
# the code in the place of its name, so none is.
STATUS_LABELS: defaultdict[str, str] = defaultdict(str)
STATUS_LABELS |= {
    "active": "success",
    "healthy": "success",
    "completed": "success",
    "captured": "success",
    "succeeded": "success",
    "delivered": "success",
    "won": "success",
    "testing": "warning",
    "degraded": "warning",
    "retrying": "warning",
    "requires_action": "warning",
    "partially_refunded": "warning",
    "error": "danger",
    "down": "danger",
    "failed": "danger",
    "disputed": "danger",
    "lost": "danger",
    "open": "warning",
    "pending": "info",
    "processing": "info",
    "waiting": "info",
    "running": "info",
    "sending": "info",
    "authorised": "info",
}


def retelling(field: str) -> Any:
    """To be shown in the place of `field`: an error, which the row has in English, in the reader's language."""

    @admin.display(description=gettext_lazy("error"))
    def told(row: Any) -> str:
        return retold(getattr(row, field))

    return told


_RETOLD = {name: retelling(name) for name in ("error", "error_message")}


class HubModelAdmin(ModelAdmin):
    """A clash of two writers, or an operation's refusal, is told."""

    list_filter_submit = True
    list_per_page = 50
    warn_unsaved_form = True
    compressed_fields = True

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if isinstance(db_field, models.URLField):
            kwargs["assume_scheme"] = "https"
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    @method_decorator(sensitive_post_parameters())
    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            return super().changeform_view(request, *args, **kwargs)
        except IntegrityError:
            messages.error(request, _("This clashes with what is already there. Nothing was saved."))
        except IntegrationError as error:
            messages.error(request, error.translated())
        return HttpResponseRedirect(request.get_full_path())


class TenantAdmin(HubModelAdmin):
    """Rows of an organization. Who makes one does not choose the organization: it is the connection's, or one's own.

    Super admins, who see every organization, see and filter by it.
    """

    immutable: tuple[str, ...] = ("connection",)

    def get_list_select_related(self, request: HttpRequest) -> list[str]:
        return [*(super().get_list_select_related(request) or ()), *_for_super_admins(request, "organization")]

    def get_list_display(self, request: HttpRequest) -> list[str]:
        return [*super().get_list_display(request), *_for_super_admins(request, "organization")]

    def get_list_filter(self, request: HttpRequest) -> list[Any]:
        return [*super().get_list_filter(request), *_for_super_admins(request, ("organization", RelatedDropdownFilter))]

    def get_exclude(self, request: HttpRequest, obj: models.Model | None = None) -> list[str]:
        """The organization is asked for only of a super admin, and only where no connection says it."""
        excluded = list(super().get_exclude(request, obj) or ())
        asks = obj is None and request.user.is_superuser and not self._has_connection()
        return excluded if asks else [*excluded, "organization"]

    def get_readonly_fields(self, request: HttpRequest, obj: models.Model | None = None) -> list[str]:
        names = {field.name for field in self.model._meta.get_fields()}
        fixed = [name for name in self.immutable if obj is not None and name in names]
        return list(dict.fromkeys([*super().get_readonly_fields(request, obj), *fixed]))

    def save_form(self, request: HttpRequest, form: Any, change: bool) -> Any:
        row = super().save_form(request, form, change)
        if not change and row.organization_id is None:
            row.organization_id = organization_id_for(request, row)
        return row

    def _has_connection(self) -> bool:
        return any(field.name == "connection" for field in self.model._meta.get_fields())


class RecordAdmin(HubModelAdmin):
    """What happened, to be read and never written here."""

    list_disable_select_all = True
    actions = None

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        return [_RETOLD.get(name, name) for name in super().get_list_display(request)]

    def get_fields(self, request: HttpRequest, obj: models.Model | None = None) -> list[Any]:
        return [_RETOLD.get(name, name) for name in super().get_fields(request, obj)]

    def get_readonly_fields(self, request: HttpRequest, obj: models.Model | None = None) -> list[Any]:
        return [*super().get_readonly_fields(request, obj), *_RETOLD.values()]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return False


class TenantRecordAdmin(RecordAdmin, TenantAdmin):
    """Records of an organization, in a table too big to count."""

    paginator = InfinitePaginator
    show_full_result_count = False
    immutable = ()


class LoggedAdmin(TenantRecordAdmin):
    """Records that outlive their connection, which a join would hide with it: its name is looked up beside."""

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Any]:
        name = Connection.objects.filter(pk=models.OuterRef("connection_id")).values("connection_name")[:1]
        rows: models.QuerySet[Any] = super().get_queryset(request)
        named: models.QuerySet[Any] = rows.annotate(_connection_name=models.Subquery(name))
        return named

    @display(description=gettext_lazy("connection"))
    def connection_label(self, row: Any) -> str:
        return row._connection_name or "–"


class SecretField(forms.CharField):
    """A secret on its way in. It is never shown again, not even when the form comes back with an error."""

    def __init__(self, **options: Any) -> None:
        widget = UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password", "spellcheck": "false"})
        super().__init__(**{"max_length": 20_000, "widget": widget, **options})

    def clean(self, value: Any) -> Secret:
        return Secret(super().clean(value))


def organization_id_for(request: HttpRequest, row: Any) -> uuid.UUID | None:
    """The organization of a new row: its connection's, else the one that this person works for."""
    connection = getattr(row, "connection", None)
    if connection is not None:
        return connection.organization_id
    organization = getattr(request, "organization", None)
    return organization.pk if organization else None


def blame(form: forms.BaseForm, error: InvalidRequest) -> None:
    """Put an operation's refusal beside the field that it names, where the form has it."""
    field = error.field.rpartition(".")[2]
    form.add_error(field if field in form.fields else None, error.translated())


def _for_super_admins(request: HttpRequest, *columns: Any) -> tuple[Any, ...]:
    return columns if request.user.is_superuser else ()
