"""The policy server as its clients meet it: a process, over HTTP."""

import json
import shutil
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from campaign import key_of, ref_to, seal
from conftest import CONTEXT_TOKENS, program_environment

PROMPT = "Use 3 5 7 to make 26 :"
PROMPT_TOKENS = 9  # with <bos>


@pytest.fixture(scope="module")
def server(start_server, policy):
    return start_server("--model", str(policy))


def texts(answer):
    return [choice["text"] for choice in answer["choices"]]


def metric(server, name):
    """A metric, summed over its labels."""
    lines = server.get("/metrics")[1].splitlines()
    return sum(int(line.split()[-1]) for line in lines if line.startswith(f"vllm:{name}{{"))


def wait_until(holds):
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_n_completions_of_every_prompt_come_in_order_with_their_usage(server):
    answer = server.complete(prompt=[PROMPT, "Use 1 2 3 to make 6 :"], n=3, max_tokens=5, seed=1, logprobs=0)
    assert [choice["index"] for choice in answer["choices"]] == list(range(6))
    tokens = sum(len(choice["logprobs"]["tokens"]) for choice in answer["choices"])
    assert answer["usage"] == {
        "prompt_tokens": 2 * PROMPT_TOKENS, "completion_tokens": tokens, "total_tokens": 2 * PROMPT_TOKENS + tokens,
    }  # fmt: skip
    first = server.complete(prompt=PROMPT, n=3, max_tokens=5, seed=1)
    assert texts(first) == texts(answer)[:3]


def test_equal_seeds_give_equal_completions_alone_and_in_a_crowd(server):
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


def test_tokens_are_taken_as_they_are_and_text_gets_its_bos(server, policy):
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


def test_tokenize_counts_as_completions_do_and_tells_the_context(server):
    answer = json.loads(server.post(json.dumps({"prompt": PROMPT}), "/tokenize")[1])
    assert (answer["count"], len(answer["tokens"])) == (PROMPT_TOKENS, PROMPT_TOKENS)
    assert answer["max_model_len"] == CONTEXT_TOKENS


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"prompt": [5] * CONTEXT_TOKENS}, "prompt"),
        ({"prompt": [5, 10**6]}, "prompt"),
        ({"prompt": []}, "prompt"),
        ({}, "prompt"),
        ({"prompt": 5}, "prompt"),
        ({"prompt": "Use", "n": 0}, "n"),
        ({"prompt": "Use", "max_tokens": 0}, "max_tokens"),
        ({"prompt": "Use", "temperature": -1}, "temperature"),
        ({"prompt": "Use", "top_p": 1.5}, "top_p"),
        ({"prompt": "Use", "stop": [""]}, "stop"),
        ({"prompt": "Use", "stream": True}, "stream"),
        ({"prompt": "Use", "best_of": 3}, "best_of"),
        # What vLLM refuses.
        ({"prompt": "Use", "temperature": 0, "n": 2}, "n"),
        ({"prompt": "Use", "temperature": 1e-6, "n": 2}, "n"),
        ({"prompt": "Use", "top_p": 0}, "top_p"),
        ({"prompt": "Use", "stop": ["1", "2", "3", "4", "5"]}, "stop"),
        ({"prompt": "Use", "max_tokens": CONTEXT_TOKENS + 1}, "max_tokens"),
        ({"prompt": [5] * 90, "max_tokens": 7}, "max_tokens"),
        ({"prompt": "Use", "seed": 2**63}, "seed"),
        ({"prompt": "Use", "n": 16_385}, "n"),
        ({"prompt": ["Use"] * 16_385}, "n"),
        # Wrong types.
        ({"prompt": ["Use", 5]}, "prompt"),
        ({"prompt": [5, True]}, "prompt"),
        ({"prompt": [[]]}, "prompt"),
        ({"prompt": {"a": 1}}, "prompt"),
        ({"prompt": None}, "prompt"),
        ({"prompt": "Use", "n": "2"}, "n"),
        ({"prompt": "Use", "n": True}, "n"),
        ({"prompt": "Use", "n": 10**300}, "n"),
        ({"prompt": "Use", "max_tokens": 1.5}, "max_tokens"),
        ({"prompt": "Use", "temperature": "warm"}, "temperature"),
        ({"prompt": "Use", "temperature": float("nan")}, "temperature"),
        ({"prompt": "Use", "temperature": float("inf")}, "temperature"),
        ({"prompt": "Use", "top_p": float("nan")}, "top_p"),
        ({"prompt": "Use", "stop": [1]}, "stop"),
        ({"prompt": "Use", "stop": {"a": 1}}, "stop"),
        # Half of a surrogate pair.
        ({"prompt": "\ud800"}, "prompt"),
        ({"prompt": ["Use", "\udfff"]}, "prompt"),
        ({"prompt": "Use", "stop": ["\ud800"]}, "stop"),
    ],
)
def test_a_request_that_cannot_be_met_names_its_field(server, body, field):
    status, answer = server.post(json.dumps(body))
    error = json.loads(answer)["error"]
    assert (status, error["param"], error["type"]) == (400, field, "invalid_request_error")
    assert error["message"].startswith(f"{field}: ")
    assert len(error["message"]) <= 500


