"""Runs MCTS of llm-reasoners (github.com/maitrix-org/llm-reasoners) on the bench policy server for search-beside.ts.

    python llm_reasoners_search.py CHECKOUT URL PROBLEMS ITERATIONS

The algorithm comes from the checkout; the world model is ours. An expansion samples 8 candidate steps and evaluates
each distinct one with 16 rollouts, as the fast reward. All requests use one connection of the standard library, which
has less overhead than the clients of the checkout. Prints one line of JSON.
"""

from __future__ import annotations

import gc
import http.client
import importlib
import json
import re
import sys
import time
import tracemalloc
import types
from urllib.parse import urlparse

CANDIDATES, ROLLOUTS = 8, 16


def load(checkout: str) -> types.SimpleNamespace:
    """Load the base classes and MCTS of the checkout, without the agents, browsers and clients of its package."""
    package = types.ModuleType("reasoners")
    package.__path__ = [f"{checkout}/reasoners"]
    sys.modules["reasoners"] = package
    base = importlib.import_module("reasoners.base")
    for name in ("SearchAlgorithm", "WorldModel", "SearchConfig", "State", "Action", "Example", "Trace"):
        setattr(package, name, getattr(base, name))
    algorithms = types.ModuleType("reasoners.algorithm")
    algorithms.__path__ = [f"{checkout}/reasoners/algorithm"]
    sys.modules["reasoners.algorithm"] = algorithms
    mcts = importlib.import_module("reasoners.algorithm.mcts")
    return types.SimpleNamespace(
        **{name: getattr(base, name) for name in ("WorldModel", "SearchConfig", "Reasoner")}, MCTS=mcts.MCTS
    )


class Policy:
    """A client of the bench policy server that counts requests and tokens."""

    def __init__(self, url: str) -> None:
        self.connection = http.client.HTTPConnection(urlparse(url).netloc)
        self.requests = self.tokens = 0

    def complete(self, prompt: str, n: int, stop: list[str], logprobs: bool) -> list[dict]:
        body = {"model": "bench", "prompt": prompt, "n": n, "seed": self.requests, "max_tokens": 4096, "stop": stop}
        if logprobs:
            body["logprobs"] = 0
        self.connection.request("POST", "/v1/completions", json.dumps(body), {"content-type": "application/json"})
        answer = json.loads(self.connection.getresponse().read())
        self.requests += 1
        self.tokens += answer["usage"]["completion_tokens"]
        return answer["choices"]


def run(checkout: str, url: str, problems: int, iterations: int) -> dict:
    """Search the problems one after the other, keep their trees, and measure time and memory."""
    library, policy = load(checkout), Policy(url)

    def prompt(example: int, state: tuple[str, ...]) -> str:
        return f"Bench problem {example} : find the value of x .\n\nSolution:\n\n" + "".join(state)

    def is_right(example: int, text: str) -> bool:
        found = re.search(r"\\boxed\{([^}]*)\}", text)
        return found is not None and found[1] == str(1000 + example)

    class World(library.WorldModel):
        def init_state(self) -> tuple[str, ...]:
            return ()

        def step(self, state: tuple[str, ...], action: str) -> tuple[tuple[str, ...], dict]:
            return (*state, action), {}

        def is_terminal(self, state: tuple[str, ...]) -> bool:
            return bool(state) and "\\boxed{" in state[-1]

    class Config(library.SearchConfig):
        def get_actions(self, state: tuple[str, ...]) -> list[str]:
            choices = policy.complete(prompt(self.example, state), CANDIDATES, ["\n\n"], True)
            return list(dict.fromkeys(choice["text"] for choice in choices))

        def fast_reward(self, state: tuple[str, ...], action: str) -> tuple[float, dict]:
            if "\\boxed{" in action:
                return float(is_right(self.example, action)), {}
            choices = policy.complete(prompt(self.example, (*state, action)), ROLLOUTS, [], False)
            return sum(is_right(self.example, choice["text"]) for choice in choices) / ROLLOUTS, {}

        def reward(self, state: tuple[str, ...], action: str, **_: object) -> tuple[float, dict]:
            return self.fast_reward_of(state, action), {}

        def fast_reward_of(self, state: tuple[str, ...], action: str) -> float:
            return float(is_right(self.example, action))

    def nodes_below(node: object) -> int:
        return 1 + sum(nodes_below(child) for child in node.children or [])

    roots = []
    began, cpu = time.perf_counter(), time.process_time()
    for number in range(problems):
        search = library.MCTS(depth_limit=50, n_iters=iterations)
        roots.append(library.Reasoner(World(), Config(), search)(number).tree_state)
    wall, spent = time.perf_counter() - began, time.process_time() - cpu
    requests, nodes = policy.requests, sum(map(nodes_below, roots))
    # Memory is measured in a second pass, because tracing costs time.
    roots.clear()
    gc.collect()
    tracemalloc.start()
    traced = library.MCTS(depth_limit=50, n_iters=iterations)
    root = library.Reasoner(World(), Config(), traced)(0).tree_state
    del traced
    gc.collect()
    size, traced_nodes = tracemalloc.get_traced_memory()[0], nodes_below(root)
    return {
        "requests": requests,
        "nodes": nodes,
        "trees": problems,
        "wallMs": 1000 * wall,
        "cpuMs": 1000 * spent,
        "bytesPerNode": size / traced_nodes,
    }


if __name__ == "__main__":
    checkout, url, problems, iterations = sys.argv[1:]
    print(json.dumps(run(checkout, url, int(problems), int(iterations))))
