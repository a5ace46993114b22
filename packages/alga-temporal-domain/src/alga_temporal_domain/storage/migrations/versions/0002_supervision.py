"""Supervision of project workers: versions of code, slots with leases, processes.

Revision ID: 0002
Revises: 0001
"""

from __future__ import annotations

from alga_workflows_core.infra.migration_scripts import (
    functions_across_tenants,
    own_search_path,
    tenant_tables,
)

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# What a project's bundle is to new and running executions. `seq` is the activation that made it
# so, `told_seq` the one that Temporal knows. `crashes` counts those in a row, `crash_times` are
# the recent ones. `extra` slots are there because of a backlog.
VERSIONS = """
CREATE TABLE code_versions (
    tenant text NOT NULL,
    project_id uuid NOT NULL,
    hash text NOT NULL,
    state text NOT NULL CHECK (state IN ('CURRENT', 'RAMPING', 'DRAINING', 'DRAINED')),
    ramp_percent integer NOT NULL DEFAULT 100,
    seq integer NOT NULL,
    told_seq integer,
    moved_seq integer,
    move_findings json,
    since timestamptz NOT NULL DEFAULT clock_timestamp(),
    deleted_at timestamptz,
    crashes integer NOT NULL DEFAULT 0,
    crash_times timestamptz[] NOT NULL DEFAULT '{}',
    retry_at timestamptz,
    quarantined_at timestamptz,
    reason text,
    extra integer NOT NULL DEFAULT 0 CHECK (extra >= 0),
    scaled_at timestamptz,
    PRIMARY KEY (project_id, hash),
    FOREIGN KEY (project_id, hash) REFERENCES code_bundles (project_id, hash)
);
CREATE UNIQUE INDEX code_versions_current ON code_versions (project_id) WHERE state = 'CURRENT';
CREATE UNIQUE INDEX code_versions_ramping ON code_versions (project_id) WHERE state = 'RAMPING';

CREATE FUNCTION version_activated() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    becomes text := 'CURRENT';
BEGIN
    IF NEW.ramp_percent < 100 AND EXISTS (
        SELECT FROM code_versions v
        WHERE v.project_id = NEW.project_id AND v.state = 'CURRENT' AND v.hash <> NEW.hash
    ) THEN
        becomes := 'RAMPING';
    END IF;
    UPDATE code_versions v SET state = 'DRAINING', since = clock_timestamp(), extra = 0
    WHERE v.project_id = NEW.project_id AND v.hash <> NEW.hash
      AND (v.state = 'RAMPING' OR (v.state = 'CURRENT' AND becomes = 'CURRENT'));
    UPDATE code_versions v SET seq = NEW.seq
    WHERE v.project_id = NEW.project_id AND v.hash <> NEW.hash AND v.state = 'CURRENT';
    INSERT INTO code_versions AS v (tenant, project_id, hash, state, ramp_percent, seq)
    VALUES (NEW.tenant, NEW.project_id, NEW.hash, becomes, NEW.ramp_percent, NEW.seq)
    ON CONFLICT (project_id, hash) DO UPDATE SET
        state = excluded.state, ramp_percent = excluded.ramp_percent, seq = excluded.seq,
        since = clock_timestamp(), deleted_at = NULL, crashes = 0, crash_times = '{}',
        retry_at = NULL, quarantined_at = NULL, reason = NULL, move_findings = NULL;
    UPDATE projects SET asleep = false WHERE id = NEW.project_id AND asleep;
    PERFORM pg_notify('alga_domain', 'versions');
    RETURN NULL;
END $$;
CREATE TRIGGER version_activated AFTER INSERT ON code_activations
    FOR EACH ROW EXECUTE FUNCTION version_activated();

-- To ask for a start again, or for a restart, is to say that what was wrong is no longer so.
CREATE FUNCTION wish_forgives() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE code_versions SET crashes = 0, crash_times = '{}', retry_at = NULL,
        quarantined_at = NULL, reason = NULL
    WHERE project_id = NEW.id AND (crashes > 0 OR quarantined_at IS NOT NULL);
    RETURN NULL;
END $$;
CREATE TRIGGER wish_forgives AFTER UPDATE OF desired ON projects
    FOR EACH ROW WHEN (NEW.desired = 'RUNNING') EXECUTE FUNCTION wish_forgives();

CREATE FUNCTION project_wished() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('alga_domain', 'projects');
    RETURN NULL;
END $$;
CREATE TRIGGER wished AFTER UPDATE ON projects
    FOR EACH ROW WHEN (
        (OLD.desired, OLD.asleep, OLD.generation, OLD.slots, OLD.most_slots, OLD.is_active)
        IS DISTINCT FROM
        (NEW.desired, NEW.asleep, NEW.generation, NEW.slots, NEW.most_slots, NEW.is_active))
    EXECUTE FUNCTION project_wished();
"""

