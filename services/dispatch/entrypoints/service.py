"""Dispatch's service process: commands and queries over RPC, commands over AMQP, the registry's events."""

import gc

from chassis.nameko.patch import patch

patch()

# Imports after the patch on purpose: whatever touches sockets or psycopg2 first would block the whole process.
from collections.abc import Mapping
from functools import partial
from itertools import groupby
from typing import Any

from nameko.extensions import DependencyProvider

from chassis import logs, tracing
from chassis.actor import Actor
from chassis.errors import Unauthenticated
from chassis.headers import TRACEPARENT
from chassis.nameko.call_context import CallContext, Recognise
from chassis.nameko.delivery import Delivery
from chassis.nameko.events import events
from chassis.nameko.rpc import rpc
from chassis.runner import run_service
from chassis.settings import load_or_exit
from chassis.tracing import current_traceparent, on_behalf_of
from contracts.names import DISPATCH
from contracts.rights.deciding import may
from contracts.rights.permissions import VOUCHED
from services.dispatch import bootstrap
from services.dispatch.application import queries, reports, selecting
from services.dispatch.application.denials import list_denials, told_denials
from services.dispatch.application.ports import Request
from services.dispatch.entrypoints.messages import (
    command_of,
    denied_sender,
    event_of,
    refusal_of,
    request_of,
    sender_of,
)
from services.dispatch.entrypoints.subscriptions import COMMANDS, GRID_TREE
from services.dispatch.settings import Settings


class DispatchProvider(DependencyProvider):
    """Gives every call the use cases of this process."""

    dispatch: bootstrap.Dispatch | None = None

    def get_dependency(self, worker_ctx: Any) -> bootstrap.Dispatch | None:
        return self.dispatch


class SendersProvider(DependencyProvider):
    """Gives every call the actors of the broker's users that may send commands."""

    senders: Mapping[str, Actor] = {}

    def get_dependency(self, worker_ctx: Any) -> Mapping[str, Actor]:
        return self.senders


