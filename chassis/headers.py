"""Message headers under which the chassis keeps its own account; a broker or a client that knows none of them is fine.

Not ``x-death``: RabbitMQ 4.0 stopped interpreting it on messages that a client republishes.
"""

TRACEPARENT = "traceparent"
ATTEMPT = "x-wangge-attempt"
"""Which try this is, from 1; absent on the first."""
ERROR = "x-wangge-error"
HANDLER = "x-wangge-handler"
DEAD_AT = "x-wangge-dead-at"
EXCHANGE = "x-wangge-exchange"
ROUTING_KEY = "x-wangge-routing-key"
"""The original route: retried and dead messages come through the default exchange, whose routing key is the queue."""
