"""The policy server in a pod: which policy it serves, and when it refuses to start."""

from __future__ import annotations

import json
import shutil
import signal
import socket
import subprocess
import sys

from servers import program_environment
from stages import key_of, ref_to, seal


def stage_of(policy, store, **changes):
    """A stage file whose input `policy` is the result of a stage. `changes` replace fields of that input."""
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
    command = [sys.executable, "-m", "orrery_trainers.serving.policy_server", *arguments]
    ended = subprocess.run(command, env=program_environment(**environment), capture_output=True, text=True, timeout=120)
    return ended.returncode, ended.stderr.strip().splitlines()[-1]


def test_a_policy_that_was_made_again_after_planning_is_not_served(policy, tmp_path):
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


def test_a_port_conflict_is_reported_at_once(policy):
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        code, message = refusal("--model", str(policy), "--port", str(port))
    assert code == 69
    assert f"port {port} of 127.0.0.1 cannot be bound" in message
