"""What dispatch takes from the broker. Apart from the service, whose import patches the process that imports it."""

from chassis.topology import Subscription
from contracts.names import DISPATCH, REGISTRY, REGISTRY_AGGREGATES, commands_exchange, events_exchange, facts

GRID_TREE = Subscription(
    DISPATCH, "grid-tree", tuple((events_exchange(REGISTRY), facts(REGISTRY, each)) for each in REGISTRY_AGGREGATES)
)
COMMANDS = Subscription(DISPATCH, "commands", ((commands_exchange(DISPATCH), "#"),))
