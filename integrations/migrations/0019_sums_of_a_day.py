from decimal import Decimal

from django.db import migrations

import integrations.models.payments


def _wide(name: str) -> migrations.AlterField:
    """Nothing is rewritten: the scale stays the same."""
    column = integrations.models.payments.MoneyField(
        decimal_places=4, default=Decimal("0"), max_digits=28, verbose_name=name
    )
    return migrations.AlterField(model_name="paymentsettlement", name=name, field=column)


class Migration(migrations.Migration):
    dependencies = [
        ("integrations", "0018_time_zone_known"),
    ]

    operations = [_wide(name) for name in ("captured", "refunded", "fees", "net", "disputed")]
