import django.db.models.functions.datetime
from django.db import migrations, models

import integrations.models.base

# With the rights of its owner: whoever may delete a proof need not see what other organizations have deleted.
_NOTE_FILES = """
CREATE FUNCTION payment_proofs_note_files() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO public.payment_proofs_to_remove (id, name) SELECT id, storage_key FROM gone;
    RETURN NULL;
END
$$;
CREATE TRIGGER payment_proofs_note_files AFTER DELETE ON payment_proofs REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION payment_proofs_note_files();
"""
_FORGET = """
DROP TRIGGER payment_proofs_note_files ON payment_proofs;
DROP FUNCTION payment_proofs_note_files();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("integrations", "0015_export_payments"),
    ]

    operations = [
        migrations.CreateModel(
            name="ProofToRemove",
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
                "verbose_name": "proof to remove",
                "verbose_name_plural": "proofs to remove",
                "db_table": "payment_proofs_to_remove",
                "ordering": ("id",),
            },
        ),
        migrations.RunSQL(_NOTE_FILES, _FORGET),
    ]
