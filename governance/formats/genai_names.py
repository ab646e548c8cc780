"""The names under which instrumentations log a model request in a span: one table, data only.

`key#path` is a path inside the JSON under a key. Earlier names win. Generations, in the order of each row:

    gen_ai.*          OpenTelemetry GenAI conventions, current; then 1.36 and older (gen_ai.system, prompt_tokens)
    gen_ai.latency.*  vLLM server spans, seconds (also gen_ai.request.id)
    llm.*, input.*    OpenInference; some llm.* are of OpenLLMetry (traceloop)
    mlflow.*          MLflow, values are JSON text
    ai.*              Vercel AI SDK
    *.value#...       the provider's own request or response body, where the attributes do not say it

Sources: open-telemetry/semantic-conventions-genai docs/gen-ai/gen-ai-spans.md, model/gen-ai/deprecated;
vllm-project/vllm vllm/tracing.py; Arize-ai/openinference spec/semantic_conventions.md; mlflow
mlflow/tracing/constant.py; langfuse/langfuse OtelIngestionProcessor for ai.* and the older ones.
"""

from __future__ import annotations

TEXT_NAMES: dict[str, tuple[str, ...]] = {
    "response_id": ("gen_ai.response.id", "ai.response.id", "output.value#id"),
    "client_request_id": ("gen_ai.request.id", "client.request.id", "http.request.header.x-request-id"),
    "session_id": (
        "gen_ai.conversation.id",
        "session.id",
        "traceloop.association.properties.session_id",
        "mlflow.trace.session",
        "ai.telemetry.metadata.sessionId",
        "langfuse.session.id",
    ),
    "environment": ("deployment.environment.name", "deployment.environment", "langfuse.environment"),
    "service_name": ("service.name",),
    "region": ("cloud.region",),
    "model_requested": (
        "gen_ai.request.model",
        "llm.request.model_name",
        "llm.request.model",
        "llm.invocation_parameters#model",
        "embedding.invocation_parameters#model",
        "ai.model.id",
        "mlflow.spanInputs#model",
        "input.value#model",
    ),
    "model_served": (
        "gen_ai.response.model",
        "llm.response.model_name",
        "llm.response.model",
        "llm.model_name",
        "embedding.model_name",
        "mlflow.llm.model",
        "ai.response.model",
        "mlflow.spanOutputs#model",
        "output.value#model",
    ),
    "prompt_name": (
        "gen_ai.prompt.name",
        "prompt.id",
        "mlflow.linkedPrompts#*.name",
        "langfuse.observation.prompt.name",
    ),
    "prompt_version": (
        "gen_ai.prompt.version",
        "llm.prompt_template.version",
        "mlflow.linkedPrompts#*.version",
        "langfuse.observation.prompt.version",
    ),
    "user_id": (
        "user.id",
        "traceloop.association.properties.user_id",
        "mlflow.trace.user",
        "ai.telemetry.metadata.userId",
        "langfuse.user.id",
    ),
    "end_user_id": ("enduser.id",),
    "team": ("team", "team.name", "metadata#team", "ai.telemetry.metadata.team"),
    "business_unit": (
        "business_unit",
        "business.unit",
        "metadata#business_unit",
        "ai.telemetry.metadata.business_unit",
    ),
    "project": ("project", "metadata#project", "openinference.project.name"),
}

