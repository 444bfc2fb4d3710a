"""Limits of the policy server for its clients: connections, heads, bodies, the queue. A real process, over sockets."""

import contextlib
import json
import socket
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from asking import PROMPT, metric, wait_until
from servers import CONTEXT_TOKENS

CONNECTIONS = 16
RECEIVE_SECONDS = 2
HEAD = b"POST /v1/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"


@pytest.fixture(scope="module")
def server(start_server, policy):
    """A server with low limits."""
    return start_server(
        "--model",
        str(policy),
        ORRERY_POLICY_CONNECTIONS=str(CONNECTIONS),
        ORRERY_POLICY_BODY_MIB="1",
        ORRERY_POLICY_RECEIVE_SECONDS=str(RECEIVE_SECONDS),
        ORRERY_POLICY_ROWS="4",
        ORRERY_POLICY_WAITING="32",
    )


def connect(server):
    host, port = server.url.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), timeout=60)


def answer_to(server, sent):
    """All that comes back until the server closes the connection."""
    with connect(server) as client:
        client.sendall(sent)
        return read_all(client)


def read_all(client):
    parts = []
    try:
        while part := client.recv(65_536):
            parts.append(part)
    except ConnectionError:
        pass
    return b"".join(parts)


def is_healthy(server):
    return server.get("/health")[0] == 200


def test_a_body_over_the_limit_is_refused_before_it_is_sent(server):
    answer = answer_to(server, HEAD + f"content-length: {2**20 + 1}\r\n\r\n".encode())
    assert answer.startswith(b"HTTP/1.1 413")
    assert b"expected at most 1048576 bytes" in answer


def test_a_chunked_body_is_refused_when_it_exceeds_the_limit(server):
    chunk = b"10000\r\n" + b" " * 65_536 + b"\r\n"
    with connect(server) as client:
        client.sendall(HEAD + b"transfer-encoding: chunked\r\n\r\n" + chunk * 17)
        assert client.recv(65_536).startswith(b"HTTP/1.1 413")


@pytest.mark.parametrize("head", [b"GET /" + b"a" * 70_000, b"GET / HTTP/1.1\r\nx: " + b"a" * 70_000])
def test_a_head_over_the_limit_is_refused(server, head):
    assert answer_to(server, head)[:12] in (b"HTTP/1.1 400", b"")  # or cut off while it still sends
    assert is_healthy(server)


@pytest.mark.parametrize("sent", [b"", HEAD, b"GET /health HTTP/1.1\r\nhost: x\r\n\r\n" + HEAD])
def test_the_connection_of_a_head_that_does_not_end_is_closed(server, sent):
    with connect(server) as client:
        client.sendall(sent)
        began = time.monotonic()
        read_all(client)
        assert time.monotonic() - began < 20 * RECEIVE_SECONDS


def test_a_body_that_does_not_end_is_refused(server):
    answer = answer_to(server, HEAD + b"content-length: 100\r\n\r\n{")
    assert answer.startswith(b"HTTP/1.1 408")


def test_slow_connections_do_not_block_health_checks(server):
    slow = [connect(server) for _ in range(4 * CONNECTIONS)]
    try:
        for number, client in enumerate(slow):
            with contextlib.suppress(ConnectionError):  # it had to make room
                client.sendall(HEAD if number % 2 else HEAD + b"content-length: 100\r\n\r\n{")
        assert is_healthy(server)
    finally:
        for client in slow:
            client.close()


def test_a_request_that_does_not_fit_into_the_queue_must_retry_later(server):
    asked = json.dumps({"prompt": PROMPT, "n": 32, "max_tokens": 16})
    with ThreadPoolExecutor(8) as crowd:
        answers = [crowd.submit(server.post, asked) for _ in range(8)]
        statuses = {answer.result()[0] for answer in answers}
    assert statuses <= {200, 429, 503}
    assert 429 in statuses
    wait_until(lambda: metric(server, "num_requests_running") + metric(server, "num_requests_waiting") == 0)


def test_a_refusal_because_of_load_says_when_to_retry(server):
    large = json.dumps({"prompt": PROMPT, "n": 2000, "max_tokens": CONTEXT_TOKENS - 20, "temperature": 5}).encode()
    with connect(server) as busy:
        busy.sendall(HEAD + f"content-length: {len(large)}\r\n\r\n".encode() + large)
        wait_until(lambda: metric(server, "num_requests_waiting") > 32)
        body = json.dumps({"prompt": PROMPT}).encode()
        head = HEAD + b"connection: close\r\n" + f"content-length: {len(body)}\r\n\r\n".encode()
        answer = answer_to(server, head + body)
        assert answer.startswith(b"HTTP/1.1 429")
        assert b"retry-after: 1\r\n" in answer.lower()
    wait_until(lambda: metric(server, "num_requests_running") + metric(server, "num_requests_waiting") == 0)


def test_a_long_prompt_is_tokenized_while_health_is_answered(server):
    text = json.dumps({"prompt": "Use 3 5 7 to make 26 : " * 40_000})
    with ThreadPoolExecutor(1) as one:
        began = time.monotonic()
        asked = one.submit(server.post, text)
        slowest = 0.0
        while not asked.done():
            looked = time.monotonic()
            assert is_healthy(server)
            slowest = max(slowest, time.monotonic() - looked)
        status, body = asked.result()
    assert (status, json.loads(body)["error"]["param"]) == (400, "prompt")
    assert slowest < (time.monotonic() - began) / 2  # else it waited for the whole text
