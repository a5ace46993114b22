"""SQL that migrations share, so that no table forgets half of it."""

from __future__ import annotations

# Roles belong to the cluster, not to the database: another database of the same cluster may have
# made them already, or be making them now. A login that is no superuser has to be able to take on
# both (the second to hand functions over to it), but inherits neither: without a tenant it sees
# nothing.
ROLES = """
DO $$
DECLARE wanted text;
BEGIN
    FOREACH wanted IN ARRAY ARRAY['alga_workflows', 'alga_workflows_scan'] LOOP
        BEGIN
            IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted) THEN
                EXECUTE format('CREATE ROLE %I NOLOGIN', wanted);
            END IF;
        EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
        END;
        IF EXISTS (SELECT FROM pg_roles WHERE rolname = wanted
                   AND (rolsuper OR rolbypassrls OR rolcanlogin)) THEN
            RAISE insufficient_privilege
                USING MESSAGE = format('role %s is not NOSUPERUSER NOBYPASSRLS NOLOGIN', wanted);
        END IF;
        BEGIN
            IF NOT pg_has_role(current_user, wanted, 'SET') THEN
                EXECUTE format('GRANT %I TO CURRENT_USER WITH INHERIT FALSE, SET TRUE', wanted);
            END IF;
        EXCEPTION WHEN unique_violation THEN NULL;
        END;
    END LOOP;
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO alga_workflows, alga_workflows_scan',
                   current_schema());
END $$;
"""


def tenant_tables(*tables: str, delete: bool = False) -> str:
    """Close tables with a `tenant` column to other tenants, and open them to the role of units of
    work: reading, inserting, updating, and deleting where `delete`."""
    # A tenant that is not set is null, or empty where a former transaction has set one.
    allowed = "SELECT, INSERT, UPDATE, DELETE" if delete else "SELECT, INSERT, UPDATE"
    return "".join(
        f"""
ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;
ALTER TABLE {table} FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_rows ON {table} TO alga_workflows
    USING (tenant = nullif(current_setting('alga.tenant', true), ''))
    WITH CHECK (tenant = nullif(current_setting('alga.tenant', true), ''));
GRANT {allowed} ON {table} TO alga_workflows;
"""
        for table in tables
    )


def checked_states(table: str, machine: str, column: str = "state") -> str:
    """Have the database refuse unknown states of a column, and changes that
    `alga_state_transitions` does not list for the machine. Needs migration 0007."""
    return f"""
CREATE TRIGGER known_state BEFORE INSERT ON {table}
    FOR EACH ROW EXECUTE FUNCTION alga_check_state('{machine}', '{column}');
CREATE TRIGGER legal_transition BEFORE UPDATE ON {table}
    FOR EACH ROW WHEN (OLD.{column} IS DISTINCT FROM NEW.{column})
    EXECUTE FUNCTION alga_check_state('{machine}', '{column}');
"""


def functions_across_tenants(*signatures: str) -> str:
    """Have functions that are SECURITY DEFINER run as the role that sees what its policies name,
    callable by the role of units of work only."""
    listed = ", ".join(f"'{signature}'" for signature in signatures)
    return f"""
DO $$
DECLARE
    here text := current_schema();
    signature regprocedure;
BEGIN
    -- A function's owner needs CREATE on its schema at the moment it becomes the owner.
    EXECUTE format('GRANT CREATE ON SCHEMA %I TO alga_workflows_scan', here);
    FOREACH signature IN ARRAY ARRAY[{listed}]::regprocedure[] LOOP
        EXECUTE format('ALTER FUNCTION %s SET search_path = %I, pg_temp', signature, here);
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', signature);
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO alga_workflows', signature);
        EXECUTE format('ALTER FUNCTION %s OWNER TO alga_workflows_scan', signature);
    END LOOP;
    EXECUTE format('REVOKE CREATE ON SCHEMA %I FROM alga_workflows_scan', here);
END $$;
"""


def own_search_path(*signatures: str) -> str:
    """Have functions find our tables, whatever the search path of whoever calls them."""
    listed = ", ".join(f"'{signature}'" for signature in signatures)
    return f"""
DO $$
DECLARE signature regprocedure;
BEGIN
    FOREACH signature IN ARRAY ARRAY[{listed}]::regprocedure[] LOOP
        EXECUTE format('ALTER FUNCTION %s SET search_path = %I, pg_temp',
                       signature, current_schema());
    END LOOP;
END $$;
"""
