from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("integrations", "0014_offline_payments"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="payment",
            options={
                "ordering": ("-id",),
                "permissions": [("export_payment", "Can export payments with their customers")],
                "verbose_name": "payment",
                "verbose_name_plural": "payments",
            },
        ),
    ]
