"""Names both sides of the bench use."""

from chassis.topology import Subscription

SOURCE, OWNER = "source", "hop"
HOP = Subscription("hop", "in", ((f"{SOURCE}.events", "#"),))
SINK = "sink.out"
