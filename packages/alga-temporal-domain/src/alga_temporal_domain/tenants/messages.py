"""What tenants' people are written."""

from __future__ import annotations

from datetime import datetime

from alga_temporal_domain.mail.port import Email


def welcome(*, to: str, first_name: str, tenant_name: str, link: str, key: str) -> Email:
    """Where to set a password."""
    return Email(
        to=(to,),
        subject=f"Welcome to {tenant_name}",
        text=(
            f"Hello {first_name},\n\n"
            f"{tenant_name} is ready for you. Set your password here within 72 hours:\n\n"
            f"{link}\n\n"
            "The link works once. If you have not expected this message, ignore it.\n"
        ),
        key=key,
    )


def reminder(*, to: tuple[str, ...], tenant_name: str, days: int, due: datetime, key: str) -> Email:
    """How long a tenant is there yet."""
    when = "tomorrow" if days == 1 else f"in {days} days"
    return Email(
        to=to,
        subject=f"{tenant_name} will be deleted {when}",
        text=(
            f"All data of {tenant_name} will be deleted on {due:%Y-%m-%d} at {due:%H:%M} UTC.\n\n"
            "It cannot be brought back afterwards. Write to us if you want to keep it.\n"
        ),
        key=key,
    )


def set_password_link(application_url: str, token: str) -> str:
    """The token is in the fragment, which browsers send to nobody and servers do not log."""
    return f"{application_url.rstrip('/')}/set-password#token={token}"
