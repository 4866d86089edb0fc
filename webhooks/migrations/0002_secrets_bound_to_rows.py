from django.db import migrations

from integrations.sealed_columns import bind_to_rows


class Migration(migrations.Migration):
    dependencies = [
        ("integrations", "0005_secrets_bound_to_rows"),
        ("webhooks", "0001_initial"),
    ]

    operations = [
        bind_to_rows("webhook_endpoints", "webhook_secret", "previous_webhook_secret"),
    ]