@pytest.mark.parametrize("path", ["/v1/completions", "/tokenize"])
@pytest.mark.parametrize(
    "body",
    [
        '{"prompt": ',
        "",
        "null",
        "5",
        '"text"',
        "[1, 2]",
        '{"prompt": "Use", "max_tokens": ' + "9" * 5000 + "}",
        "[" * 100_000,
        '{"prompt": "Use"}'.encode("utf-16"),
        b"\xff\xfe\x00",
    ],
)
def test_a_body_that_is_no_json_object_is_refused(server, body, path):
    status, answer = server.post(body, path)
    error = json.loads(answer)["error"]
    assert (status, error["param"]) == (400, "body")
    assert len(error["message"]) <= 500


@pytest.mark.parametrize(
    "prompt", [[*[5] * 10**6, "Use"], [[]] * 10**6, [None] * (5 * 10**5)], ids=["last", "lists", "null"]
)
def test_a_million_wrong_items_are_refused_in_a_few_words(server, prompt):
    status, answer = server.post(json.dumps({"prompt": prompt}))
    assert (status, json.loads(answer)["error"]["param"], len(answer) < 1000) == (400, "prompt", True)


def test_the_model_says_how_long_a_sequence_may_be(server, policy):
    [card] = json.loads(server.get("/v1/models")[1])["data"]
    assert (card["id"], card["max_model_len"]) == (policy.name, CONTEXT_TOKENS)


def test_metrics_count_what_was_done_under_vllms_names(server):
    names = "prompt_tokens_total", "generation_tokens_total", "request_success_total"
    before = [metric(server, name) for name in names]
    used = server.complete(prompt=PROMPT, n=4, max_tokens=3)["usage"]
    grown = [metric(server, name) - was for name, was in zip(names, before, strict=True)]
    assert grown == [PROMPT_TOKENS, used["completion_tokens"], 4]
    assert metric(server, "num_requests_running") == metric(server, "num_requests_waiting") == 0


def test_a_request_that_nobody_waits_for_is_let_go(server):
    host, port = server.url.removeprefix("http://").split(":")
    body = json.dumps({"prompt": PROMPT, "n": 2000, "max_tokens": 80}).encode()
    with socket.create_connection((host, int(port))) as client:
        client.sendall(b"POST /v1/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n")
        client.sendall(f"content-length: {len(body)}\r\n\r\n".encode() + body)
        wait_until(lambda: metric(server, "num_requests_running") > 0)
    wait_until(lambda: metric(server, "num_requests_running") + metric(server, "num_requests_waiting") == 0)
    assert 'finished_reason="abort"} 0' not in server.get("/metrics")[1]


def stage_of(policy, store, **changes):
    """A stage file whose input is `policy`, as the result of a stage; `changes` are to what it says of that."""
    folder = store / "stages" / key_of("pretrain", "pretrain")
    shutil.copytree(policy, folder / "data" / "policy")
    seal(folder)
    stage = store / "stage.json"
    inputs = {"policy": {**ref_to(folder), **changes}}
    stage.write_text(json.dumps({"policy": {"type": "pretrain", "name": "tiny"}, "inputs": inputs}))
    return stage


def test_a_stage_file_names_the_policy(start_server, policy, tmp_path):
    server = start_server(ORRERY_STAGE_FILE=str(stage_of(policy, tmp_path)), ORRERY_STORE=str(tmp_path))
    assert json.loads(server.get("/v1/models")[1])["data"][0]["id"] == "tiny"
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(timeout=20) == 0


def refusal(*arguments, **environment):
    command = [sys.executable, "-m", "orrery_trainers.policy_server", *arguments]
    ended = subprocess.run(command, env=program_environment(**environment), capture_output=True, text=True, timeout=120)
    return ended.returncode, ended.stderr.strip().splitlines()[-1]


def test_a_policy_made_anew_after_planning_is_not_served(policy, tmp_path):
    stage = stage_of(policy, tmp_path, digest="of-the-plan")
    code, message = refusal(ORRERY_STAGE_FILE=str(stage), ORRERY_STORE=str(tmp_path), ORRERY_POLICY_PORT="0")
    assert code == 65
    assert "expected the result with digest of-the-plan, but its digest is" in message


def test_a_policy_whose_bytes_have_changed_is_not_served(policy, tmp_path):
    stage = stage_of(policy, tmp_path)
    weights = tmp_path / "stages" / key_of("pretrain", "pretrain") / "data" / "policy" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"!")  # was the end of 1.0
    code, message = refusal(ORRERY_STAGE_FILE=str(stage), ORRERY_STORE=str(tmp_path), ORRERY_POLICY_PORT="0")
    assert code == 65
    assert "data/policy/model.safetensors: sha256 differs" in message


def test_a_stage_without_a_policy_is_bad_input(tmp_path):
    stage = tmp_path / "stage.json"
    stage.write_text(json.dumps({"policy": {"type": "pretrain", "name": "tiny"}, "inputs": {}}))
    code, message = refusal(ORRERY_STAGE_FILE=str(stage), ORRERY_STORE=str(tmp_path), ORRERY_POLICY_PORT="0")
    assert code == 65
    assert "inputs.policy" in message


def test_a_folder_without_weights_is_bad_input(tmp_path):
    code, message = refusal("--model", str(tmp_path), "--port", "0")
    assert code == 65
    assert str(tmp_path) in message


def test_a_taken_port_is_told_at_once(policy):
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        code, message = refusal("--model", str(policy), "--port", str(port))
    assert code == 69
    assert f"port {port} of 127.0.0.1 cannot be taken" in message
