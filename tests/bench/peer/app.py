# SPDX-License-Identifier: Apache-2.0
"""The peer: FastAPI, asyncpg and prometheus_client doing what Daedalus does for the same requests.

It works on a copy of Daedalus's own database and executes the same statements, in the same order,
on the same rows, with prepared statements and without asyncpg's reset of a connection after each
use. BASE_DSN: the database. PROMETHEUS_MULTIPROC_DIR: where its workers keep their counters.
"""
import asyncio
import hashlib
import json
import os
import time
import uuid
from datetime import datetime
from typing import List, Optional
from uuid import UUID

import asyncpg
from fastapi import Depends, FastAPI, Header, HTTPException, Request
from fastapi.responses import Response, StreamingResponse
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram, generate_latest, multiprocess
from pydantic import BaseModel

REQUESTS = Counter("http_requests_total", "Requests", ["method", "route", "status"])
LATENCY = Histogram("http_request_duration_seconds", "Latency", ["route"])

LIST = """SELECT w.id, w.name, w.description, w.instructions, w.default_agent, w.archived_at, m.role,
  w.version, w.created_at,
  coalesce ((SELECT max (c.last_activity_at) FROM conversation c
   WHERE c.workspace_id = w.id AND c.deleted_at IS NULL), w.created_at) AS last_activity_at,
  (SELECT count(*) FROM turn t CROSS JOIN conversation c WHERE t.finished_at IS NULL
   AND c.id = t.conversation_id AND c.workspace_id = w.id AND c.deleted_at IS NULL) AS running_turns
 FROM workspace_member m JOIN workspace w ON w.id = m.workspace_id
 WHERE m.subject = $1 AND m.workspace_id < $2 AND (w.archived_at IS NOT NULL) = $3
 AND w.deleted_at IS NULL ORDER BY m.workspace_id DESC LIMIT $4"""
LIST_AGENTS = """SELECT a.workspace_id, a.agent FROM workspace_agent a WHERE a.workspace_id IN
 (SELECT m.workspace_id FROM workspace_member m JOIN workspace w ON w.id = m.workspace_id
 WHERE m.subject = $1 AND m.workspace_id < $2 AND (w.archived_at IS NOT NULL) = $3
 AND w.deleted_at IS NULL ORDER BY m.workspace_id DESC LIMIT $4)
 ORDER BY a.workspace_id DESC, a.agent"""
LAST_ID = UUID("ffffffff-ffff-ffff-ffff-ffffffffffff")

NOW = "SELECT now (), pg_current_xact_id ()::text"
KEY_LOCK = "SELECT pg_try_advisory_xact_lock (hashtextextended ($1 || chr (31) || $2, 0))"
KEY_FIND = "SELECT hash, status, headers, body, is_kept, created_at FROM idempotency WHERE subject = $1 AND key = $2"
KEY_KEEP = """INSERT INTO idempotency (subject, key, hash, status, headers, body, is_kept, created_at)
 VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"""
CONVERSATION = """SELECT c.id, c.workspace_id, c.title, c.agent, c.current_message_id, c.pinned, c.archived_at,
 c.version, c.created_at FROM conversation c WHERE c.id = $1 AND c.deleted_at IS NULL"""
ROLE = """SELECT m.role FROM workspace_member m JOIN workspace w ON w.id = m.workspace_id
 WHERE m.workspace_id = $1 AND m.subject = $2 AND w.deleted_at IS NULL"""
LOG = "UPDATE conversation_log SET last_seq = last_seq + $2 WHERE conversation_id = $1 RETURNING last_seq"
MESSAGE_ADD = """INSERT INTO message (id, conversation_id, parent_id, role, author, author_name, agent, content, state,
 turn_id, request_id, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)"""
CONVERSATION_SET = """UPDATE conversation SET current_message_id = $2, last_activity_at = $3, events_at = $3,
 version = version + CASE WHEN title = '' AND $4 <> '' THEN 1 ELSE 0 END,
 title = CASE WHEN title = '' THEN $4 ELSE title END WHERE id = $1"""
