"""SQL that opens tables to the erasing of one tenant's rows."""

from __future__ import annotations

ERASING_ROLE = """
DO $$
BEGIN
    BEGIN
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'alga_workflows_erase') THEN
            CREATE ROLE alga_workflows_erase NOLOGIN;
        END IF;
    EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
    END;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'alga_workflows_erase'
               AND (rolsuper OR rolbypassrls OR rolcanlogin)) THEN
        RAISE insufficient_privilege
            USING MESSAGE = 'role alga_workflows_erase is not NOSUPERUSER NOBYPASSRLS NOLOGIN';
    END IF;
    BEGIN
        IF NOT pg_has_role('alga_workflows', 'alga_workflows_erase', 'SET') THEN
            GRANT alga_workflows_erase TO alga_workflows WITH INHERIT FALSE, SET TRUE;
        END IF;
    EXCEPTION WHEN unique_violation THEN NULL;
    END;
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO alga_workflows_erase', current_schema());
END $$;
"""
"""The role that reads, empties and deletes rows of one tenant in every table, and does nothing
else. Whoever may act as `alga_workflows` may act as this one, but inherits nothing of it."""

OPEN_TO_ERASING = """
DO $$
DECLARE
    found record;
BEGIN
    FOR found IN
        SELECT c.oid, format('%I.%I', n.nspname, c.relname) AS name, c.relrowsecurity AS guarded
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant' AND NOT a.attisdropped
        WHERE n.nspname = current_schema() AND c.relkind = 'r'
    LOOP
        EXECUTE format('GRANT SELECT, UPDATE, DELETE ON %s TO alga_workflows_erase', found.name);
        IF found.guarded AND NOT EXISTS (
            SELECT FROM pg_policy WHERE polrelid = found.oid AND polname = 'erased_rows'
        ) THEN
            EXECUTE format('CREATE POLICY erased_rows ON %s TO alga_workflows_erase'
                ' USING (tenant = nullif(current_setting(''alga.tenant'', true), ''''))',
                found.name);
        END IF;
    END LOOP;
END $$;
"""
"""Every table of the schema that has a column `tenant`; a migration that adds such tables, and
comes later, runs it again."""
