"""The names under which the builder of workflows knows our tables."""

from __future__ import annotations


def document_view(name: str, select: str) -> str:
    """A view of that name in the schema `public`, unless something there has the name already or
    the login may make nothing there. Whoever reads or writes through it sees what its own tenant
    may see."""
    return f"""
DO $$
BEGIN
    IF to_regclass('public.{name}') IS NULL
       AND has_schema_privilege(current_user, 'public', 'CREATE') THEN
        CREATE VIEW public.{name} WITH (security_invoker = true) AS {select};
        GRANT SELECT, INSERT, UPDATE, DELETE ON public.{name} TO alga_workflows;
    END IF;
END $$;
"""
