from django.db import migrations

import integrations.fields
from integrations.sealed_columns import bind_to_rows


class Migration(migrations.Migration):
    dependencies = [
        ("integrations", "0004_rate_limit_lots"),
    ]

    operations = [
        migrations.AddField(
            model_name="paymentoperation",
            name="payment_token",
            field=integrations.fields.EncryptedTextField(editable=False, null=True),
        ),
        bind_to_rows("api_credentials", "encrypted_value"),
        bind_to_rows("payments", "client_secret"),
        bind_to_rows("sandbox_webhooks", "secret"),
        bind_to_rows("social_media_accounts", "access_token", "refresh_token"),
    ]
