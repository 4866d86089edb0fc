from django.db import migrations

from integrations.row_level_security import APPEND_ONLY, wall


class Migration(migrations.Migration):
    dependencies = [
        ("admin", "0003_logentry_add_action_flag_choices"),
        ("integrations", "0001_initial"),
    ]

    # The admin's own history: people see what the people of their organizations did.
    operations = [
        wall(
            "django_admin_log",
            privileges=APPEND_ONLY,
            visible="EXISTS (SELECT FROM memberships m WHERE m.user_id = django_admin_log.user_id)",
        ),
    ]
