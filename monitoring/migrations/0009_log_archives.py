import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

import integrations.fields
import integrations.models.base
from integrations.row_level_security import wall

# With the rights of its owner, as that of webhook events, whose removal of files this one shares.
_NOTE_FILES = """
CREATE FUNCTION log_archives_note_files() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO public.webhook_files_to_remove (id, name) SELECT gen_random_uuid(), file FROM gone WHERE file > '';
    RETURN NULL;
END
$$;
CREATE TRIGGER log_archives_note_files AFTER DELETE ON log_archives REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION log_archives_note_files();
"""
_FORGET_FILES = """
DROP TRIGGER log_archives_note_files ON log_archives;
DROP FUNCTION log_archives_note_files();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("integrations", "0015_export_payments"),
        ("webhooks", "0011_verified_but_for_tests"),
        ("monitoring", "0008_daily_totals"),
    ]

    operations = [
        migrations.CreateModel(
            name="LogArchive",
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
                (
                    "month",
                    models.DateField(help_text="Its first day; months are those of UTC.", verbose_name="month"),
                ),
                ("part", models.PositiveIntegerField(verbose_name="part")),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("writing", "Being written"),
                            ("written", "Written"),
                            ("verified", "Read back"),
                            ("matched", "Compared with the database"),
                            ("archived", "Archived"),
                            ("restored", "Restored"),
                        ],
                        default="writing",
                        max_length=8,
                        verbose_name="status",
                    ),
                ),
                ("file", models.CharField(max_length=255, verbose_name="file")),
                ("file_key", integrations.fields.EncryptedTextField(editable=False)),
                ("file_bytes", models.PositiveBigIntegerField(default=0, verbose_name="bytes of the file")),
                ("rows", models.PositiveIntegerField(default=0, verbose_name="calls")),
                (
                    "size",
                    models.PositiveBigIntegerField(
                        default=0, help_text="Of the lines, before compression.", verbose_name="bytes"
                    ),
                ),
                (
                    "sha256",
                    models.CharField(
                        blank=True,
                        help_text="Of the lines, before compression.",
                        max_length=64,
                        verbose_name="SHA-256",
                    ),
                ),
                (
                    "columns",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=63), default=list, size=None, verbose_name="columns"
                    ),
                ),
                ("first_at", models.DateTimeField(null=True, verbose_name="first call")),
                ("first_id", models.UUIDField(editable=False, null=True)),
                ("last_at", models.DateTimeField(null=True, verbose_name="last call")),
                ("last_id", models.UUIDField(editable=False, null=True)),
                ("detached_at", models.DateTimeField(null=True, verbose_name="taken out of the log")),
                ("restored_at", models.DateTimeField(null=True, verbose_name="restored")),
                ("restored_until", models.DateTimeField(null=True, verbose_name="restored until")),
                (
                    "organization",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="integrations.organization",
                        verbose_name="organization",
                    ),
                ),
            ],
            options={
                "verbose_name": "archive of calls",
                "verbose_name_plural": "archives of calls",
                "db_table": "log_archives",
                "ordering": ("-month", "organization", "part"),
                "indexes": [models.Index(fields=["organization", "-month"], name="log_archives_organization")],
                "constraints": [
                    models.UniqueConstraint(fields=("month", "organization", "part"), name="log_archives_part")
                ],
            },
        ),
        wall("log_archives", privileges="SELECT"),
        migrations.RunSQL(_NOTE_FILES, _FORGET_FILES),
    ]