# A slot's holder may act for it until `expires_at` by this server's clock. Each holder has an
# epoch of its own, so what one that has lost the slot still writes matches nothing.
SLOTS = """
CREATE TABLE worker_slots (
    tenant text NOT NULL,
    project_id uuid NOT NULL,
    hash text NOT NULL,
    number integer NOT NULL CHECK (number >= 0),
    holder text,
    epoch bigint NOT NULL DEFAULT 0,
    expires_at timestamptz NOT NULL DEFAULT '-infinity',
    claimed_at timestamptz,
    free_since timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (project_id, hash, number),
    FOREIGN KEY (project_id, hash) REFERENCES code_versions (project_id, hash)
);
CREATE INDEX worker_slots_of_a_holder ON worker_slots (holder);

CREATE TABLE supervisors (
    holder text PRIMARY KEY,
    seen_until timestamptz NOT NULL,
    projects integer NOT NULL,
    most_projects integer NOT NULL
);

CREATE VIEW wanted_slots AS
SELECT p.tenant, p.id AS project_id, v.hash, n.number, p.generation, v.state, v.seq, v.told_seq,
    v.retry_at
FROM projects p
JOIN code_versions v ON v.project_id = p.id
CROSS JOIN LATERAL generate_series(0, least(greatest(p.most_slots, p.slots), p.slots + v.extra) - 1)
    AS n (number)
WHERE p.is_active AND p.desired = 'RUNNING' AND NOT p.asleep
  AND v.state <> 'DRAINED' AND v.quarantined_at IS NULL;
"""

INSTANCES = """
CREATE TABLE worker_instances (
    tenant text NOT NULL,
    id uuid PRIMARY KEY,
    project_id uuid NOT NULL,
    hash text NOT NULL,
    slot integer NOT NULL,
    epoch bigint NOT NULL,
    generation integer NOT NULL,
    holder text NOT NULL,
    host text NOT NULL,
    pid integer,
    state text NOT NULL CHECK (state IN ('pending', 'starting', 'ready', 'draining', 'stopped',
        'crashed', 'fenced', 'quarantined')),
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    started_at timestamptz,
    ready_at timestamptz,
    stopped_at timestamptz,
    beat_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    busy_at timestamptz,
    exit_kind text,
    reason text,
    cpu_percent double precision,
    memory_mb double precision,
    tasks_completed bigint NOT NULL DEFAULT 0,
    tasks_failed bigint NOT NULL DEFAULT 0,
    sum_ms double precision NOT NULL DEFAULT 0,
    batch bigint NOT NULL DEFAULT 0,
    FOREIGN KEY (project_id, hash, slot) REFERENCES worker_slots (project_id, hash, number)
);
CREATE INDEX worker_instances_newest ON worker_instances (tenant, project_id, created_at DESC, id);
CREATE INDEX worker_instances_live ON worker_instances (project_id, hash, slot)
    WHERE state IN ('pending', 'starting', 'ready', 'draining');
"""

