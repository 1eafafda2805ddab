"""The registry's service process: answers queries over RPC."""

from chassis.nameko.patch import patch

patch()

# Imports after the patch on purpose: whatever touches sockets or psycopg2 first would block the whole process.
from datetime import datetime
from functools import partial
from typing import Any

from nameko.extensions import DependencyProvider

from chassis import logs, tracing
from chassis.clock import parse_time
from chassis.errors import InvalidInput
from chassis.nameko.call_context import CallContext
from chassis.nameko.rpc import rpc
from chassis.runner import run_service
from chassis.settings import load_or_exit
from contracts.rights.deciding import may
from services.registry import bootstrap
from services.registry.settings import Settings


class AnswersProvider(DependencyProvider):
    """Gives every call the queries of this process."""

    answers: bootstrap.Answers | None = None

    def get_dependency(self, worker_ctx: Any) -> bootstrap.Answers | None:
        return self.answers


class RegistryService:
    """Spec of the answers: contracts.registry.queries."""

    name = "registry"
    answers: Any = AnswersProvider()
    call: Any = CallContext()

    @rpc(permission="grid.read")
    def get_grid(self, code: str, at: str | None = None) -> dict[str, Any]:
        return self.answers.get_grid(self.call.actor, text("code", code), moment(at))

    @rpc(permission="grid.read")
    def children(self, code: str, at: str | None = None) -> dict[str, Any]:
        return self.answers.children(self.call.actor, text("code", code), moment(at))

    @rpc(permission="grid.read")
    def history(self, code: str) -> dict[str, Any]:
        return self.answers.history(self.call.actor, text("code", code))

    @rpc(permission="grid.locate")
    def locate(self, lat: float, lon: float, at: str | None = None) -> dict[str, Any]:
        return self.answers.locate(self.call.actor, number("lat", lat), number("lon", lon), moment(at))

    @rpc(permission="centre.read")
    def list_centres(self, prefix: str = "") -> dict[str, Any]:
        return self.answers.list_centres(self.call.actor, text("prefix", prefix or ""))

    @rpc(permission="post.read")
    def list_posts(self, grid_code: str) -> dict[str, Any]:
        return self.answers.list_posts(self.call.actor, text("grid_code", grid_code))

    @rpc(permission="grid.read")
    def tree(self, prefix: str = "", depth: int | None = None) -> dict[str, Any]:
        if depth is not None and type(depth) is not int:
            raise InvalidInput("depth is a whole number", field="depth", rule="whole_number")
        return self.answers.tree(self.call.actor, text("prefix", prefix or ""), depth)


def text(field: str, value: object) -> str:
    """An argument that is a text. Raises InvalidInput."""
    if not isinstance(value, str):
        raise InvalidInput(f"{field} is a text", field=field, rule="text")
    return value


def number(field: str, value: object) -> float:
    """An argument that is a number; not a number compares false with everything and is refused by its range."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidInput(f"{field} is a number", field=field, rule="number")
    return float(value)


def moment(value: object) -> datetime | None:
    """The time asked about; None for now. Raises InvalidInput."""
    if value is None:
        return None
    try:
        return parse_time(value)  # type: ignore[arg-type]  # refuses what is no text
    except ValueError as error:
        raise InvalidInput(str(error), field="at", rule="date_time") from error


def main() -> None:
    settings = load_or_exit(Settings)
    logs.configure("registry", settings.log_level, settings.instance)
    tracing.configure("registry")
    engine = bootstrap.service_engine(settings)
    AnswersProvider.answers = bootstrap.answers(engine)
    run_service(
        RegistryService, settings, engine=engine, declare=partial(bootstrap.declare, settings.amqp_url), may=may
    )


if __name__ == "__main__":
    main()
