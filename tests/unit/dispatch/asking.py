"""Short ways to send commands to a fake database."""

from datetime import timedelta

from contracts.answers import dump_answer
from services.dispatch.application.execute import execute
from tests.unit.dispatch.builders import T0
from tests.unit.dispatch.fakes import ACTOR, problem_of


def run(database, *commands, seconds=0.0, actor=ACTOR):
    database.unit.now = T0 + timedelta(seconds=seconds)
    keyed = [{"key": f"k{database.transactions}-{place}", **command} for place, command in enumerate(commands)]
    answers = execute(keyed, actor, database.transact, problem_of)
    for answer in answers:
        if answer["ok"]:
            dump_answer("dispatch.execute", {"answers": [answer]})
    return answers


def create(number="1", **data):
    location = {"lat": 30.0, "lon": 120.0}
    base = {
        "reference": {"system": "police110", "number": number},
        "source": "police",
        "category": "medical",
        "location": location,
    }
    return {"command": "incident.create", "data": {**base, **data}}


def on(command, number="1", **data):
    return {"command": command, "incident": f"police110:{number}", "data": data}


def tell(stage, call_sign, number="1", **data):
    return {"command": f"assignment.{stage}", "incident": f"police110:{number}", "team": call_sign, "data": data}


def incident(database, number="1"):
    return database.unit.incidents.by_reference("police110", number)
