"""What a browser sends is kept only where every page can be told of it again."""

import asyncio
import json

import pytest
from starlette.requests import Request

from ui.answers import body_of


def read(body):
    async def receive():
        return {"type": "http.request", "body": body, "more_body": False}

    headers = [(b"content-type", b"application/json")]
    return asyncio.run(body_of(Request({"type": "http", "headers": headers}, receive)))


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        (rb'{"text": "half an emoji \ud83d"}', {"text": "half an emoji ?"}),
        (rb'{"text": "a whole one \ud83d\ude00"}', {"text": "a whole one \U0001f600"}),
        (b'{"steps": NaN}', {}),
        (b"[" * 100_000, {}),
        (b"[1]", {}),
    ],
)
def test_a_body_can_be_sent_on(body, wanted):
    assert read(body) == wanted
    json.dumps(read(body), ensure_ascii=False, allow_nan=False).encode()
