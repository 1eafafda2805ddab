"""FastAPI on uvicorn and uvloop, asyncpg with a pool: four rows in one transaction, then 201."""

import os
from contextlib import asynccontextmanager
from uuid import uuid4

import asyncpg
import uvicorn
from fastapi import FastAPI

from tests.bench.peers.four_rows import INSERTS, values

STATEMENTS = [f"INSERT INTO {t} VALUES ({', '.join(f'${n + 1}' for n in range(c))})" for t, c in INSERTS]
database: list[asyncpg.Pool] = []


@asynccontextmanager
async def lifespan(_app: FastAPI):
    database.append(await asyncpg.create_pool(os.environ["DATABASE_URL"], min_size=20, max_size=20))
    yield


app = FastAPI(lifespan=lifespan)


@app.post("/v1/incidents", status_code=201)
async def create(data: dict) -> dict:
    incident_id = str(uuid4())
    async with database[0].acquire() as connection, connection.transaction():
        for statement, row in zip(STATEMENTS, values(incident_id, data), strict=True):
            await connection.execute(statement, *row)
    return {"incident_id": incident_id}


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(os.environ["PORT"]), access_log=False, loop="uvloop", http="httptools")
