"""`payloads`: keys for what goes to Temporal."""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime

from alga_temporal_domain.payloads.keys import new_key
from alga_workflows_core.errors import InputError
from alga_workflows_core.infra.command_line import AddParser, add_command, brief


def add_payload_commands(add: AddParser) -> None:
    """`payloads new-key`."""
    payloads = add("payloads", help="make keys that encrypt payloads")
    add_one = payloads.add_subparsers(required=True, metavar="new-key").add_parser
    making = add_command(
        add_one, "new-key", brief(_new_key), "print a new key for TEMPORAL_PAYLOAD_KEYS"
    )
    making.add_argument("--id", help="what the key is called; today's date without this")


async def _new_key(options: argparse.Namespace) -> int:
    try:
        key = new_key(options.id or f"{datetime.now(UTC):%Y-%m-%d}")
    except ValueError as error:
        raise InputError(f"--id: {error}.") from error
    sys.stderr.write(
        "Add it to TEMPORAL_PAYLOAD_KEYS. Beside older keys: behind them in every process first,"
        " then in front.\n"
    )
    sys.stdout.write(f"{key}\n")
    return 0
