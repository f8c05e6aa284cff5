"""Keys that LiteLLM knows and that mean nothing here: a file that works there should start here too."""


def _keys(names: str) -> frozenset[str]:
    return frozenset(names.split())


SECTIONS = _keys(
    """
    assistant_settings cache callback_settings credential_list default_vertex_config environment_variables
    files_settings finetune_settings guardrails litellm_jwtauth mcp_aliases mcp_servers
    mcp_tools model_group_settings pass_through_endpoints policies policy_attachments prompts
    router_settings search_tools vector_store_registry
    """
)

MODEL_ENTRY = frozenset({"access_groups", "blocked", "guardrails", "model_access_groups", "team_id"})

MODEL_PARAMS = _keys(
    """
    additional_drop_params allow_client_keepalive_override allowed_openai_params
    auto_router_config auto_router_config_path auto_router_default_model auto_router_embedding_model
    aws_access_key_id aws_region_name aws_secret_access_key aws_session_token
    budget_duration cache_control_injection_points client_id client_secret
    configurable_clientside_auth_params cooldown_time custom_llm_provider
    default_api_key_rpm_limit default_api_key_tpm_limit drop_params extra_body extra_headers
    frequency_penalty guardrails headers itpm keepalive_seconds
    litellm_credential_name litellm_trace_id logprobs max_budget max_completion_tokens
    max_file_size_mb max_retries max_tokens merge_reasoning_content_in_choices metadata mock_response
    modify_params n num_retries order otpm parallel_tool_calls presence_penalty reasoning_effort
    region_name response_format seed stop stream stream_options stream_timeout tag_regex tags
    temperature tenant_id tool_choice tools top_logprobs top_p use_chat_completions_api
    use_in_pass_through use_litellm_proxy user verbosity weight
    """
)

GENERAL_SETTINGS = _keys(
    """
    admin_only_routes alert_to_webhook_url alert_types alerting alerting_args alerting_threshold
    allow_client_side_credentials allow_requests_on_db_unavailable allow_user_auth allowed_ips
    allowed_routes background_health_checks completion_model custom_auth custom_key_generate
    custom_sso custom_ui_sso_sign_in_handler database_type default_team_disabled
    disable_adding_master_key_hash_to_db disable_master_key_return disable_prisma_schema_update
    disable_reset_budget disable_responses_id_security
    disable_retry_on_max_parallel_request_limit_error disable_spend_logs disable_spend_updates
    embedding_model enable_jwt_auth enable_oauth2_auth enable_oauth2_proxy_auth enforce_user_param
    enforced_params forward_client_headers_to_llm_api forward_openai_org_id
    global_max_parallel_requests health_check_concurrency health_check_details
    health_check_interval image_generation_model infer_model_from_keys key_management_settings
    key_management_system litellm_jwtauth litellm_key_header_name litellm_license
    max_parallel_requests max_request_size_mb max_response_size_mb
    maximum_spend_logs_retention_interval maximum_spend_logs_retention_period moderation_model
    oauth2_config_mappings otel pass_through_endpoints proxy_batch_polling_interval
    proxy_batch_write_at proxy_budget_rescheduler_max_time proxy_budget_rescheduler_min_time
    public_routes reject_clientside_metadata_tags service_account_settings spend_report_frequency
    store_model_in_db store_prompts_in_spend_logs supported_db_objects ui_access_mode
    use_azure_key_vault use_client_credentials_pass_through_routes use_google_kms use_redis_transaction_buffer
    use_x_forwarded_for user_api_key_cache_ttl user_header_mappings user_header_name user_mcp_management_mode
    """
)

LOGGING_CALLBACKS = _keys(
    """
    agentops argilla arize arize_phoenix aws_sqs azure_sentinel azure_storage braintrust clickhouse datadog
    datadog_llm_observability datadog_metrics deepeval galileo gcs_bucket gcs_pubsub generic_api lago
    langfuse langfuse_otel langsmith langtrace levo literalai logfire mlflow newrelic openmeter opik otel
    pointfive posthog qualifire_eval ramp rubrik s3_v2 signoz sumologic weave_otel zerobus
    """
)
"""Callbacks of LiteLLM's that log calls and can be called by themselves, without its proxy."""

PRICE_MARK = "_cost"
"""What stands in the name of every price of LiteLLM's; most are for things that are not counted here."""
