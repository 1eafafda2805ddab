"""Stock nameko: an HTTP service calls a service over RPC, which writes four rows in one transaction."""

import eventlet

eventlet.monkey_patch()

import json
import os
from uuid import uuid4

import sqlalchemy as sa
from nameko.rpc import RpcProxy, rpc
from nameko.runners import ServiceRunner
from nameko.web.handlers import http

from tests.bench.peers.four_rows import INSERTS, values

engine = sa.create_engine(os.environ["DATABASE_URL"], pool_size=10)
STATEMENTS = [sa.text(f"INSERT INTO {t} VALUES ({', '.join(f':p{n}' for n in range(c))})") for t, c in INSERTS]


class Intake:
    name = "intake"

    @rpc
    def create(self, data):
        incident_id = str(uuid4())
        with engine.begin() as connection:
            for statement, row in zip(STATEMENTS, values(incident_id, data), strict=True):
                connection.execute(statement, {f"p{n}": value for n, value in enumerate(row)})
        return incident_id


class Http:
    name = "http"
    intake = RpcProxy("intake")

    @http("POST", "/v1/incidents")
    def create(self, request):
        return 201, json.dumps({"incident_id": self.intake.create(json.loads(request.get_data(as_text=True)))})


if __name__ == "__main__":
    address = f"127.0.0.1:{os.environ['PORT']}"
    wanted = os.environ["ROLE"]
    runner = ServiceRunner({"AMQP_URI": os.environ["AMQP_URL"], "WEB_SERVER_ADDRESS": address})
    runner.add_service(Http if wanted == "http" else Intake)
    runner.start()
    runner.wait()
