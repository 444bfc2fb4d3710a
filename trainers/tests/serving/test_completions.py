"""The API of the policy server, in a real process, over HTTP."""

from __future__ import annotations

import json
import socket
from concurrent.futures import ThreadPoolExecutor

import pytest

from asking import PROMPT, PROMPT_TOKENS, metric, wait_until
from servers import CONTEXT_TOKENS


def texts(answer):
    return [choice["text"] for choice in answer["choices"]]


def test_n_completions_of_every_prompt_come_in_order_with_their_usage(server):
    answer = server.complete(prompt=[PROMPT, "Use 1 2 3 to make 6 :"], n=3, max_tokens=5, seed=1, logprobs=0)
    assert [choice["index"] for choice in answer["choices"]] == list(range(6))
    tokens = sum(len(choice["logprobs"]["tokens"]) for choice in answer["choices"])
    assert answer["usage"] == {
        "prompt_tokens": 2 * PROMPT_TOKENS, "completion_tokens": tokens, "total_tokens": 2 * PROMPT_TOKENS + tokens,
    }  # fmt: skip
    first = server.complete(prompt=PROMPT, n=3, max_tokens=5, seed=1)
    assert texts(first) == texts(answer)[:3]


def test_equal_seeds_give_equal_completions_alone_and_in_a_batch(server):
    request = {"prompt": PROMPT, "n": 4, "max_tokens": 40, "logprobs": 0}
    alone = server.complete(**request, seed=7)
    with ThreadPoolExecutor(12) as crowd:
        others = [crowd.submit(server.complete, **request | {"max_tokens": 10 + seed}, seed=seed) for seed in range(30)]
        crowded = server.complete(**request, seed=7)
        assert all("choices" in other.result() for other in others)
    assert crowded["choices"] == alone["choices"]
    assert texts(server.complete(**request, seed=8)) != texts(alone)


def test_without_a_seed_completions_differ(server):
    request = {"prompt": PROMPT, "n": 2, "max_tokens": 30}
    assert len({*texts(server.complete(**request)), *texts(server.complete(**request))}) > 1


def test_logprobs_are_those_of_a_plain_forward_pass(server, policy):
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model, tokenizer = AutoModelForCausalLM.from_pretrained(policy).eval(), AutoTokenizer.from_pretrained(policy)
    answer = server.complete(prompt=PROMPT, n=3, max_tokens=20, temperature=1.7, top_p=0.9, seed=5, logprobs=1)
    prompt = tokenizer(PROMPT).input_ids
    for choice in answer["choices"]:
        tokens = tokenizer.convert_tokens_to_ids(choice["logprobs"]["tokens"])
        with torch.inference_mode():
            logits = model(torch.tensor([prompt + tokens])).logits[0].log_softmax(-1)
        wanted = [logits[len(prompt) - 1 + at, token].item() for at, token in enumerate(tokens)]
        assert choice["logprobs"]["token_logprobs"] == pytest.approx(wanted, abs=1e-4)


def test_temperature_zero_is_the_most_likely_continuation(server, policy):
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model, tokenizer = AutoModelForCausalLM.from_pretrained(policy).eval(), AutoTokenizer.from_pretrained(policy)
    tokens = tokenizer(PROMPT).input_ids
    for _ in range(6):
        with torch.inference_mode():
            tokens.append(int(model(torch.tensor([tokens])).logits[0, -1].argmax()))
    answer = server.complete(prompt=PROMPT, max_tokens=6, temperature=0)
    assert texts(answer) == [tokenizer.decode(tokens[PROMPT_TOKENS:], skip_special_tokens=True)]


@pytest.mark.parametrize("include", [True, False])
def test_a_stop_string_ends_the_text_with_or_without_itself(server, include):
    request = {"prompt": PROMPT, "n": 16, "max_tokens": 60, "seed": 3}
    free = texts(server.complete(**request))
    stopped = server.complete(**request, stop=[" .", " ="], include_stop_str_in_output=include)["choices"]
    assert any(choice["text"].endswith((" .", " =")) for choice in stopped) == include
    for whole, choice in zip(free, stopped, strict=True):
        places = [at for at in (whole.find(" ."), whole.find(" =")) if at >= 0]
        if places:
            assert choice["text"] == whole[: min(places) + (2 if include else 0)]
            assert choice["finish_reason"] == "stop"
        else:
            assert choice["text"] == whole


def test_tokens_stay_as_they_are_and_text_gets_its_bos(server, policy):
    from transformers import AutoTokenizer

    ids = AutoTokenizer.from_pretrained(policy)(PROMPT).input_ids
    request = {"max_tokens": 12, "seed": 2}
    assert texts(server.complete(prompt=ids, **request)) == texts(server.complete(prompt=PROMPT, **request))
    assert (
        texts(server.complete(prompt=[ids, ids[:3]], **request))[0] == texts(server.complete(prompt=ids, **request))[0]
    )


def test_a_completion_may_fill_the_context_to_its_last_token(server):
    answer = server.complete(prompt=[5] * (CONTEXT_TOKENS - 3), n=8, max_tokens=3, seed=0)
    assert answer["usage"]["completion_tokens"] <= 8 * 3
    assert "length" in {choice["finish_reason"] for choice in answer["choices"]}


def test_tokenize_counts_like_completions_and_reports_the_context(server):
    answer = json.loads(server.post(json.dumps({"prompt": PROMPT}), "/tokenize")[1])
    assert (answer["count"], len(answer["tokens"])) == (PROMPT_TOKENS, PROMPT_TOKENS)
    assert answer["max_model_len"] == CONTEXT_TOKENS


def test_the_model_says_how_long_a_sequence_may_be(server, policy):
    [card] = json.loads(server.get("/v1/models")[1])["data"]
    assert (card["id"], card["max_model_len"]) == (policy.name, CONTEXT_TOKENS)


def test_metrics_have_the_names_of_vllm(server):
    names = "prompt_tokens_total", "generation_tokens_total", "request_success_total"
    before = [metric(server, name) for name in names]
    used = server.complete(prompt=PROMPT, n=4, max_tokens=3)["usage"]
    grown = [metric(server, name) - was for name, was in zip(names, before, strict=True)]
    assert grown == [PROMPT_TOKENS, used["completion_tokens"], 4]
    assert metric(server, "num_requests_running") == metric(server, "num_requests_waiting") == 0


def test_a_request_whose_client_has_gone_is_cancelled(server):
    host, port = server.url.removeprefix("http://").split(":")
    body = json.dumps({"prompt": PROMPT, "n": 2000, "max_tokens": 80}).encode()
    with socket.create_connection((host, int(port))) as client:
        client.sendall(b"POST /v1/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n")
        client.sendall(f"content-length: {len(body)}\r\n\r\n".encode() + body)
        wait_until(lambda: metric(server, "num_requests_running") > 0)
    wait_until(lambda: metric(server, "num_requests_running") + metric(server, "num_requests_waiting") == 0)
    assert 'finished_reason="abort"} 0' not in server.get("/metrics")[1]
