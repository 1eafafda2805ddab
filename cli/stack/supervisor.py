"""The process behind `wangge up`: starts the servers and the parts in order, restarts what dies, writes the state.

One thread: a child asks to die with the *thread* that made it (prctl(2)), and a loop that steps every part in turn has
no locks to get wrong. Servers are not bound to its life: PostgreSQL and RabbitMQ go on when a supervisor is killed, and
the next one adopts them; parts die with it.
"""

from __future__ import annotations

import http.client
import json
import os
import signal
import sys
import time
from collections.abc import Callable

from cli.stack import process
from cli.stack.instance import Instance
from cli.stack.packages import StackError
from cli.stack.parts import Part
from cli.stack.plan import Plan, read_plan
from cli.stack.process import Identity
from cli.stack.state import PartState, State
from cli.stack.watched import Watched

TICK = 0.05
DRAIN_SECONDS = 20  # a part's promise: SIGTERM to exit 0 within this


class Supervisor:
    """Keeps the parts of one plan running until told to stop (SIGTERM); SIGHUP tries given-up parts again."""

    def __init__(self, instance: Instance, plan: Plan) -> None:
        self.instance = instance
        self.watched = [*servers(plan), *(watch_part(plan, part) for part in (*tasks(plan), *plan.parts.parts))]
        self.state = State(
            instance=instance.name,
            supervisor=Identity.of(os.getpid()),
            address=plan.address,
            places=places(plan),
            parts=[watched.state for watched in self.watched],
        )
        self.stopping = self.asked_again = False

    def run(self) -> None:
        signal.signal(signal.SIGTERM, self._stop)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGHUP, self._hear)
        self.state.write(self.instance)
        while not self.stopping:
            if any([self._try_again(), *self._step_all()]):
                self.state.write(self.instance)
            time.sleep(TICK)
        self._drain()

    def _step_all(self) -> list[bool]:
        names = {w.name for w in self.watched}
        available = {w.name for w in self.watched if w.state.state in {"ready", "done", "unready"}}
        # What is not in the plan (a server that was given) needs no waiting for.
        return [w.step(available | (set(w.needs) - names)) for w in self.watched]

    def _stop(self, *_: object) -> None:
        self.stopping = True

    def _hear(self, *_: object) -> None:
        # Only noted here: a signal may come in the middle of writing the state.
        self.asked_again = True

    def _try_again(self) -> bool:
        if not self.asked_again:
            return False
        self.asked_again = False
        self.state.tries += 1
        for watched in self.watched:
            watched.try_again()
        return True

    def _drain(self) -> None:
        """Parts first, last one first, all at once within one drain time; the servers are the caller's to stop."""
        running = [w.state for w in reversed(self.watched) if w.state.kind != "server" and w.state.identity]
        self.state.message = "stopping"
        self.state.write(self.instance)
        for part in running:
            process.send(part.identity, signal.SIGTERM)  # type: ignore[arg-type]
        until = time.monotonic() + DRAIN_SECONDS
        for part in running:
            identity = part.identity
            if identity is not None:
                process.stop(identity, within=max(0.0, until - time.monotonic()))
            part.state, part.identity = "stopped", None
            self.state.write(self.instance)


def servers(plan: Plan) -> list[Watched]:
    """The private servers of a plan: what was given instead is not ours to watch."""
    found: list[Watched] = []
    if (broker := plan.broker) is not None:
        epmd = PartState("epmd", "server", port=broker.epmd_port)
        found.append(Watched(epmd, broker.start_epmd, broker.epmd_answers, adopt=broker.epmd_running))
        node = PartState("broker", "server", port=broker.port)
        sidecars = [plan.port[part.ready] for part in plan.parts.parts if part.name.endswith("-sidecar") and part.ready]
        found.append(
            Watched(
                node, broker.start, broker.answers, needs=("epmd",), adopt=broker.running,
                is_broken=lambda: broker.keeps_nothing() or any(confirms_nothing(port) for port in sidecars),
            )
        )  # fmt: skip
    if (cluster := plan.postgres) is not None:
        state = PartState("postgres", "server", port=cluster.port)
        found.append(Watched(state, cluster.start, cluster.answers, adopt=cluster.running))
    return found


def tasks(plan: Plan) -> list[Part]:
    """What has to be done to the servers first; processes of their own, so that a slow server stops no watching."""
    databases = Part("databases", "task", ("-m", "cli.stack.databases"), needs=("postgres",))
    users = Part("broker-users", "task", ("-m", "cli.stack.broker_users"), needs=("broker",))
    return [databases] if plan.broker is None else [databases, users]


def watch_part(plan: Plan, part: Part) -> Watched:
    port = plan.port[part.ready] if part.ready else None
    needs_database = ("postgres",) if part.service else ()
    return Watched(
        PartState(part.name, part.kind, port=port),
        start=lambda: start_part(plan, part),
        is_ready=answers_ready(port) if port else lambda: True,
        needs=(*part.needs, *needs_database),
    )


def start_part(plan: Plan, part: Part) -> Identity:
    instance = plan.instance
    child = process.spawn(
        [sys.executable, *part.command],
        log=instance.log(part.name),
        env=plan.environment(part),
        cwd=instance.checkout,
        dies_with_parent=True,
    )
    return process.started(child)


def answers_ready(port: int) -> Callable[[], bool]:
    """Asks GET /ready on a loopback port: 200 is ready, anything else (or nothing within a second) is not."""

    def ask() -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
        try:
            connection.request("GET", "/ready")
            return connection.getresponse().status == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    return ask


def confirms_nothing(port: int) -> bool:
    """Whether a sidecar says that the broker it is connected to has confirmed none of its messages for a while.

    After a full disk a single queue or the stream may be stuck for good while others work (decision 0026): only who
    publishes to all of them sees it.
    """
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
    try:
        connection.request("GET", "/ready")
        document = json.loads(connection.getresponse().read())
        return any(check["name"] == "confirms" and not check["ok"] for check in document["checks"])
    except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError):
        return False
    finally:
        connection.close()


def places(plan: Plan) -> dict[str, str]:
    """Where things are, for a person; never a password."""
    return {
        "logs": str(plan.instance.directory / "logs"),
        "postgres": "DATABASE_URL" if plan.postgres is None else str(plan.postgres.data),
        "broker": "AMQP_URL" if plan.broker is None else str(plan.broker.directory),
    }


def main(arguments: list[str]) -> int:
    """`python -m cli.stack.supervisor NAME`; 3 when another supervisor already has this instance."""
    instance = Instance.named(arguments[0])
    plan = read_plan(instance)
    if plan is None:
        raise StackError("there is no plan: `wangge up` makes it")
    try:
        with instance.only_supervisor():
            Supervisor(instance, plan).run()
    except BlockingIOError:
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
