"""Projects, their code as bundles and as the builder's rows, API keys, files and cached results.

Revision ID: 0001
Revises:
"""

from __future__ import annotations

from alga_temporal_domain.storage.migrations.document_views import document_view
from alga_workflows_core.infra.migration_scripts import (
    ROLES,
    functions_across_tenants,
    own_search_path,
    tenant_tables,
)

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# The tenant of whoever inserts without naming one: that of the session, or of a login that works
# for one tenant alone.
_TENANT = "coalesce(nullif(current_setting('alga.tenant', true), ''), 'default')"

# Whoever may connect may ask which release the schema belongs to.
VERSION = """
GRANT USAGE ON SCHEMA alga_domain TO PUBLIC;
GRANT SELECT ON alga_temporal_domain_version TO PUBLIC;
"""

# `desired` is what people asked for, `asleep` what the service decided for want of work. Both are
# wishes; what is, stands in the workers' rows. `code_seq` counts changes of the builder's rows,
# `collected_seq` says up to which they have become a bundle. A limit that is null is the bundle's.
PROJECTS = f"""
CREATE TABLE projects (
    tenant text NOT NULL DEFAULT {_TENANT},
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    name varchar(255) NOT NULL,
    description text,
    created_by text NOT NULL DEFAULT current_user,
    task_queue_name varchar(255) NOT NULL UNIQUE,
    is_active boolean NOT NULL DEFAULT true,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    total_workflow_executions bigint NOT NULL DEFAULT 0,
    total_activity_executions bigint NOT NULL DEFAULT 0,
    avg_execution_duration_ms integer NOT NULL DEFAULT 0,
    last_execution_at timestamptz,
    desired text NOT NULL DEFAULT 'STOPPED' CHECK (desired IN ('RUNNING', 'STOPPED')),
    asleep boolean NOT NULL DEFAULT false,
    generation integer NOT NULL DEFAULT 0,
    slots integer NOT NULL DEFAULT 1 CHECK (slots BETWEEN 1 AND 10),
    most_slots integer NOT NULL DEFAULT 4 CHECK (most_slots BETWEEN 1 AND 10),
    idle_seconds integer CHECK (idle_seconds > 0),
    limit_activities integer CHECK (limit_activities BETWEEN 1 AND 1000),
    limit_workflows integer CHECK (limit_workflows BETWEEN 1 AND 1000),
    limit_memory_mb integer CHECK (limit_memory_mb BETWEEN 64 AND 65536),
    code_seq bigint NOT NULL DEFAULT 0,
    collected_seq bigint NOT NULL DEFAULT 0,
    UNIQUE (tenant, id),
    UNIQUE (tenant, created_by, name)
);
CREATE INDEX projects_newest ON projects (tenant, created_at DESC, id DESC);
CREATE INDEX projects_to_collect ON projects (id) WHERE code_seq > collected_seq;

CREATE FUNCTION project_defaults() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.task_queue_name IS NULL THEN
        NEW.task_queue_name := 'project-' || NEW.id;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER project_defaults BEFORE INSERT ON projects
    FOR EACH ROW EXECUTE FUNCTION project_defaults();

CREATE TABLE workflows (
    tenant text NOT NULL DEFAULT {_TENANT},
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    project_id uuid NOT NULL,
    name varchar(255) NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    FOREIGN KEY (tenant, project_id) REFERENCES projects (tenant, id)
);
CREATE INDEX workflows_of_a_project ON workflows (tenant, project_id);
"""

BUNDLES = """
CREATE TABLE code_bundles (
    tenant text NOT NULL,
    project_id uuid NOT NULL,
    hash text NOT NULL CHECK (hash ~ '^[0-9a-f]{64}$'),
    manifest json NOT NULL,
    files json NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    created_by text NOT NULL,
    PRIMARY KEY (project_id, hash),
    FOREIGN KEY (tenant, project_id) REFERENCES projects (tenant, id)
);
CREATE INDEX code_bundles_newest ON code_bundles (tenant, project_id, created_at DESC, hash);

CREATE TABLE code_activations (
    tenant text NOT NULL,
    project_id uuid NOT NULL,
    seq integer NOT NULL CHECK (seq > 0),
    hash text NOT NULL,
    mode text NOT NULL CHECK (mode IN ('PINNED', 'AUTO_UPGRADE')),
    ramp_percent integer NOT NULL DEFAULT 100 CHECK (ramp_percent BETWEEN 1 AND 100),
    actor text NOT NULL,
    reason text,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (project_id, seq),
    FOREIGN KEY (tenant, project_id) REFERENCES projects (tenant, id),
    FOREIGN KEY (project_id, hash) REFERENCES code_bundles (project_id, hash)
);

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is never changed; publish another bundle', TG_TABLE_NAME
        USING ERRCODE = 'AW002';
END $$;
CREATE TRIGGER immutable BEFORE UPDATE OR DELETE ON code_bundles
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER immutable BEFORE UPDATE OR DELETE ON code_activations
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
"""

