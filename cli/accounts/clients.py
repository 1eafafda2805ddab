"""`wangge accounts api-client`: other systems, each with a key of its own."""

from __future__ import annotations

import json
from datetime import timedelta

import click

from cli.accounts.opening import instance_option, operator, run, tell_once


@click.group("api-client")
def api_client() -> None:
    """接口客户端 / other systems: police, 12345, phones; each with its own key, scopes and expiry."""


@api_client.command(
    epilog="Examples:\n\n  wangge accounts api-client add police-110 --role integration --jurisdiction 999999 "
    "--scope incident.create --scope incident.read\n\n"
    "  wangge accounts api-client add hall-kiosk --role integration --jurisdiction 999999001 --days 30\n\n"
    "The key goes into `Authorization: Bearer wgk_…`."
)
@click.argument("name")
@click.option("--role", "roles", multiple=True, required=True, metavar="ROLE", help="May be given several times.")
@click.option("--jurisdiction", "jurisdictions", multiple=True, required=True, metavar="CODE", help="Grid code.")
@click.option("--scope", "scopes", multiple=True, metavar="PERMISSION", help="Only these; default: all of the roles.")
@click.option("--days", default=365, show_default=True, help="Until the key expires.")
@click.option("--certificate", metavar="TEXT", help="What WANGGE_CERTIFICATE_HEADER holds for its client certificate.")
@instance_option
def add(
    name: str,
    roles: tuple[str, ...],
    jurisdictions: tuple[str, ...],
    scopes: tuple[str, ...],
    days: int,
    certificate: str | None,
    instance: str | None,
) -> None:
    """新建 / a new client; its key is shown once."""
    from gateway.accounts import client_administration

    found, key = run(
        instance, client_administration.add, operator(), name, roles, jurisdictions, scopes or None, days, certificate
    )
    click.echo(f"已新建 · added {name} ({found})", err=True)
    tell_once("密钥 · key", key)


@api_client.command(name="list", epilog="Example:\n\n  wangge accounts api-client list --json")
@instance_option
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def list_(instance: str | None, *, as_json: bool) -> None:
    """列出 / every client with its scopes, expiry and last use."""
    from gateway.accounts import client_administration

    rows = [
        {
            "id": str(row.id),
            "name": row.name,
            "prefix": row.prefix,
            "roles": list(row.roles),
            "jurisdictions": list(row.jurisdictions),
            "scopes": row.scopes,
            "expires_at": row.expires_at.isoformat(timespec="seconds"),
            "used_at": row.used_at and row.used_at.isoformat(timespec="seconds"),
            "revoked_at": row.revoked_at and row.revoked_at.isoformat(timespec="seconds"),
        }
        for row in run(instance, client_administration.every)
    ]
    if as_json:
        click.echo(json.dumps(rows))
        return
    for row in rows:
        state = f"revoked {row['revoked_at']}" if row["revoked_at"] else f"until {row['expires_at']}"
        click.echo(f"{row['name']:<24} {state:<34} used {row['used_at'] or 'never'}")


@api_client.command(
    epilog="Examples:\n\n  wangge accounts api-client rotate police-110                  both keys stand for a day\n\n"
    "  wangge accounts api-client rotate police-110 --grace-hours 0  the old one ends now"
)
@click.argument("name")
@click.option("--grace-hours", type=click.FloatRange(0, 168), default=24, show_default=True, help="Old key stands on.")
@click.option("--days", default=365, show_default=True, help="Until the new key expires.")
@instance_option
def rotate(name: str, grace_hours: float, days: int, instance: str | None) -> None:
    """轮换 / a new key, shown once."""
    from gateway.accounts import client_administration

    grace = timedelta(hours=grace_hours)
    tell_once("密钥 · key", run(instance, client_administration.rotate, operator(), name, grace, days))


@api_client.command(epilog="Example:\n\n  wangge accounts api-client revoke police-110")
@click.argument("name")
@instance_option
def revoke(name: str, instance: str | None) -> None:
    """吊销 / take a client's key back, for good and at once."""
    from gateway.accounts import client_administration

    run(instance, client_administration.revoke, operator(), name)
    click.echo("已吊销 · revoked")
