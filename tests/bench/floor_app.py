"""The floor of the accept: the same server, doing nothing but a durable insert of the same bytes."""

from __future__ import annotations

import os
from uuid import uuid4

from flask import Flask, Response, jsonify, request

from db.core.pool import open_pool


def create_floor() -> Flask:
    app = Flask("floor")
    pool = open_pool(os.environ["DATABASE_URL"], 8, "floor")

    @app.post("/floor")
    def floor() -> tuple[Response, int]:
        body = request.get_data(cache=False)
        with pool.connection() as conn:
            conn.execute("INSERT INTO bench_floor (id, body) VALUES (%s, %b)", (uuid4(), body))
        return jsonify({"success": True}), 202

    return app


application = create_floor()
