"""`wangge accounts`: who may sign in, as what, where; each change is in force at once and leaves a row of the audit."""

from __future__ import annotations

import json
import uuid
from typing import Any

import click

from cli.accounts.clients import api_client
from cli.accounts.opening import instance_option, new_password, operator, run, sealing, tell_once

role_option = click.option("--role", "roles", multiple=True, metavar="ROLE", help="May be given several times.")
jurisdiction_option = click.option(
    "--jurisdiction", "jurisdictions", multiple=True, metavar="CODE", help="Grid code; everything below it too."
)
stdin_option = click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")


@click.group()
def accounts() -> None:
    """账号、会话与接口密钥 / accounts, sessions and API clients of a county without an identity provider."""


@accounts.command(
    epilog="Examples:\n\n  wangge accounts add desk-7 --role dispatcher --jurisdiction 999999001\n\n"
    "  pass show desk-7 | wangge accounts add desk-7 --role dispatcher --jurisdiction 999999001 --password-stdin"
)
@click.argument("login")
@role_option
@jurisdiction_option
@stdin_option
@instance_option
def add(
    login: str, roles: tuple[str, ...], jurisdictions: tuple[str, ...], instance: str | None, *, password_stdin: bool
) -> None:
    """新建账号 / a new account; its first password is shown once and must be changed at the first sign-in."""
    from gateway.accounts import administration
    from gateway.accounts.passwords import hashed_now

    password, made_up = new_password(login, from_stdin=password_stdin)
    found = run(instance, administration.add, operator(), login, hashed_now(password), roles, jurisdictions)
    click.echo(f"已新建 · added {login} ({found})", err=True)
    if made_up:
        tell_once("初始密码 · first password", password)


@accounts.command(name="list", epilog="Examples:\n\n  wangge accounts list\n\n  wangge accounts list --json")
@instance_option
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def list_(instance: str | None, *, as_json: bool) -> None:
    """列出账号 / every account with its roles, jurisdictions and state."""
    from gateway.accounts import administration

    rows = [summary(row) for row in run(instance, administration.every)]
    if as_json:
        click.echo(json.dumps(rows, ensure_ascii=False))
        return
    for row in rows:
        roles, places = ",".join(row["roles"]) or "-", ",".join(row["jurisdictions"]) or "-"
        click.echo(f"{row['login']:<20} {row['state']:<28} {roles:<24} {places}")
    click.echo(f"{len(rows)} 个账号 accounts", err=True)


@accounts.command(epilog="Example:\n\n  wangge accounts show desk-7")
@click.argument("login")
@instance_option
def show(login: str, instance: str | None) -> None:
    """查看账号 / one account, its open sessions and what was changed about it, as JSON."""
    from gateway.accounts import administration, record

    owner = summary(run(instance, administration.one, login))
    owner["sessions"] = [session_summary(row) for row in run(instance, administration.sessions_of, login)]
    owner["changes"] = [change(row) for row in run(instance, record.about, owner["id"])]
    click.echo(json.dumps(owner, ensure_ascii=False, indent=1))


@accounts.command(epilog="Example:\n\n  wangge accounts disable desk-7")
@click.argument("login")
@instance_option
def disable(login: str, instance: str | None) -> None:
    """停用 / close an account; whoever is signed in with it is out within a second."""
    from gateway.accounts import administration

    ended = run(instance, administration.set_disabled, operator(), login, disabled=True)
    click.echo(f"已停用，结束会话 · disabled, sessions ended: {ended}")


@accounts.command(epilog="Example:\n\n  wangge accounts enable desk-7")
@click.argument("login")
@instance_option
def enable(login: str, instance: str | None) -> None:
    """启用 / open an account again, with the password it had."""
    from gateway.accounts import administration

    run(instance, administration.set_disabled, operator(), login, disabled=False)
    click.echo("已启用 · enabled")


@accounts.command(
    epilog="Examples: what is not named stays as it is\n\n"
    "  wangge accounts rights desk-7 --role dispatcher --role auditor\n\n"
    "  wangge accounts rights desk-7 --jurisdiction 999999001 --jurisdiction 999999002"
)
@click.argument("login")
@role_option
@jurisdiction_option
@instance_option
def rights(login: str, roles: tuple[str, ...], jurisdictions: tuple[str, ...], instance: str | None) -> None:
    """角色与辖区 / other roles, other jurisdictions; in force with the person's next request."""
    from gateway.accounts import administration

    if not roles and not jurisdictions:
        raise click.UsageError("give --role or --jurisdiction")
    now = run(instance, administration.set_rights, operator(), login, roles or None, jurisdictions or None)
    click.echo(f"角色 roles: {', '.join(now[0]) or '-'}   辖区 jurisdictions: {', '.join(now[1]) or '-'}")


