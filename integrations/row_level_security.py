"""Migration operations that build the wall: the tenant role, its grants, and one policy of the same shape a table."""

from __future__ import annotations

from django.db import migrations

from .tenancy import ORGANIZATION_SETTING, TENANT_ROLE

# Roles belong to the cluster, not to the database: two databases that migrate at once may both try to make it.
_CREATE_ROLE = f"""
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{TENANT_ROLE}') THEN
        CREATE ROLE {TENANT_ROLE} NOLOGIN NOINHERIT;
    END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN
    NULL;
END
$$;
DO $$
BEGIN
    IF NOT pg_has_role(current_user, '{TENANT_ROLE}', 'MEMBER') THEN
        EXECUTE format('GRANT {TENANT_ROLE} TO %I', current_user);
    END IF;
END
$$;
GRANT USAGE ON SCHEMA public TO {TENANT_ROLE};
"""

_CURRENT = f"nullif(current_setting('{ORGANIZATION_SETTING}', true), '')::uuid"
ALL = "SELECT, INSERT, UPDATE, DELETE"
APPEND_ONLY = "SELECT, INSERT"


def create_tenant_role() -> migrations.RunSQL:
    """The role stays on reversal: other databases of the cluster may use it."""
    return migrations.RunSQL(_CREATE_ROLE, migrations.RunSQL.noop)


def grant(table: str, privileges: str) -> migrations.RunSQL:
    """Let tenants use a table that is no tenant's own."""
    return migrations.RunSQL(
        f"GRANT {privileges} ON {table} TO {TENANT_ROLE};", f"REVOKE {privileges} ON {table} FROM {TENANT_ROLE};"
    )


def wall(table: str, *, privileges: str = ALL, visible: str = f"organization_id = {_CURRENT}") -> migrations.RunSQL:
    """Enable row-level security on `table`: tenants read and write the rows for which `visible` holds."""
    return migrations.RunSQL(
        f"""
        ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;
        CREATE POLICY {table}_tenant ON {table} FOR ALL TO {TENANT_ROLE} USING ({visible}) WITH CHECK ({visible});
        GRANT {privileges} ON {table} TO {TENANT_ROLE};
        """,
        f"""
        REVOKE ALL ON {table} FROM {TENANT_ROLE};
        DROP POLICY {table}_tenant ON {table};
        ALTER TABLE {table} DISABLE ROW LEVEL SECURITY;
        """,
    )


def readable_where(table: str, condition: str, *, privileges: str = "SELECT") -> migrations.RunSQL:
    """Enable row-level security on a table that tenants only read. `{current}` stands for the current organization."""
    return wall(table, privileges=privileges, visible=condition.format(current=_CURRENT))


def append_only(table: str) -> migrations.RunSQL:
    """Refuse UPDATE and DELETE to everyone, but for retention, which says so in its own transaction."""
    return migrations.RunSQL(
        f"""
        CREATE FUNCTION {table}_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF current_setting('hub.retention', true) = 'on' THEN
                RETURN coalesce(NEW, OLD);
            END IF;
            RAISE EXCEPTION '{table} is append only' USING ERRCODE = 'restrict_violation';
        END
        $$;
        CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table}
            FOR EACH ROW EXECUTE FUNCTION {table}_append_only();
        """,
        f"DROP TRIGGER {table}_append_only ON {table}; DROP FUNCTION {table}_append_only();",
    )
