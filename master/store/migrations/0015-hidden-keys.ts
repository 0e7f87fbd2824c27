/**
 * The public model shows a configuration as the REST API does (`api/shapes/storage.ts`): keys of a bucket and passwords of a registry are hidden.
 */
export const up = `
CREATE FUNCTION public.hide_keys(value jsonb, hidden text[]) RETURNS jsonb LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
SELECT CASE WHEN jsonb_typeof(value) = 'object'
  THEN (SELECT coalesce(jsonb_object_agg(f.key, CASE WHEN f.key = ANY (hidden) AND f.value <> 'null' THEN '"********"' ELSE f.value END), '{}') FROM jsonb_each(value) AS f)
  ELSE coalesce(value, 'null') END
$$;

CREATE OR REPLACE VIEW drover_public.experiments AS
SELECT e.id, e.name, e.description, e.labels, e.state, e.state_reason, e.archived, u.username AS owner, e.parent_id,
  jsonb_set(
    jsonb_set(e.config, '{checkpoint_storage}', public.hide_keys(e.config->'checkpoint_storage', '{access_key,secret_key,connection_string,credential}'), false),
    '{environment,registry_auth}', public.hide_keys(e.config#>'{environment,registry_auth}', '{password,auth,identitytoken,registrytoken}'), false) AS config,
  e.resource_pool, e.slots_per_trial, e.priority, e.max_restarts, e.searcher->>'name' AS searcher, e.searcher->>'metric' AS metric, e.progress, e.started_at, e.ended_at
FROM public.experiments e JOIN public.users u ON u.id = e.owner_id;
COMMENT ON COLUMN drover_public.experiments.config IS 'the whole configuration, defaults included; what opens a bucket or a registry is hidden';
`
