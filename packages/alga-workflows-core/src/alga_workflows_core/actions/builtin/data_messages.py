"""What the actions `data.*` take and answer."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Self, TypeAlias

from pydantic import Field, model_validator

from alga_workflows_core.actions.builtin.decimals import Number
from alga_workflows_core.actions.builtin.moments import When, moment_of
from alga_workflows_core.actions.builtin.refusals import refused
from alga_workflows_core.definition.model import field_fault
from alga_workflows_core.expressions.timestamps import iso
from alga_workflows_core.storage.entries import Entry, Expiry
from alga_workflows_core.types.json import Json
from alga_workflows_core.types.model import Line, Model

_LONGEST_KEY = 512
_LONGEST_TTL = 10 * 366 * 86400.0
_LAST_YEAR = 9000

Revision: TypeAlias = Annotated[
    int,
    Field(
        ge=0,
        description="Counts the writes since the entry was made, from 1; 0: there is no entry.",
    ),
]
"""How often an entry has been written."""

_WRITTEN = "Whether there was no entry before."


Namespace: TypeAlias = Annotated[
    str,
    Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/-]{0,127}$",
        description="Keeps keys of different purposes apart: 1 to 128 letters, digits and any of"
        " . _ : / -, a letter or digit first. All definitions of a tenant see the same.",
        examples=["invoice-numbers"],
    ),
]
"""A set of entries."""


class Place(Model):
    """Where an entry is kept."""

    namespace: Namespace
    key: Annotated[
        Line, Field(min_length=1, max_length=_LONGEST_KEY, description="The name of the entry.")
    ]


class Lasting(Place):
    """Where an entry is kept, and how long."""

    ttl: Annotated[
        Number | None,
        Field(
            gt=0,
            le=_LONGEST_TTL,
            description="Seconds from now until it is gone, up to ten years, by the database's"
            " clock. Absent, and without `expiresAt`: it stays.",
        ),
    ] = None
    expires_at: Annotated[
        When | None, Field(description="When it is gone; without an offset in UTC.")
    ] = None

    @model_validator(mode="after")
    def _ends_once(self) -> Self:
        if self.ttl is not None and self.expires_at is not None:
            raise field_fault("expiresAt", "Give `ttl` or `expiresAt`, not both")
        return self

    def expires(self) -> Expiry:
        """When the entry's time is over. ActionError DATE_UNREADABLE or DATE_RANGE."""
        if self.ttl is not None:
            return timedelta(seconds=self.ttl)
        if self.expires_at is None:
            return None
        moment = moment_of(self.expires_at, "UTC", "expiresAt")
        if not 1970 <= moment.year <= _LAST_YEAR:
            raise refused(
                "DATE_RANGE",
                f"`expiresAt` is not between the years 1970 and {_LAST_YEAR}.",
                "Leave it out for an entry that is to stay.",
            )
        return moment


class GetInput(Place):
    """Which entry, and what to answer if there is none."""

    default: Annotated[Json, Field(description="The value if there is no entry.")] = None


class GetOutput(Model):
    """An entry, or the default in its place."""

    found: Annotated[bool, Field(description="Whether there is an entry.")]
    value: Annotated[Json, Field(description="Its value, or the default.")]
    revision: Revision
    updated_at: Annotated[str | None, Field(description="When it was written last.")]
    expires_at: Annotated[str | None, Field(description="When it is gone; null: it stays.")]


class SetInput(Lasting):
    """What to keep, where, how long, and on what condition."""

    value: Annotated[Json, Field(description="The value: any JSON of at most 250 KiB.")]
    if_revision: Annotated[
        int | None,
        Field(
            ge=0,
            description="Only if the entry has this revision; 0: only if there is none. What"
            " `data.get` answered as `revision` makes sure that nobody wrote in between.",
        ),
    ] = None


class SetOutput(Model):
    """What became of the entry."""

    revision: Revision
    created: Annotated[bool, Field(description=_WRITTEN)]


class IncrementInput(Lasting):
    """Which number, and by how much. `ttl` and `expiresAt` are for an entry that is made."""

    by: Annotated[Number, Field(description="What is added; a negative number is taken away.")] = 1
    start: Annotated[Number, Field(description="What it is before, if there is no entry.")] = 0
    min: Annotated[Number | None, Field(description="Refuse to go below.")] = None
    max: Annotated[Number | None, Field(description="Refuse to go above.")] = None


class IncrementOutput(Model):
    """The number that it is now."""

    value: Annotated[int | float, Field(description="The number after the change.")]
    revision: Revision
    created: Annotated[bool, Field(description=_WRITTEN)]


class DeleteInput(Place):
    """Which entry, and on what condition."""

    if_revision: Annotated[
        int | None, Field(ge=1, description="Only if the entry has this revision.")
    ] = None


class DeleteOutput(Model):
    """Whether there was something to delete."""

    deleted: Annotated[bool, Field(description="Whether there was an entry.")]
    revision: Revision


class ListInput(Model):
    """Which entries, and which page of them."""

    namespace: Namespace
    prefix: Annotated[
        Line, Field(max_length=_LONGEST_KEY, description="Only keys that begin like this.")
    ] = ""
    after: Annotated[
        Line,
        Field(
            max_length=_LONGEST_KEY,
            description="Only keys behind this one: `next` of the page before.",
        ),
    ] = ""
    limit: Annotated[
        int,
        Field(
            ge=1,
            le=500,
            description="At most so many; fewer where they would be more than 250 KiB.",
        ),
    ] = 100
    values: Annotated[bool, Field(description="Whether to answer the values too.")] = False


class ListedEntry(Model):
    """An entry in a list."""

    key: Annotated[str, Field(description="Its key.")]
    revision: Revision
    updated_at: Annotated[str, Field(description="When it was written last.")]
    expires_at: Annotated[str | None, Field(description="When it is gone; null: it stays.")]
    value: Annotated[Json, Field(description="Its value; null unless `values` is true.")] = None

    @classmethod
    def of(cls, entry: Entry) -> ListedEntry:
        return cls(
            key=entry.key,
            revision=entry.revision,
            updated_at=iso(entry.updated_at),
            expires_at=None if entry.expires_at is None else iso(entry.expires_at),
            value=entry.value,
        )


class ListOutput(Model):
    """A page of entries."""

    entries: Annotated[
        list[ListedEntry], Field(description="In the order of their keys, by code points.")
    ]
    next: Annotated[
        str | None, Field(description="What to give as `after` for the next page; null: no more.")
    ]
