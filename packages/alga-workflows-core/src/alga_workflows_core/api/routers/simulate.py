"""Simulation of a definition that need not be stored."""

from __future__ import annotations

from fastapi import APIRouter, Request

from alga_workflows_core.api.access import Reader
from alga_workflows_core.api.body import read_json
from alga_workflows_core.catalogue.simulations import simulate_offline
from alga_workflows_core.infra.bounded import BoundedProcesses
from alga_workflows_core.types.json import JsonObject


def router(processes: BoundedProcesses) -> APIRouter:
    """The endpoint; simulations run in `processes`."""
    routes = APIRouter(tags=["definitions"])

    @routes.post("/simulate")
    async def simulate(request: Request, _caller: Reader) -> JsonObject:
        """Run a definition in virtual time against a script of the world; nothing is stored."""
        return await processes.run(simulate_offline, await read_json(request))

    return routes
