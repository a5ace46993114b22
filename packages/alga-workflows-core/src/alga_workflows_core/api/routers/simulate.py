"""Simulation of a definition that need not be stored."""

from __future__ import annotations

from fastapi import APIRouter, Request

from alga_workflows_core.catalogue.actions import ActionCatalogue
from alga_workflows_core.catalogue.calendars import CalendarService
from alga_workflows_core.catalogue.simulations import (
    SimulationRequest,
    documents_of,
    simulate_offline,
    with_calendars,
)
from alga_workflows_core.infra.bounded import BoundedProcesses
from alga_workflows_core.infra.web import openapi
from alga_workflows_core.infra.web.access import Reader
from alga_workflows_core.infra.web.body import read_json
from alga_workflows_core.types.json import Json, JsonObject
from alga_workflows_core.types.model import Model


class SimulationView(Model):
    """What the run did; see `catalogue.simulations.report`."""

    status: str
    result: Json
    error: JsonObject | None
    variables: JsonObject
    ended_at: str
    steps: list[JsonObject]
    waits: list[JsonObject]
    calls: list[JsonObject]
    trace: list[JsonObject]
    not_reached: list[str]
    blocks_not_entered: list[str]
    unscripted: list[str]


def router(
    processes: BoundedProcesses, actions: ActionCatalogue, calendars: CalendarService
) -> APIRouter:
    """The endpoint; simulations run in `processes`."""
    routes = APIRouter(tags=["definitions"])

    @routes.post("/simulate", openapi_extra=openapi.body(SimulationRequest))
    async def simulate(request: Request, caller: Reader) -> SimulationView:
        """Run a definition in virtual time against a script of the world; nothing is stored.

        Calendars that the script does not have are the tenant's.
        """
        asked = await read_json(request)
        documents = documents_of(asked)
        advertised = await actions.advertised_for(caller.tenant, documents)
        asked = with_calendars(asked, await calendars.named_in(caller.tenant, documents))
        report = await processes.run(simulate_offline, asked, advertised)
        return SimulationView.model_validate(report)

    return routes
