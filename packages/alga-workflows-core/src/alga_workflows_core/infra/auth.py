"""API keys and roles. A key is random and shown once; only its hash is kept."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from enum import IntEnum
from uuid import UUID

KEY_PREFIX = "alga_"


class Role(IntEnum):
    """What a key may do; each role includes the ones before it."""

    READER = 1
    """Looks at definitions, runs and metrics."""
    OPERATOR = 2
    """Starts and repairs runs."""
    AUTHOR = 3
    """Writes and publishes definitions."""
    ADMIN = 4
    """Manages keys and settings."""

    @property
    def label(self) -> str:
        return self.name.lower()

    @classmethod
    def of(cls, label: str) -> Role:
        """The role of that name in lower case; ValueError if there is none."""
        for role in cls:
            if role.label == label:
                return role
        raise ValueError(f"there is no role {label!r}; roles are {', '.join(cls.labels())}")

    @classmethod
    def labels(cls) -> list[str]:
        return [role.label for role in cls]


@dataclass(frozen=True, slots=True)
class KeyHolder:
    """Whom an API key belongs to."""

    tenant: str
    key_id: UUID
    role: str


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks: a tenant's key. `name` stands in audit columns."""

    tenant: str
    name: str
    role: Role


def generate_key() -> str:
    """A new key with 256 random bits."""
    return KEY_PREFIX + secrets.token_urlsafe(32)


def hash_key(key: str) -> str:
    """What is stored of a key. A plain sha256 is enough: keys are random, not chosen by people."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
