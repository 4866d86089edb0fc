import django.db.models.functions.datetime
from django.db import migrations, models

import integrations.models.base

# With the rights of its owner: whoever may delete an event need not see what other organizations have deleted.
_NOTE_FILES = """
CREATE FUNCTION webhook_events_note_files() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO public.webhook_files_to_remove (id, name) SELECT id, body FROM gone WHERE body > '';
    RETURN NULL;
END
$$;
CREATE TRIGGER webhook_events_note_files AFTER DELETE ON webhook_events REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION webhook_events_note_files();
"""
_FORGET = """
DROP TRIGGER webhook_events_note_files ON webhook_events;
DROP FUNCTION webhook_events_note_files();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("webhooks", "0009_forwarding"),
    ]

    operations = [
        migrations.CreateModel(
            name="FileToRemove",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=integrations.models.base.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                (
                    "created_at",
                    models.DateTimeField(
                        auto_now_add=True, db_default=django.db.models.functions.datetime.Now(), verbose_name="created"
                    ),
                ),
                ("name", models.CharField(max_length=255, verbose_name="name")),
            ],
            options={
                "verbose_name": "file to remove",
                "verbose_name_plural": "files to remove",
                "db_table": "webhook_files_to_remove",
                "ordering": ("id",),
            },
        ),
        migrations.RunSQL(_NOTE_FILES, _FORGET),
    ]