class DispatchService:
    """Spec of the answers: contracts.answers."""

    name = DISPATCH
    dispatch: Any = DispatchProvider()
    call: Any = CallContext()
    recognise: Any = Recognise()
    senders: Any = SendersProvider()

    @rpc(permission=VOUCHED)
    def execute(self, commands: list[Any]) -> dict[str, Any]:
        return {"answers": self.dispatch.execute(commands, self.call.actor)}

    @rpc(permission="call.joined")
    def execute_together(self, requests: list[Any]) -> dict[str, Any]:
        asked = [request_of(each, self.recognise) for each in requests]
        with on_behalf_of("dispatch.execute", "server", [each.traceparent for each in asked]):
            return {"answers": self.dispatch.execute_requests(asked)}

    @rpc(permission="incident.create")
    def get_answer(self, key: str) -> dict[str, Any]:
        return self._ask(queries.get_answer, key)

    @rpc(permission="incident.read")
    def get_incident(self, incident: str, include: Any = ()) -> dict[str, Any]:
        return self._ask(queries.get_incident, incident, include)

    @rpc(permission="incident.read")
    def list_incidents(self, limit: int = 50, cursor: str | None = None, **filters: Any) -> dict[str, Any]:
        return self._ask(queries.list_incidents, filters, limit, cursor)

    @rpc(permission="incident.read")
    def select_incidents(
        self, fields: Any, limit: int = 50, cursor: str | None = None, **filters: Any
    ) -> dict[str, Any]:
        return self._ask(selecting.select_incidents, fields, filters, limit, cursor)

    @rpc(permission="incident.recommend")
    def recommend(self, incident: str) -> dict[str, Any]:
        return self._ask(queries.recommendations, incident)

    @rpc(permission="incident.compare")
    def likely_duplicates(self, draft: dict[str, Any]) -> dict[str, Any]:
        return self._ask(queries.likely_duplicates, draft)

    @rpc(permission="team.read")
    def get_team(self, team: str) -> dict[str, Any]:
        return self._ask(queries.get_team, team)

    @rpc(permission="team.read")
    def list_teams(
        self, *, prefix: str = "", centre: str | None = None, kind: str | None = None, available: bool | None = None
    ) -> dict[str, Any]:
        return self._ask(queries.list_teams, prefix=prefix, centre=centre, kind=kind, available=available)

    @rpc(permission="team.read")
    def get_teams(self, teams: list[str]) -> dict[str, Any]:
        return self._ask(queries.get_teams, teams)

    @rpc(permission="centre.read")
    def list_centres(self, prefix: str = "") -> dict[str, Any]:
        return self._ask(queries.list_centres, prefix)

    @rpc(permission="sla.read")
    def sla_report(self, by: str = "total", **filters: Any) -> dict[str, Any]:
        return self._ask(reports.sla_report, filters, by)

    @rpc(permission="sla.read")
    def sla_breaches(self, limit: int = 100, cursor: str | None = None, **filters: Any) -> dict[str, Any]:
        return self._ask(reports.sla_breaches, filters, limit, cursor)

    @rpc(permission="board.read")
    def board(self, since: str | None = None) -> dict[str, Any]:
        return self._ask(reports.board, since)

    @rpc(permission="sla.read")
    def get_policies(self) -> dict[str, Any]:
        return self._ask(reports.get_policies)

    @rpc(permission="denial.record")
    def record_denials(self, said_by: str, denials: list[Any]) -> dict[str, Any]:
        told = told_denials(said_by, denials)
        self.dispatch.record(told)
        return {"recorded": len(told)}

    @rpc(permission="audit.read")
    def list_denials(self, limit: int = 100, cursor: str | None = None, **filters: Any) -> dict[str, Any]:
        return self._ask(list_denials, filters, limit, cursor)

    @events(GRID_TREE)
    def on_registry_events(self, deliveries: list[Delivery]) -> None:
        self.dispatch.take_events(GRID_TREE.purpose, {each.message_id: event_of(each) for each in deliveries})

    @events(COMMANDS)
    def on_commands(self, deliveries: list[Delivery]) -> None:
        """Executed under the commands' own keys, so a redelivery is answered again and changes nothing."""
        asked = [(self._sender(each), command_of(each), each) for each in deliveries]
        for sender, batch in groupby(asked, key=lambda each: each[0]):
            of_sender = list(batch)
            if isinstance(sender, Actor):
                # Each in the trace of its own message, if it came with one.
                causes = [each.headers.get(TRACEPARENT) or current_traceparent() for _, _, each in of_sender]
                commands = [one for _, one, _ in of_sender]
                requests = [Request([one], sender, cause) for one, cause in zip(commands, causes, strict=True)]
                answers = [answer for [answer] in self.dispatch.execute_requests(requests)]
            else:
                answers = [refusal_of(sender) for _ in of_sender]
                self.dispatch.record([denied_sender(each, sender) for _, _, each in of_sender])
            self.dispatch.messages.send(
                [
                    bootstrap.Reply(delivery.reply_to, delivery.correlation_id, answer)
                    for (_, _, delivery), answer in zip(of_sender, answers, strict=True)
                    if delivery.reply_to
                ]
            )

    def _sender(self, delivery: Delivery) -> Actor | Unauthenticated:
        try:
            return sender_of(delivery, self.senders)
        except Unauthenticated as nobody:
            return nobody

    def _ask(self, query: Any, *arguments: Any, **named: Any) -> dict[str, Any]:
        answer: dict[str, Any] = self.dispatch.ask(query, self.call.actor, *arguments, **named)
        return answer


def main() -> None:
    # What is imported lives for ever and a batch makes a hundred thousand short-lived objects: at Python's threshold of
    # 700 the collector took a quarter of the processor (measured: 2,950 against 3,900 stamps a processor second).
    gc.freeze()
    gc.set_threshold(200_000, 20, 100)
    settings = load_or_exit(Settings)
    logs.configure(DISPATCH, settings.log_level, settings.instance)
    tracing.configure(DISPATCH)
    engine = bootstrap.service_engine(settings)
    SendersProvider.senders = settings.senders
    DispatchProvider.dispatch = bootstrap.build(settings, engine)
    run_service(
        DispatchService, settings, engine=engine, declare=partial(bootstrap.declare, settings.amqp_url), may=may
    )


if __name__ == "__main__":
    main()