MESSAGE = """SELECT m.id, m.conversation_id, m.parent_id, m.role, m.author, m.author_name, m.agent, m.content,
 m.iterations, m.state, m.error_code, m.error_detail, m.turn_id, m.request_id, m.created_at, m.started_at,
 m.finished_at,
 (SELECT count(*) FROM message s WHERE coalesce (s.parent_id, s.conversation_id) =
  coalesce (m.parent_id, m.conversation_id)) AS siblings,
 (SELECT count(*) FROM message s WHERE coalesce (s.parent_id, s.conversation_id) =
  coalesce (m.parent_id, m.conversation_id) AND s.id <= m.id) AS position, t.activities, t.notes
 FROM message m LEFT JOIN turn t ON t.id = m.turn_id WHERE m.id IN ($1, $2) ORDER BY m.role DESC"""
EVENT_ADD = """INSERT INTO event (conversation_id, seq, kind, turn_id, message_id, data, created_at)
 VALUES ($1, $2, $3, $4, $5, $6, $7)"""
READ_MARK = """INSERT INTO read_mark (conversation_id, subject, seq, updated_at) VALUES ($1, $2, $3, $4)
 ON CONFLICT (conversation_id, subject) DO UPDATE SET seq = excluded.seq, updated_at = excluded.updated_at"""

app = FastAPI()
readers = {}  # conversation -> set of queues


class Workspace(BaseModel):
    id: UUID
    name: str
    description: str
    instructions: str
    default_agent: Optional[str]
    archived_at: Optional[datetime]
    role: str
    agents: List[str]
    version: int
    created_at: datetime
    last_activity_at: datetime
    running_turns: int


class Workspaces(BaseModel):
    items: List[Workspace]
    next: Optional[str]


class Author(BaseModel):
    subject: str
    name: str


class Siblings(BaseModel):
    count: int
    position: int


class Message(BaseModel):
    id: UUID
    conversation_id: UUID
    parent_id: Optional[UUID]
    role: str
    author: Optional[Author]
    agent: Optional[str]
    content: str
    iterations: Optional[list]
    state: str
    error_code: Optional[str]
    error_detail: Optional[str]
    turn_id: Optional[UUID]
    request_id: Optional[str]
    created_at: datetime
    started_at: Optional[datetime]
    finished_at: Optional[datetime]
    siblings: Siblings
    activities: list
    notes: list


class MessageIn(BaseModel):
    content: str
    agent: Optional[str]


class Posted(BaseModel):
    message: Message
    turn: Optional[dict]


class Person(BaseModel):
    subject: str
    name: str


class Measure:
    """Plain ASGI: a request id, a counter and a histogram for each request."""

    def __init__(self, app):
        self.inner = app

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http":
            return await self.inner(scope, receive, send)
        start, status = time.perf_counter(), 500
        scope["request_id"] = str(uuid.uuid4())

        async def watch(event):
            nonlocal status
            if event["type"] == "http.response.start":
                status = event["status"]
                event["headers"].append((b"x-request-id", scope["request_id"].encode()))
            await send(event)

        try:
            await self.inner(scope, receive, watch)
        finally:
            route = getattr(scope.get("route"), "path", "other")
            REQUESTS.labels(scope["method"], route, str(status)).inc()
            LATENCY.labels(route).observe(time.perf_counter() - start)


class Connection(asyncpg.Connection):
    def get_reset_query(self):
        return ""


app.add_middleware(Measure)


async def person(x_forwarded_user: Optional[str] = Header(None),
                 x_forwarded_preferred_username: Optional[str] = Header(None)) -> Person:
    if not x_forwarded_user:
        raise HTTPException(401, "not signed in")
    return Person(subject=x_forwarded_user, name=x_forwarded_preferred_username or x_forwarded_user)


@app.on_event("startup")
async def start():
    app.state.pool = await asyncpg.create_pool(os.environ["BASE_DSN"], min_size=2, max_size=8,
                                               connection_class=Connection)


@app.get("/api/health")
async def health():
    return {"status": "ok"}


