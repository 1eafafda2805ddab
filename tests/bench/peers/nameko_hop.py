"""Stock nameko: `event_handler`, SQLAlchemy, `EventDispatcher` (persistent, confirmed); one commit an event.

The only change to it: its queue is a quorum queue, as everybody's here.
"""

import eventlet

eventlet.monkey_patch()

import os

import sqlalchemy as sa
from nameko.events import EventDispatcher, EventHandler
from nameko.runners import ServiceRunner

engine = sa.create_engine(os.environ["DATABASE_URL"], pool_size=10)


class QuorumEventHandler(EventHandler):
    def setup(self):
        super().setup()
        self.queue.queue_arguments = {"x-queue-type": "quorum"}


class HopService:
    name = "hop"
    dispatch = EventDispatcher()

    @QuorumEventHandler.decorator("source", "was")
    def on_event(self, payload):
        with engine.begin() as connection:
            connection.execute(sa.text("INSERT INTO seen VALUES (:id)"), {"id": payload["id"]})
        self.dispatch("done", payload)


if __name__ == "__main__":
    runner = ServiceRunner({"AMQP_URI": os.environ["AMQP_URL"]})
    runner.add_service(HopService)
    runner.start()
    runner.wait()