# `language` null: TypeScript if the row brings a package.json or a tsconfig.json, else Python.
COMPILED_CODE = """
CREATE TABLE workflow_compiled_code (
    tenant text NOT NULL
        DEFAULT coalesce(nullif(current_setting('alga.tenant', true), ''), 'default'),
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    workflow_id uuid NOT NULL,
    project_id uuid,
    version varchar(50) NOT NULL,
    workflow_code text NOT NULL,
    activities_code text NOT NULL DEFAULT '',
    worker_code text NOT NULL DEFAULT '',
    package_json text NOT NULL DEFAULT '',
    tsconfig_json text NOT NULL DEFAULT '',
    language text,
    compiled_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    compiled_by text NOT NULL DEFAULT current_user,
    is_active boolean NOT NULL DEFAULT true,
    execution_count bigint NOT NULL DEFAULT 0,
    avg_execution_duration_ms integer NOT NULL DEFAULT 0,
    error_count bigint NOT NULL DEFAULT 0,
    last_executed_at timestamptz,
    bundle_hash text,
    findings json,
    UNIQUE (tenant, workflow_id, version),
    FOREIGN KEY (tenant, project_id) REFERENCES projects (tenant, id)
);
CREATE INDEX workflow_compiled_code_active
    ON workflow_compiled_code (tenant, project_id) WHERE is_active;

CREATE FUNCTION compiled_code_project() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.project_id IS NULL THEN
        SELECT w.project_id INTO NEW.project_id FROM workflows w
        WHERE w.tenant = NEW.tenant AND w.id = NEW.workflow_id;
    END IF;
    IF NEW.project_id IS NULL THEN
        RAISE EXCEPTION 'workflow % belongs to no project; set project_id, or insert the workflow '
            'into workflows first', NEW.workflow_id USING ERRCODE = 'foreign_key_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER compiled_code_project BEFORE INSERT ON workflow_compiled_code
    FOR EACH ROW EXECUTE FUNCTION compiled_code_project();

CREATE FUNCTION compiled_code_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE projects SET code_seq = code_seq + 1
    WHERE tenant = NEW.tenant AND id = NEW.project_id;
    PERFORM pg_notify('alga_domain', 'code');
    RETURN NULL;
END $$;
CREATE TRIGGER changed AFTER INSERT ON workflow_compiled_code
    FOR EACH ROW EXECUTE FUNCTION compiled_code_changed();
CREATE TRIGGER changed_later AFTER UPDATE ON workflow_compiled_code
    FOR EACH ROW WHEN (
        (OLD.is_active, OLD.workflow_code, OLD.activities_code, OLD.worker_code,
         OLD.package_json, OLD.tsconfig_json, OLD.language)
        IS DISTINCT FROM
        (NEW.is_active, NEW.workflow_code, NEW.activities_code, NEW.worker_code,
         NEW.package_json, NEW.tsconfig_json, NEW.language))
    EXECUTE FUNCTION compiled_code_changed();
"""

WHAT_ACTIVITIES_KEEP = """
CREATE TABLE project_files (
    tenant text NOT NULL,
    project_id uuid NOT NULL,
    name text NOT NULL,
    content bytea NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (project_id, name),
    FOREIGN KEY (tenant, project_id) REFERENCES projects (tenant, id)
);

CREATE TABLE project_cache (
    tenant text NOT NULL,
    project_id uuid NOT NULL,
    key text NOT NULL,
    value json NOT NULL,
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (project_id, key),
    FOREIGN KEY (tenant, project_id) REFERENCES projects (tenant, id)
);
CREATE INDEX project_cache_expired ON project_cache (expires_at);
"""

KEYS = """
CREATE TABLE api_keys (
    tenant text NOT NULL,
    id uuid NOT NULL,
    name text NOT NULL,
    role text NOT NULL,
    hash text NOT NULL UNIQUE,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    revoked_at timestamptz,
    PRIMARY KEY (tenant, id)
);
"""

ACROSS_TENANTS = """
GRANT SELECT (tenant, id, role, hash, revoked_at) ON api_keys TO alga_workflows_scan;
CREATE POLICY scan_reads ON api_keys FOR SELECT TO alga_workflows_scan USING (true);
CREATE FUNCTION authenticate(key_hash text)
    RETURNS TABLE (tenant text, key_id uuid, role text)
LANGUAGE sql STABLE SECURITY DEFINER AS $$
    SELECT k.tenant, k.id, k.role FROM api_keys k
    WHERE k.hash = key_hash AND k.revoked_at IS NULL
$$;

GRANT SELECT ON projects TO alga_workflows_scan;
CREATE POLICY scan_reads ON projects FOR SELECT TO alga_workflows_scan USING (true);
CREATE FUNCTION projects_to_collect(at_most integer)
    RETURNS TABLE (tenant text, project_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER AS $$
    SELECT p.tenant, p.id FROM projects p WHERE p.code_seq > p.collected_seq
    ORDER BY p.id LIMIT at_most
$$;
"""

DOCUMENT = (
    document_view(
        "projects",
        "SELECT id, name, description, created_by, task_queue_name, is_active, created_at,"
        " updated_at, total_workflow_executions, total_activity_executions,"
        " avg_execution_duration_ms, last_execution_at FROM projects",
    ),
    document_view("workflows", "SELECT id, project_id, name, created_at FROM workflows"),
    document_view(
        "workflow_compiled_code",
        "SELECT id, workflow_id, project_id, version, workflow_code, activities_code, worker_code,"
        " package_json, tsconfig_json, language, compiled_at, compiled_by, is_active,"
        " execution_count, avg_execution_duration_ms, error_count, last_executed_at, bundle_hash,"
        " findings FROM workflow_compiled_code",
    ),
)

SCRIPTS: tuple[str, ...] = (
    ROLES,
    VERSION,
    PROJECTS,
    BUNDLES,
    COMPILED_CODE,
    own_search_path("compiled_code_project()", "compiled_code_changed()"),
    WHAT_ACTIVITIES_KEEP,
    KEYS,
    tenant_tables("projects", "workflows", "workflow_compiled_code", "api_keys"),
    tenant_tables("code_bundles", "code_activations"),
    tenant_tables("project_files", "project_cache", delete=True),
    ACROSS_TENANTS,
    functions_across_tenants("authenticate(text)", "projects_to_collect(integer)"),
    *DOCUMENT,
)
