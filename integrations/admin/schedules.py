"""The schedules of background work, in our look."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django_celery_beat.admin import (
    ClockedScheduleAdmin as BeatClockedScheduleAdmin,
)
from django_celery_beat.admin import (
    CrontabScheduleAdmin as BeatCrontabScheduleAdmin,
)
from django_celery_beat.admin import PeriodicTaskAdmin as BeatPeriodicTaskAdmin
from django_celery_beat.admin import PeriodicTaskForm, TaskSelectWidget
from django_celery_beat.models import (
    ClockedSchedule,
    CrontabSchedule,
    IntervalSchedule,
    PeriodicTask,
    SolarSchedule,
)
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from .base import HubModelAdmin

for model in (ClockedSchedule, CrontabSchedule, IntervalSchedule, PeriodicTask, SolarSchedule):
    admin.site.unregister(model)


class RegisteredTaskWidget(UnfoldAdminSelectWidget, TaskSelectWidget):
    """The tasks that the workers know."""


class ScheduledTaskForm(PeriodicTaskForm):
    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        self.fields["task"].widget = UnfoldAdminTextInputWidget()
        self.fields["regtask"].widget = RegisteredTaskWidget()


@admin.register(PeriodicTask)
class PeriodicTaskAdmin(BeatPeriodicTaskAdmin, HubModelAdmin):
    form = ScheduledTaskForm

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """The base reads schedules before it asks who wants to know; a tenant may not read them."""
        if not self.has_view_or_change_permission(request):
            raise PermissionDenied
        return super().changeform_view(request, *args, **kwargs)


@admin.register(IntervalSchedule)
class IntervalScheduleAdmin(HubModelAdmin):
    list_display = ("__str__", "every", "period")


@admin.register(CrontabSchedule)
class CrontabScheduleAdmin(BeatCrontabScheduleAdmin, HubModelAdmin):
    pass


@admin.register(ClockedSchedule)
class ClockedScheduleAdmin(BeatClockedScheduleAdmin, HubModelAdmin):
    pass


@admin.register(SolarSchedule)
class SolarScheduleAdmin(HubModelAdmin):
    list_display = ("__str__", "event", "latitude", "longitude")
