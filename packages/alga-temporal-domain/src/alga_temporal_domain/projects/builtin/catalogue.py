"""The names of the built-in activities, which no project may give to one of its own."""

from __future__ import annotations

ANSWERED_BY_SUPERVISOR = frozenset(
    {
        "httpRequest",
        "sendEmail",
        "sendSms",
        "readFile",
        "writeFile",
        "deleteFile",
        "cacheGet",
        "cacheSet",
    }
)
"""Those that need what a project's process does not have."""

RESERVED: frozenset[str] = ANSWERED_BY_SUPERVISOR | {
    "sampleActivity",
    "buildPackage",
    "transformData",
    "waitFor",
    "logMessage",
    "validateData",
}
"""All of them."""
