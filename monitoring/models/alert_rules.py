"""When an alert is opened, whom it is told, how often, and when nobody is."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from integrations.models.base import IdentifiedModel, TenantModel, TimestampedModel, organization_key

from .alert_channels import AlertChannel
from .alerts import Alert

DAY_MINUTES = 24 * 60


class AlertRule(TenantModel, TimestampedModel):
    """`threshold` is in percent of the calls (error_rate), in days ahead (credential_expiring), or in dirhams a
    calendar month of the organization (budget). Without a connection a rule is about all, and a budget about their sum.
    """

    name = models.CharField(_("name"), max_length=100, blank=True, help_text=_("Empty: what it is about."))
    kind = models.CharField(_("kind"), max_length=24, choices=Alert.Kind)
    connection = models.ForeignKey(
        "integrations.Connection", on_delete=models.CASCADE, null=True, blank=True, related_name="+",
        verbose_name=_("connection"), help_text=_("Empty: all of them."),
    )  # fmt: skip
    threshold = models.DecimalField(
        _("threshold"), max_digits=14, decimal_places=2, null=True, blank=True, validators=[MinValueValidator(0)]
    )
    window_minutes = models.PositiveSmallIntegerField(
        _("counted over (minutes)"), default=10, validators=[MinValueValidator(1), MaxValueValidator(60)]
    )
    minimum_calls = models.PositiveIntegerField(
        _("calls at least"), default=20, validators=[MinValueValidator(1)],
        help_text=_("Fewer say nothing about a rate of errors."),
    )  # fmt: skip
    for_minutes = models.PositiveSmallIntegerField(
        _("for how long (minutes)"), default=0, validators=[MaxValueValidator(DAY_MINUTES)],
        help_text=_("It must be so for this long before an alert is opened."),
    )  # fmt: skip
    tells_all_channels = models.BooleanField(_("tell all channels"), default=True)
    channels = models.ManyToManyField(
        AlertChannel, through="AlertRuleChannel", related_name="rules", verbose_name=_("channels")
    )
    repeat_minutes = models.PositiveSmallIntegerField(
        _("repeat after (minutes)"), null=True, blank=True, default=60, validators=[MinValueValidator(5)],
        help_text=_("Each pause is twice as long as the one before. Empty: never."),
    )  # fmt: skip
    repeat_at_most_minutes = models.PositiveSmallIntegerField(
        _("longest pause (minutes)"), default=DAY_MINUTES, validators=[MinValueValidator(5)]
    )
    escalate_after_minutes = models.PositiveSmallIntegerField(
        _("escalate after (minutes)"), null=True, blank=True, validators=[MinValueValidator(1)],
        help_text=_("Without an acknowledgement, further channels are told. Empty: never."),
    )  # fmt: skip
    is_active = models.BooleanField(_("active"), default=True)

    class Meta:
        db_table = "alert_rules"
        verbose_name = _("alert rule")
        verbose_name_plural = _("alert rules")
        ordering = ("kind", "id")
        indexes: ClassVar = [
            models.Index(fields=["kind"], condition=models.Q(is_active=True), name="alert_rules_kind_active"),
        ]

    def __str__(self) -> str:
        return self.name or self.get_kind_display()


class AlertRuleChannel(TenantModel, IdentifiedModel):
    """A channel that a rule tells: at once, or when it escalates."""

    organization = organization_key(on_delete=models.CASCADE)
    rule = models.ForeignKey(AlertRule, on_delete=models.CASCADE, db_index=False, related_name="chosen")
    channel = models.ForeignKey(AlertChannel, on_delete=models.CASCADE, related_name="+")
    is_escalation = models.BooleanField(default=False)

    class Meta:
        db_table = "alert_rule_channels"
        verbose_name = _("channel of a rule")
        verbose_name_plural = _("channels of rules")
        constraints: ClassVar = [models.UniqueConstraint(fields=["rule", "channel"], name="alert_rule_channels_once")]

    def __str__(self) -> str:
        return f"{self.rule_id}: {self.channel_id}"


class AlertSilence(TenantModel, TimestampedModel):
    """When nobody is told: once from `starts_at` to `ends_at`, or every week on `weekdays` (Monday is 0) from
    `start_time` to `end_time` by the organization's clock, the next morning where the end is not later than the start.
    """

    name = models.CharField(_("name"), max_length=100)
    kind = models.CharField(
        _("kind"), max_length=24, choices=Alert.Kind, blank=True, help_text=_("Empty: alerts of every kind.")
    )
    connection = models.ForeignKey(
        "integrations.Connection", on_delete=models.CASCADE, null=True, blank=True, related_name="+",
        verbose_name=_("connection"), help_text=_("Empty: all of them."),
    )  # fmt: skip
    starts_at = models.DateTimeField(_("from"), null=True, blank=True)
    ends_at = models.DateTimeField(_("until"), null=True, blank=True)
    weekdays = ArrayField(models.PositiveSmallIntegerField(), default=list, blank=True, verbose_name=_("weekdays"))
    start_time = models.TimeField(_("from"), null=True, blank=True)
    end_time = models.TimeField(_("until"), null=True, blank=True)
    is_active = models.BooleanField(_("active"), default=True)

    class Meta:
        db_table = "alert_silences"
        verbose_name = _("alert silence")
        verbose_name_plural = _("alert silences")
        ordering = ("-id",)
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(weekdays=[], starts_at__isnull=False, ends_at__gt=models.F("starts_at"))
                | (
                    ~models.Q(weekdays=[])
                    & models.Q(starts_at=None, ends_at=None, start_time__isnull=False, end_time__isnull=False)
                ),
                name="alert_silences_once_or_weekly",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_weekly(self) -> bool:
        return bool(self.weekdays)
