"""Types of the stage files that trainers read, made from spec/stage-file.ts by `npm run docs`. Do not edit."""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypedDict


class Domain(TypedDict):
    name: str
    settings: dict[str, Any]


class PolicyPretrain(TypedDict):
    type: Literal["pretrain"]
    name: str


class PolicyPretrained(TypedDict):
    type: Literal["pretrained"]
    name: str
    uri: str
    revision: str
    chat: Literal["model", "none"]


class Input(TypedDict):
    kind: Literal[
        "prepare", "pretrain", "search", "linearise", "rewrite", "sft", "curriculum", "rl", "evaluate", "analyse"
    ]
    key: str
    digest: str
    checksum: NotRequired[str]


class Model(TypedDict):
    hiddenSize: int
    layers: int
    heads: int
    contextTokens: int


class Keep(TypedDict):
    last: int
    best: int
    everySteps: NotRequired[int]


class Checkpoints(TypedDict):
    everySteps: int
    keep: Keep


class Resources(TypedDict):
    cpus: float
    memoryGiB: NotRequired[float]
    gpus: int
    gpuMemoryGiB: NotRequired[float]
    pricePerGpuHour: NotRequired[float]


class BackoffSeconds(TypedDict):
    initial: float
    max: float


class Failure(TypedDict):
    action: NotRequired[
        Literal["stop", "retry", "retry-earlier-checkpoint", "retry-smaller-micro-batch", "retry-other-nodes"]
    ]
    budget: NotRequired[int | None]
    budgetPerDay: NotRequired[int | None]
    backoffSeconds: NotRequired[BackoffSeconds]


class PolicyServer(TypedDict):
    engine: Literal["embedded", "vllm"]
    image: NotRequired[str]
    tensorParallel: NotRequired[int]
    contextTokens: NotRequired[int]
    args: list[str]


class Toleration(TypedDict):
    key: NotRequired[str]
    operator: NotRequired[Literal["Exists", "Equal"]]
    value: NotRequired[str]
    effect: NotRequired[Literal["NoSchedule", "PreferNoSchedule", "NoExecute"]]
    tolerationSeconds: NotRequired[int]


class Topology(TypedDict):
    key: str
    mode: Literal["preferred", "required"]


class Kubernetes(TypedDict):
    nodeSelector: NotRequired[dict[str, str]]
    tolerations: NotRequired[list[Toleration]]
    priorityClass: NotRequired[str]
    queue: NotRequired[str]
    extendedResources: NotRequired[dict[str, int]]
    shmGiB: NotRequired[float]
    topology: NotRequired[Topology]
    deadlineSeconds: NotRequired[int]


class Run(TypedDict):
    shards: int
    parallelism: NotRequired[int]
    ranks: int
    resources: Resources
    stallTimeoutSeconds: float
    graceSeconds: int
    failures: dict[str, Failure]
    policyServer: PolicyServer
    image: NotRequired[str]
    kubernetes: Kubernetes


class PretrainConfig(TypedDict):
    model: Model
    optimizerSteps: int
    batchSize: int
    learningRate: float
    checkpoints: Checkpoints
    run: Run


class PretrainStage(TypedDict):
    schemaVersion: Literal[1]
    name: str
    key: str
    seed: int
    domain: Domain
    policy: PolicyPretrain | PolicyPretrained
    codeVersion: str
    inputs: dict[str, Input]
    kind: Literal["pretrain"]
    config: PretrainConfig


class SftConfig(TypedDict):
    epochs: float
    optimizerSteps: NotRequired[int]
    batchSize: int
    microBatchSize: int
    learningRate: float
    warmupSteps: int
    maxTokens: int
    checkpoints: Checkpoints
    run: Run


class SftStage(TypedDict):
    schemaVersion: Literal[1]
    name: str
    key: str
    seed: int
    domain: Domain
    policy: PolicyPretrain | PolicyPretrained
    codeVersion: str
    inputs: dict[str, Input]
    kind: Literal["sft"]
    config: SftConfig


class RlConfig(TypedDict):
    optimizerSteps: int
    groupSize: int
    promptsPerStep: int
    microBatchSize: int
    learningRate: float
    temperature: float
    topP: float
    maxCompletionTokens: int
    klCoefficient: float
    scaleAdvantages: bool
    checkpoints: Checkpoints
    run: Run


class RlStage(TypedDict):
    schemaVersion: Literal[1]
    name: str
    key: str
    seed: int
    domain: Domain
    policy: PolicyPretrain | PolicyPretrained
    codeVersion: str
    inputs: dict[str, Input]
    kind: Literal["rl"]
    config: RlConfig


TrainerStage = PretrainStage | SftStage | RlStage
