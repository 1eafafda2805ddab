"""Celery: late acknowledgement, SQLAlchemy, a confirmed persistent message for the next task; one commit a task."""

import os

import sqlalchemy as sa
from celery import Celery
from celery.signals import worker_process_init
from kombu import Exchange, Queue

QUORUM = {"x-queue-type": "quorum"}
app = Celery("hop", broker=os.environ["AMQP_URL"])
app.conf.update(
    task_queues=[Queue("celery.in", Exchange("celery.in"), "celery.in", queue_arguments=QUORUM)],
    task_default_queue="celery.in",
    task_acks_late=True,
    task_ignore_result=True,
    task_create_missing_queues=True,
    broker_transport_options={"confirm_publish": True},
    worker_prefetch_multiplier=32,
    worker_enable_remote_control=False,
)
SINK = Queue("sink.out", Exchange("sink"), "sink.out", queue_arguments=QUORUM)
engine = sa.create_engine(os.environ["DATABASE_URL"], pool_size=2)


@worker_process_init.connect
def own_connections(**_: object) -> None:
    engine.dispose(close=False)


@app.task(name="hop")
def hop(payload: dict) -> None:
    with engine.begin() as connection:
        connection.execute(sa.text("INSERT INTO seen VALUES (:id)"), {"id": payload["id"]})
    app.send_task("done", (payload,), queue=SINK, ignore_result=True)
