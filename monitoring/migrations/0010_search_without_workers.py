"""A search for words asks several times for keys, each time for a few: to start workers for that takes longer than to read."""

from django.db import migrations

_FUNCTION = "ALTER FUNCTION log_ids_with(tsquery, timestamptz, timestamptz)"


class Migration(migrations.Migration):
    dependencies = [("monitoring", "0009_log_archives")]

    operations = [
        migrations.RunSQL(
            f"{_FUNCTION} SET max_parallel_workers_per_gather = 0",
            f"{_FUNCTION} RESET max_parallel_workers_per_gather",
        )
    ]