@accounts.command(epilog="Example:\n\n  wangge accounts reset-password desk-7")
@click.argument("login")
@stdin_option
@instance_option
def reset_password(login: str, instance: str | None, *, password_stdin: bool) -> None:
    """重置密码 / a temporary password, shown once; all sessions end."""
    from gateway.accounts import administration
    from gateway.accounts.passwords import hashed_now

    password, made_up = new_password(login, from_stdin=password_stdin)
    ended = run(instance, administration.reset_password, operator(), login, hashed_now(password))
    click.echo(f"已重置，结束会话 · reset, sessions ended: {ended}", err=True)
    if made_up:
        tell_once("临时密码 · temporary password", password)


@accounts.command(epilog="Example: the phone with the authenticator app is lost\n\n  wangge accounts reset-totp desk-7")
@click.argument("login")
@instance_option
def reset_totp(login: str, instance: str | None) -> None:
    """重置动态验证码 / take the second factor away; all sessions end, and a privileged role must set up another."""
    from gateway.accounts import administration

    ended = run(instance, administration.reset_totp, operator(), login)
    click.echo(f"已重置，结束会话 · reset, sessions ended: {ended}")


@accounts.command(epilog="Example:\n\n  wangge accounts sessions desk-7")
@click.argument("login")
@instance_option
def sessions(login: str, instance: str | None) -> None:
    """会话 / open sessions of an account, the last used first."""
    from gateway.accounts import administration

    for row in run(instance, administration.sessions_of, login):
        told = session_summary(row)
        click.echo(f"{told['id']}  since {told['created_at']}  used {told['used_at']}")


@accounts.command(
    epilog="Examples:\n\n  wangge accounts revoke desk-7                       all sessions\n\n"
    "  wangge accounts revoke desk-7 --session 0190f0c5-…  one"
)
@click.argument("login")
@click.option("--session", "session_id", type=click.UUID, help="Only this one.")
@instance_option
def revoke(login: str, session_id: uuid.UUID | None, instance: str | None) -> None:
    """结束会话 / sign a person out, everywhere or one session."""
    from gateway.accounts import administration

    click.echo(f"已结束 · ended: {run(instance, administration.revoke, operator(), login, session_id)}")


@accounts.command(
    epilog="Examples:\n\n  wangge accounts rotate-key             a new key signs in ten minutes\n\n"
    "  wangge accounts rotate-key --at-once   the old one may be known to others: every access token ends"
)
@click.option("--at-once", is_flag=True, help="End the present keys now.")
@instance_option
def rotate_key(instance: str | None, *, at_once: bool) -> None:
    """轮换签名密钥 / a new key for the tokens that this county signs; by itself that happens every thirty days."""
    from gateway.accounts import record, signing

    def rotated(connection: Any) -> str:
        kid = signing.rotate(connection, sealing(instance), at_once=at_once)
        record.note(connection, operator(), "signing_key.rotated", kid, at_once=at_once)
        return kid

    click.echo(run(instance, rotated))


accounts.add_command(api_client)


def summary(row: Any) -> dict[str, Any]:
    state = "disabled" if row.disabled else "must_change_password" if row.must_change else "active"
    return {
        "id": str(row.id),
        "login": row.login,
        "state": f"{state}{' + totp' if row.totp_confirmed else ''}",
        "roles": list(row.roles),
        "jurisdictions": list(row.jurisdictions),
        "signed_in_at": row.signed_in_at and row.signed_in_at.isoformat(),
    }


def session_summary(row: Any) -> dict[str, str]:
    return {
        "id": str(row.id),
        "created_at": row.created_at.isoformat(timespec="seconds"),
        "used_at": row.used_at.isoformat(timespec="seconds"),
    }


def change(row: Any) -> dict[str, Any]:
    return {"at": row.at.isoformat(timespec="seconds"), "by": row.by, "action": row.action, **row.detail}