TOKEN_NAMES: dict[str, tuple[str, ...]] = {
    "input_tokens": (
        "gen_ai.usage.input_tokens",
        "gen_ai.usage.prompt_tokens",
        "llm.token_count.prompt",
        "llm.usage.prompt_tokens",
        "mlflow.chat.tokenUsage#input_tokens",
        "ai.usage.inputTokens",
        "ai.usage.promptTokens",
        "ai.usage.tokens",
        "output.value#usage.prompt_tokens",
    ),
    "cache_read_tokens": (
        "gen_ai.usage.cache_read.input_tokens",
        "gen_ai.usage.cache_read_input_tokens",
        "llm.token_count.prompt_details.cache_read",
        "mlflow.chat.tokenUsage#cache_read_input_tokens",
        "ai.usage.cachedInputTokens",
        "output.value#usage.prompt_tokens_details.cached_tokens",
    ),
    "cache_write_tokens": (
        "gen_ai.usage.cache_creation.input_tokens",
        "gen_ai.usage.cache_creation_input_tokens",
        "llm.token_count.prompt_details.cache_write",
        "mlflow.chat.tokenUsage#cache_creation_input_tokens",
    ),
    "output_tokens": (
        "gen_ai.usage.output_tokens",
        "gen_ai.usage.completion_tokens",
        "llm.token_count.completion",
        "llm.usage.completion_tokens",
        "mlflow.chat.tokenUsage#output_tokens",
        "ai.usage.outputTokens",
        "ai.usage.completionTokens",
        "output.value#usage.completion_tokens",
    ),
    "reasoning_tokens": (
        "gen_ai.usage.reasoning.output_tokens",
        "gen_ai.usage.reasoning_tokens",
        "llm.token_count.completion_details.reasoning",
        "ai.usage.reasoningTokens",
        "output.value#usage.completion_tokens_details.reasoning_tokens",
    ),
}

# read under these names, then made into a column of another name or form
OTHER_NAMES: dict[str, tuple[str, ...]] = {
    "provider": (
        "gen_ai.provider.name",
        "gen_ai.system",
        "llm.provider",
        "llm.system",
        "mlflow.llm.provider",
        "ai.model.provider",
    ),
    "llm_system": ("llm.system",),
    "total_tokens": ("gen_ai.usage.total_tokens", "llm.token_count.total", "llm.usage.total_tokens"),
    "ttft_s": ("gen_ai.response.time_to_first_chunk", "gen_ai.latency.time_to_first_token"),
    "ttft_ms": ("ai.response.msToFirstChunk",),
    "queue_s": ("gen_ai.latency.time_in_queue",),
    "latency_s": ("gen_ai.latency.e2e",),
    "cost_reported": ("gen_ai.usage.cost", "llm.cost.total", "mlflow.llm.cost#total_cost"),
    "error_type": ("error.type", "exception.type"),
    "http_status": ("http.response.status_code", "http.status_code"),
    "finish_reasons": (
        "gen_ai.response.finish_reasons",
        "gen_ai.response.finish_reason",
        "llm.finish_reason",
        "gen_ai.completion.0.finish_reason",
        "ai.response.finishReason",
        "gen_ai.output.messages#*.finish_reason",
        "output.value#choices.*.finish_reason",
        "output.value#finish_reason",
        "output.value#stop_reason",
        "mlflow.spanOutputs#choices.*.finish_reason",
    ),
    "labels": ("tag.tags", "langfuse.trace.tags"),
    "metadata": ("metadata",),
    "request_body": (
        "input.value",
        "input",
        "gen_ai.input.messages",
        "gen_ai.prompt",
        "gen_ai.content.prompt",
        "traceloop.entity.input",
        "mlflow.spanInputs",
        "ai.prompt",
        "ai.prompt.messages",
        "ai.value",
        "ai.values",
    ),
    "response_body": (
        "output.value",
        "output",
        "gen_ai.output.messages",
        "gen_ai.completion",
        "gen_ai.content.completion",
        "traceloop.entity.output",
        "mlflow.spanOutputs",
        "ai.response.text",
        "ai.response.object",
        "ai.response.toolCalls",
    ),
    "body_object": ("output.value#object",),
    "output_type": ("gen_ai.output.type",),
    "body_messages": ("input.value#messages",),
    "body_prompt": ("input.value#prompt",),
    "body_images": ("output.value#data",),
}

# one message of a body per attribute, where no attribute holds the whole body
FLATTENED = {
    "request_body": ("llm.input_messages.", "llm.prompts.", "gen_ai.prompt.", "embedding.embeddings."),
    "response_body": ("llm.output_messages.", "llm.choices.", "gen_ai.completion."),
}