@app.get("/api/workspaces", response_model=Workspaces)
async def workspaces(who: Person = Depends(person)):
    values = (who.subject, LAST_ID, False, 51)
    async with app.state.pool.acquire() as conn, conn.transaction(isolation="repeatable_read", readonly=True):
        rows = await conn.fetch(LIST, *values)
        agents = {}
        for row in await conn.fetch(LIST_AGENTS, *values):
            agents.setdefault(row["workspace_id"], []).append(row["agent"])
    items = [{**row, "agents": agents.get(row["id"], [])} for row in rows[:50]]
    return {"items": items, "next": str(rows[49]["id"]) if len(rows) > 50 else None}


def message_of(row):
    author = {"subject": row["author"], "name": row["author_name"]} if row["author"] else None
    return {**row, "author": author, "iterations": json.loads(row["iterations"]) if row["iterations"] else None,
            "siblings": {"count": row["siblings"], "position": row["position"]},
            "activities": json.loads(row["activities"] or "[]"), "notes": json.loads(row["notes"] or "[]")}


def new_id():
    """A UUID of version 7."""
    value = int(time.time() * 1000) << 80 | int.from_bytes(os.urandom(10), "big")
    return UUID(int=value & ~(0xf << 76 | 3 << 62) | 7 << 76 | 2 << 62)


async def store(conn, conversation_id, who, body, key, text, request_id):
    now, _ = await conn.fetchrow(NOW)
    await conn.fetchval(KEY_LOCK, who.subject, key)
    if await conn.fetchrow(KEY_FIND, who.subject, key):
        raise HTTPException(409, "seen")
    conversation = await conn.fetchrow(CONVERSATION, conversation_id)
    if not conversation or not await conn.fetchval(ROLE, conversation["workspace_id"], who.subject):
        raise HTTPException(404, "not found")
    seq = await conn.fetchval(LOG, conversation_id, 1)
    conversation = await conn.fetchrow(CONVERSATION, conversation_id)
    question, answer = new_id(), new_id()
    await conn.execute(MESSAGE_ADD, question, conversation_id, conversation["current_message_id"], "user", who.subject,
                       who.name, None, body.content, "complete", None, request_id, now)
    await conn.execute(CONVERSATION_SET, conversation_id, question, now, body.content[:60])
    message = Posted(message=message_of(await conn.fetchrow(MESSAGE, question, answer)), turn=None)
    await conn.execute(EVENT_ADD, conversation_id, seq, "message.created", None, question, "{}", now)
    await conn.execute(READ_MARK, conversation_id, who.subject, seq, now)
    reply = message.json()
    await conn.execute(KEY_KEEP, who.subject, key, hashlib.sha256(text).hexdigest(), 202,
                       '[["Content-Type","application/json"]]', reply, True, now)
    return seq, message, reply


@app.post("/api/conversations/{conversation_id}/messages", status_code=202)
async def post(conversation_id: UUID, body: MessageIn, request: Request, idempotency_key: str = Header(...),
               who: Person = Depends(person)):
    text = await request.body()
    async with app.state.pool.acquire() as conn, conn.transaction():
        seq, message, reply = await store(conn, conversation_id, who, body, idempotency_key, text,
                                          request.scope["request_id"])
    if conversation_id in readers:
        event = b"id: %d\nevent: message.created\ndata: {\"message\":%s}\n\n" % (seq, json.dumps(
            json.loads(message.message.json()), separators=(",", ":")).encode())
        for queue in readers[conversation_id]:
            queue.put_nowait(event)
    return Response(reply, 202, media_type="application/json")


@app.get("/api/conversations/{conversation_id}/events")
async def events(conversation_id: UUID, who: Person = Depends(person)):
    async def stream():
        queue = asyncio.Queue()
        readers.setdefault(conversation_id, set()).add(queue)
        try:
            yield b": hello\n\n"
            while True:
                yield await queue.get()
        finally:
            readers[conversation_id].discard(queue)

    return StreamingResponse(stream(), media_type="text/event-stream")


@app.get("/metrics")
async def metrics():
    registry = CollectorRegistry()
    multiprocess.MultiProcessCollector(registry)
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)