# They answer ids, epochs, leases and numbers; what is in a project only its tenant sees.
ACROSS_TENANTS = """
GRANT SELECT ON code_versions, wanted_slots TO alga_workflows_scan;
GRANT SELECT, INSERT, UPDATE ON worker_slots TO alga_workflows_scan;
GRANT SELECT, INSERT, UPDATE, DELETE ON supervisors TO alga_workflows_scan;
GRANT SELECT, UPDATE ON worker_instances TO alga_workflows_scan;
CREATE POLICY scan_reads ON code_versions FOR SELECT TO alga_workflows_scan USING (true);
CREATE POLICY scan_leases ON worker_slots TO alga_workflows_scan USING (true) WITH CHECK (true);
CREATE POLICY scan_ends ON worker_instances TO alga_workflows_scan USING (true) WITH CHECK (true);
ALTER VIEW wanted_slots SET (security_invoker = true);

-- Rendezvous hashing: as long as nobody comes or goes, all agree on who should have what.
CREATE FUNCTION preferred_supervisor(of_project uuid, of_number integer) RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER AS $$
    SELECT s.holder FROM supervisors s
    WHERE s.seen_until > clock_timestamp() AND s.projects < s.most_projects
    ORDER BY md5(s.holder || of_project || of_number) DESC LIMIT 1
$$;

CREATE FUNCTION renew_slots(
    by_holder text, ttl interval, most_projects integer,
    project_ids uuid[], hashes text[], numbers integer[], epochs bigint[]
) RETURNS TABLE (
    project_id uuid, hash text, number integer, epoch bigint, generation integer, state text,
    seq integer, told_seq integer, retry_in double precision, yields_to text
) LANGUAGE sql VOLATILE SECURITY DEFINER AS $$
    WITH seen AS (
        INSERT INTO supervisors AS s (holder, seen_until, projects, most_projects)
        VALUES (by_holder, clock_timestamp() + ttl,
                (SELECT count(DISTINCT id) FROM unnest(project_ids) AS id),
                renew_slots.most_projects)
        ON CONFLICT (holder) DO UPDATE SET seen_until = excluded.seen_until,
            projects = excluded.projects, most_projects = excluded.most_projects
        RETURNING s.holder, s.projects
    ), renewed AS (
        UPDATE worker_slots s SET expires_at = clock_timestamp() + ttl
        FROM unnest(project_ids, hashes, numbers, epochs) AS h (project_id, hash, number, epoch)
        WHERE (s.project_id, s.hash, s.number, s.epoch) = (h.project_id, h.hash, h.number, h.epoch)
          AND s.holder = by_holder AND s.expires_at > clock_timestamp()
        RETURNING s.project_id, s.hash, s.number, s.epoch
    )
    SELECT r.project_id, r.hash, r.number, r.epoch, w.generation, w.state, w.seq, w.told_seq,
        extract(epoch FROM w.retry_at - clock_timestamp())::double precision,
        (SELECT o.holder FROM supervisors o, seen
         WHERE o.holder = preferred_supervisor(r.project_id, r.number)
           AND o.holder <> by_holder AND o.projects + 1 < seen.projects)
    FROM renewed r LEFT JOIN wanted_slots w USING (project_id, hash, number)
$$;

CREATE FUNCTION claim_slots(
    by_holder text, ttl interval, patience interval, most_projects integer, at_most integer
) RETURNS TABLE (
    tenant text, project_id uuid, hash text, number integer, epoch bigint, generation integer,
    state text, seq integer, told_seq integer, retry_in double precision, taken_from text
) LANGUAGE plpgsql VOLATILE SECURITY DEFINER AS $$
#variable_conflict use_column
DECLARE
    candidate record;
    claimed record;
    mine uuid[];
    left_over integer := at_most;
BEGIN
    INSERT INTO worker_slots (tenant, project_id, hash, number)
    SELECT w.tenant, w.project_id, w.hash, w.number FROM wanted_slots w
    WHERE NOT EXISTS (SELECT FROM worker_slots s
        WHERE (s.project_id, s.hash, s.number) = (w.project_id, w.hash, w.number))
    ON CONFLICT DO NOTHING;
    mine := ARRAY(SELECT DISTINCT s.project_id FROM worker_slots s
                  WHERE s.holder = by_holder AND s.expires_at > clock_timestamp());
    FOR candidate IN
        SELECT w.*, coalesce(preferred_supervisor(w.project_id, w.number), by_holder) = by_holder
            AS is_preferred, greatest(s.free_since, s.expires_at) AS free_since
        FROM wanted_slots w JOIN worker_slots s USING (project_id, hash, number)
        WHERE s.expires_at <= clock_timestamp()
        ORDER BY is_preferred DESC, w.project_id, w.hash, w.number
    LOOP
        EXIT WHEN left_over = 0;
        CONTINUE WHEN candidate.project_id <> ALL (mine) AND cardinality(mine) >= most_projects;
        CONTINUE WHEN NOT candidate.is_preferred
            AND candidate.free_since > clock_timestamp() - patience;
        -- Whoever renews or claims it at this moment has its row.
        SELECT s.epoch, s.holder INTO claimed FROM worker_slots s
        WHERE (s.project_id, s.hash, s.number)
            = (candidate.project_id, candidate.hash, candidate.number)
          AND s.expires_at <= clock_timestamp()
        FOR UPDATE SKIP LOCKED;
        CONTINUE WHEN NOT FOUND;
        UPDATE worker_slots s SET holder = by_holder, epoch = claimed.epoch + 1,
            claimed_at = clock_timestamp(), expires_at = clock_timestamp() + ttl
        WHERE (s.project_id, s.hash, s.number)
            = (candidate.project_id, candidate.hash, candidate.number);
        mine := mine || candidate.project_id;
        mine := ARRAY(SELECT DISTINCT unnest(mine));
        left_over := left_over - 1;
        RETURN QUERY SELECT candidate.tenant, candidate.project_id, candidate.hash,
            candidate.number, claimed.epoch + 1, candidate.generation, candidate.state,
            candidate.seq, candidate.told_seq,
            extract(epoch FROM candidate.retry_at - clock_timestamp())::double precision,
            nullif(claimed.holder, by_holder);
    END LOOP;
END $$;

CREATE FUNCTION release_slots(
    by_holder text, project_ids uuid[], hashes text[], numbers integer[], epochs bigint[],
    is_leaving boolean
) RETURNS integer LANGUAGE plpgsql VOLATILE SECURITY DEFINER AS $$
DECLARE
    released integer;
BEGIN
    UPDATE worker_slots s SET holder = NULL, expires_at = '-infinity',
        free_since = clock_timestamp()
    FROM unnest(project_ids, hashes, numbers, epochs) AS h (project_id, hash, number, epoch)
    WHERE (s.project_id, s.hash, s.number, s.epoch) = (h.project_id, h.hash, h.number, h.epoch)
      AND s.holder = by_holder AND s.expires_at > clock_timestamp();
    GET DIAGNOSTICS released = ROW_COUNT;
    IF is_leaving THEN
        DELETE FROM supervisors WHERE holder = by_holder;
    END IF;
    RETURN released;
END $$;

-- Processes whose supervisor has lost the slot: their kernel alarms have ended them.
CREATE FUNCTION fence_instances() RETURNS integer LANGUAGE plpgsql VOLATILE SECURITY DEFINER AS $$
DECLARE
    fenced integer;
BEGIN
    UPDATE worker_instances i SET state = 'fenced', stopped_at = clock_timestamp(),
        reason = coalesce(i.reason, 'the lease of its supervisor was lost')
    FROM worker_slots s
    WHERE i.state IN ('pending', 'starting', 'ready', 'draining')
      AND (s.project_id, s.hash, s.number) = (i.project_id, i.hash, i.slot)
      AND (s.epoch <> i.epoch OR s.holder IS DISTINCT FROM i.holder
           OR s.expires_at <= clock_timestamp());
    GET DIAGNOSTICS fenced = ROW_COUNT;
    DELETE FROM supervisors WHERE seen_until < clock_timestamp() - interval '1 day';
    RETURN fenced;
END $$;

CREATE FUNCTION sleeping_projects(after_project uuid, at_most integer)
    RETURNS TABLE (tenant text, project_id uuid, queue text, hashes text[])
LANGUAGE sql STABLE SECURITY DEFINER AS $$
    SELECT p.tenant, p.id, p.task_queue_name,
        ARRAY(SELECT v.hash FROM code_versions v
              WHERE v.project_id = p.id AND v.state <> 'DRAINED')
    FROM projects p
    WHERE p.is_active AND p.desired = 'RUNNING' AND p.asleep
      AND (after_project IS NULL OR p.id > after_project)
    ORDER BY p.id LIMIT at_most
$$;

CREATE FUNCTION drained_versions(at_most integer)
    RETURNS TABLE (tenant text, project_id uuid, hash text)
LANGUAGE sql STABLE SECURITY DEFINER AS $$
    SELECT v.tenant, v.project_id, v.hash FROM code_versions v
    WHERE v.state = 'DRAINED' AND v.deleted_at IS NULL
    ORDER BY v.since DESC LIMIT at_most
$$;
"""

SCRIPTS: tuple[str, ...] = (
    VERSIONS,
    own_search_path("version_activated()", "wish_forgives()", "project_wished()"),
    SLOTS,
    INSTANCES,
    tenant_tables("code_versions", "worker_slots", "worker_instances"),
    "GRANT SELECT ON wanted_slots TO alga_workflows;",
    ACROSS_TENANTS,
    functions_across_tenants(
        "preferred_supervisor(uuid, integer)",
        "renew_slots(text, interval, integer, uuid[], text[], integer[], bigint[])",
        "claim_slots(text, interval, interval, integer, integer)",
        "release_slots(text, uuid[], text[], integer[], bigint[], boolean)",
        "fence_instances()",
        "sleeping_projects(uuid, integer)",
        "drained_versions(integer)",
    ),
)