# sampling parameters: the name in `requests.parameters` -> names of attributes, and of members of the JSON under
# INVOCATION; never members that carry content
PARAMETERS: dict[str, tuple[str, ...]] = {
    "temperature": ("gen_ai.request.temperature", "ai.settings.temperature", "#temperature"),
    "top_p": ("gen_ai.request.top_p", "ai.settings.topP", "#top_p"),
    "top_k": ("gen_ai.request.top_k", "ai.settings.topK", "#top_k"),
    "max_tokens": (
        "gen_ai.request.max_tokens",
        "ai.settings.maxOutputTokens",
        "ai.settings.maxTokens",
        "#max_tokens",
        "#max_completion_tokens",
        "#max_output_tokens",
    ),
    "frequency_penalty": ("gen_ai.request.frequency_penalty", "ai.settings.frequencyPenalty", "#frequency_penalty"),
    "presence_penalty": ("gen_ai.request.presence_penalty", "ai.settings.presencePenalty", "#presence_penalty"),
    "seed": ("gen_ai.request.seed", "ai.settings.seed", "#seed"),
    "n": ("gen_ai.request.choice.count", "gen_ai.request.n", "#n"),
    "stop": ("gen_ai.request.stop_sequences", "ai.settings.stopSequences", "#stop", "#stop_sequences"),
    "stream": ("gen_ai.request.stream", "gen_ai.is_streaming", "llm.is_streaming", "#stream"),
    "dimensions": ("gen_ai.embeddings.dimension.count", "#dimensions"),
    "encoding_format": ("gen_ai.request.encoding_formats", "#encoding_format"),
    "reasoning_effort": ("gen_ai.request.reasoning.level", "gen_ai.request.reasoning_effort", "#reasoning_effort"),
    "service_tier": ("gen_ai.openai.request.service_tier", "openai.request.service_tier", "#service_tier"),
}
INVOCATION = ("llm.invocation_parameters", "embedding.invocation_parameters", "mlflow.spanInputs")

# which spans are requests: attribute -> its value -> operation ("" where the body says it); any other value names
# another kind of span
OPERATIONS: dict[str, dict[str, str]] = {
    "openinference.span.kind": {"llm": "", "embedding": "embedding"},
    "gen_ai.operation.name": {
        "chat": "chat",
        "generate_content": "chat",
        "text_completion": "completion",
        "embeddings": "embedding",
        "image_generation": "image",
        "speech": "speech",
        "transcription": "transcription",
    },
    "llm.request.type": {"chat": "chat", "completion": "completion", "embedding": "embedding"},
    "mlflow.spanType": {"llm": "", "chat_model": "chat", "embedding": "embedding"},
    "ai.operationId": {
        "ai.generatetext.dogenerate": "chat",
        "ai.streamtext.dostream": "chat",
        "ai.generateobject.dogenerate": "chat",
        "ai.streamobject.dostream": "chat",
        "ai.embed.doembed": "embedding",
        "ai.embedmany.doembed": "embedding",
    },
    "traceloop.span.kind": {},
}
# how the other kinds are counted, where their own word does not say it
OTHER_SPANS = {
    "execute_tool": "tool span",
    "invoke_agent": "agent span",
    "create_agent": "agent span",
    "invoke_workflow": "workflow span",
    "ai.toolcall": "tool span",
    "plan": "agent span",
    "retrieval": "retrieval span",
    "retriever": "retrieval span",
    "rerank": "reranker span",
}
# a span without any of the above is a request if it names a model or counts tokens
SIGNS_OF_A_REQUEST = (
    *TOKEN_NAMES["input_tokens"][:4],
    *TOKEN_NAMES["output_tokens"][:4],
    "gen_ai.request.model",
    "gen_ai.response.model",
    "llm.model_name",
    "llm.request.model_name",
    "llm.response.model_name",
    "mlflow.llm.model",
)
