from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("integrations", "0012_fees_of_gateways"),
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
