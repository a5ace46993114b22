"""What project workers have done and said, and the document's names for it.

Revision ID: 0003
Revises: 0002
"""

from __future__ import annotations

from alga_temporal_domain.storage.migrations.document_views import document_view
from alga_workflows_core.infra.migration_scripts import (
    functions_across_tenants,
    own_search_path,
    tenant_tables,
)

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

STATISTICS = """
CREATE TABLE activity_stats (
    tenant text NOT NULL,
    project_id uuid NOT NULL,
    hash text NOT NULL,
    activity text NOT NULL,
    ok bigint NOT NULL,
    failed bigint NOT NULL,
    sum_ms double precision NOT NULL,
    histogram bigint[] NOT NULL,
    last_executed_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (project_id, hash, activity),
    FOREIGN KEY (project_id, hash) REFERENCES code_bundles (project_id, hash)
);

CREATE TABLE worker_logs (
    tenant text NOT NULL,
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    project_id uuid NOT NULL,
    instance_id uuid NOT NULL,
    at timestamptz NOT NULL,
    stream text NOT NULL,
    line text NOT NULL,
    FOREIGN KEY (tenant, project_id) REFERENCES projects (tenant, id)
);
CREATE INDEX worker_logs_newest ON worker_logs (project_id, id DESC);

-- Bucket by bucket; `a` may be null.
CREATE FUNCTION add_histograms(a bigint[], b bigint[]) RETURNS bigint[] LANGUAGE sql IMMUTABLE AS $$
    SELECT array_agg(coalesce(a[i], 0) + coalesce(b[i], 0) ORDER BY i)
    FROM generate_series(1, greatest(cardinality(a), cardinality(b))) AS i
$$;
CREATE AGGREGATE sum_histograms(bigint[]) (SFUNC = add_histograms, STYPE = bigint[]);

-- In ms; the buckets are those of `projects/durations.py`: each 1.3 times as wide as the last.
CREATE FUNCTION histogram_percentile(histogram bigint[], q double precision)
    RETURNS double precision LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    buckets integer := cardinality(histogram);
    wanted double precision;
    before double precision := 0;
    low double precision;
BEGIN
    SELECT greatest(1, q * sum(n)) INTO wanted FROM unnest(histogram) AS n HAVING sum(n) > 0;
    IF wanted IS NULL THEN
        RETURN NULL;
    END IF;
    FOR i IN 1..buckets LOOP
        IF before + histogram[i] >= wanted THEN
            IF i = buckets THEN
                RETURN 1.3::float8 ^ (buckets - 2);
            END IF;
            low := CASE WHEN i = 1 THEN 0 ELSE 1.3::float8 ^ (i - 2) END;
            RETURN low + (1.3::float8 ^ (i - 1) - low) * (wanted - before) / histogram[i];
        END IF;
        before := before + histogram[i];
    END LOOP;
    RETURN 1.3::float8 ^ (buckets - 2);
END $$;
"""

COUNTS = """
-- Projects by what is wanted and what there is; without `desired`, processes by their state.
CREATE FUNCTION project_counts() RETURNS TABLE (desired text, observed text, number bigint)
LANGUAGE sql STABLE SECURITY DEFINER AS $$
    WITH live AS (
        SELECT i.project_id, i.state, count(*) AS number FROM worker_instances i
        WHERE i.state IN ('pending', 'starting', 'ready', 'draining')
        GROUP BY i.project_id, i.state
    ), of_projects AS (
        SELECT CASE WHEN p.desired = 'STOPPED' OR NOT p.is_active THEN 'stopped'
                    WHEN p.asleep THEN 'asleep' ELSE 'running' END AS desired,
            CASE WHEN bool_or(l.state = 'ready') THEN 'running'
                 WHEN bool_or(l.state IN ('pending', 'starting')) THEN 'starting'
                 WHEN EXISTS (SELECT FROM code_versions v WHERE v.project_id = p.id
                              AND v.state = 'CURRENT' AND v.quarantined_at IS NOT NULL)
                 THEN 'quarantined' ELSE 'stopped' END AS observed
        FROM projects p LEFT JOIN live l ON l.project_id = p.id
        GROUP BY p.id
    )
    SELECT o.desired, o.observed, count(*) FROM of_projects o GROUP BY o.desired, o.observed
    UNION ALL
    SELECT NULL, l.state, sum(l.number)::bigint FROM live l GROUP BY l.state
$$;
"""

# The document's states are fewer than ours; a process that was fenced has ended.
DOCUMENT = (
    document_view(
        "workflow_workers",
        "SELECT i.id, i.id::text AS worker_id, i.project_id, p.task_queue_name,"
        " CASE i.state WHEN 'pending' THEN 'starting' WHEN 'ready' THEN 'running'"
        " WHEN 'draining' THEN 'stopping' WHEN 'fenced' THEN 'stopped'"
        " WHEN 'crashed' THEN 'failed' WHEN 'quarantined' THEN 'failed' ELSE i.state END AS status,"
        " i.host, NULL::integer AS port, i.pid AS process_id, i.started_at, i.stopped_at,"
        " i.beat_at AS last_heartbeat, i.tasks_completed AS total_tasks_completed,"
        " i.tasks_failed AS total_tasks_failed,"
        " coalesce(round(i.sum_ms / nullif(i.tasks_completed + i.tasks_failed, 0)), 0)::integer"
        " AS avg_task_duration_ms, i.cpu_percent::numeric(7, 2) AS cpu_usage_percent,"
        " round(i.memory_mb)::integer AS memory_usage_mb,"
        " jsonb_strip_nulls(jsonb_build_object('hash', i.hash, 'slot', i.slot, 'epoch', i.epoch,"
        " 'generation', i.generation, 'state', i.state, 'exit', i.exit_kind,"
        " 'reason', i.reason)) AS metadata, i.created_at, i.beat_at AS updated_at"
        " FROM worker_instances i JOIN projects p ON p.id = i.project_id",
    ),
    document_view(
        "activity_statistics",
        "SELECT md5(s.project_id || s.activity)::uuid AS id, s.project_id,"
        " s.activity AS activity_name, s.ok + s.failed AS execution_count, s.ok AS success_count,"
        " s.failed AS failure_count, s.mean::integer AS avg_duration_ms,"
        " round(histogram_percentile(s.histogram, 0.95))::integer AS p95_duration_ms,"
        " round(histogram_percentile(s.histogram, 0.99))::integer AS p99_duration_ms,"
        " s.last_executed_at, (s.ok + s.failed > 1000 OR s.mean > 5000"
        " OR s.failed > 0.05 * (s.ok + s.failed)) AS requires_dedicated_worker,"
        " s.created_at, s.last_executed_at AS updated_at"
        " FROM (SELECT project_id, activity, sum(ok)::bigint AS ok, sum(failed)::bigint AS failed,"
        " coalesce(round(sum(sum_ms) / nullif(sum(ok) + sum(failed), 0)), 0) AS mean,"
        " sum_histograms(histogram) AS histogram, max(last_executed_at) AS last_executed_at,"
        " min(created_at) AS created_at FROM activity_stats GROUP BY project_id, activity) s",
    ),
)

SCRIPTS: tuple[str, ...] = (
    STATISTICS,
    own_search_path(
        "histogram_percentile(bigint[], double precision)",
        "add_histograms(bigint[], bigint[])",
    ),
    COUNTS,
    functions_across_tenants("project_counts()"),
    tenant_tables("activity_stats"),
    tenant_tables("worker_logs", delete=True),
    *DOCUMENT,
)
