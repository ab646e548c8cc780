-- What an analyst would write by hand for the checks of the benchmark: one plain statement each that counts the same
-- things, over the same views of the same files. No intervals, no sample ids, no subjects, no verdicts.

-- views
CREATE VIEW r AS SELECT *, coalesce(model_served, model_requested) AS model, coalesce(cost_reported, cost_computed) AS cost,
    strftime(start_ts, '%Y-%m') AS month, strftime(start_ts, '%G-W%V') AS week
FROM requests WHERE start_ts >= TIMESTAMPTZ '2026-07-01' AND start_ts < TIMESTAMPTZ '2026-10-01';
CREATE VIEW chats AS SELECT * FROM r WHERE operation IN ('chat', 'completion', 'embeddings');
CREATE VIEW mistral AS SELECT * FROM r WHERE model GLOB 'mistral-*';
CREATE VIEW d AS SELECT *, strftime(decision_ts, '%Y-%m') AS month
FROM decisions WHERE decision_ts >= TIMESTAMPTZ '2026-07-01' AND decision_ts < TIMESTAMPTZ '2026-10-01';
CREATE VIEW credit AS SELECT * FROM d WHERE model GLOB 'credit-*';
CREATE VIEW mature AS SELECT * FROM credit WHERE decision_ts <= (SELECT max(known_ts) FROM outcomes) - INTERVAL 30 DAY;
CREATE VIEW known AS SELECT decision_id, arg_max(positive, known_ts) AS positive
FROM outcomes WHERE name = 'default_next_month' GROUP BY decision_id;
CREATE VIEW inputs AS SELECT f.* FROM "features:credit-default" f;

-- cost/monthly-budget
SELECT model, month, CAST(start_ts AS DATE) AS day, sum(cost), count(cost), count(*) FROM chats GROUP BY ALL;
-- cost/who-pays
SELECT business_unit, month, sum(cost), count(cost), count(*) FROM chats GROUP BY ALL;
-- cost/cost-of-a-request
SELECT model, sum(cost), count(cost), count(*), var_samp(CAST(cost AS DOUBLE)) FROM chats GROUP BY ALL;
-- cost/priced-requests
SELECT model, count(*) FILTER (cost IS NULL), count(*) FROM chats GROUP BY ALL;
-- cost/two-costs
SELECT count(*) FILTER (abs(cost_reported - cost_computed) > 0.01 * cost_computed), count(*),
    sum(cost_reported), sum(cost_computed) FROM chats WHERE cost_reported IS NOT NULL AND cost_computed IS NOT NULL;
-- cost/prices-as-before
SELECT provider, model, start_ts >= TIMESTAMPTZ '2026-07-01' AS is_now, count(*), count(cost), sum(cost), sum(x * x), sum(x * y),
    sum(y * y), sum(x * cost), sum(y * cost) FROM (SELECT provider, coalesce(model_served, model_requested) AS model, start_ts,
    CAST(input_tokens AS DOUBLE) AS x, CAST(output_tokens AS DOUBLE) AS y, CAST(coalesce(cost_reported, cost_computed) AS DOUBLE)
    AS cost FROM requests WHERE operation IN ('chat', 'completion', 'embeddings') AND start_ts >= TIMESTAMPTZ '2026-04-01'
    AND start_ts < TIMESTAMPTZ '2026-10-01') GROUP BY ALL;

-- credit-decisions/input-quality
SELECT count(*), count(DISTINCT decision_id), count(*) FILTER (decision NOT IN ('approved', 'refused')), count(decision),
    count(*) FILTER (score NOT BETWEEN 0 AND 1), count(score), count(business_unit) FROM credit;
-- credit-decisions/input-ranges
SELECT count(*), count(*) FILTER (LIMIT_BAL NOT BETWEEN 1000 AND 2000000), count(*) FILTER (PAY_0 NOT BETWEEN -2 AND 9),
    count(BILL_AMT1), count(*) FILTER (PAY_AMT1 < 0)
FROM inputs WHERE decision_ts >= TIMESTAMPTZ '2026-07-01' AND decision_ts < TIMESTAMPTZ '2026-10-01';
-- credit-decisions/inputs-as-registered
SELECT model_version, count(*), {filled} FROM credit JOIN inputs USING (decision_id) GROUP BY ALL;
-- credit-decisions/four-fifths
SELECT sex, age_band, count(*), count(*) FILTER (favourable), count(favourable)
FROM credit JOIN subjects USING (decision_id) GROUP BY CUBE (sex, age_band);
-- credit-decisions/input-drift
SELECT month, count(*), {histograms} FROM (SELECT f.*, strftime(f.decision_ts, '%Y-%m') AS month FROM inputs f) f,
    (SELECT {quantiles} FROM inputs WHERE decision_ts < TIMESTAMPTZ '2026-07-01') GROUP BY month;
-- credit-decisions/score-drift
SELECT decision_ts >= TIMESTAMPTZ '2026-07-01' AS is_now, floor(score * 10), count(*) FROM decisions
WHERE model GLOB 'credit-*' AND decision_ts >= TIMESTAMPTZ '2026-04-01' AND decision_ts < TIMESTAMPTZ '2026-10-01'
GROUP BY ALL;
-- credit-decisions/human-review
SELECT count(*), count(v.decision_id), count(*) FILTER (v.completed_ts <= v.effective_ts
    AND v.completed_ts <= c.decision_ts + INTERVAL 5 DAY)
FROM credit c LEFT JOIN (SELECT decision_id, min(completed_ts) AS completed_ts, min(effective_ts) AS effective_ts
    FROM reviews GROUP BY decision_id) v USING (decision_id) WHERE c.confidence < 0.6;
-- credit-decisions/reasons-for-refusals
SELECT count(*), count(a.decision_id), count(*) FILTER (a.additivity_error <= 1e-6)
FROM credit c LEFT JOIN (SELECT decision_id, min(additivity_error) AS additivity_error
    FROM "attributions:credit-default" GROUP BY decision_id) a USING (decision_id) WHERE NOT c.favourable;
-- credit-decisions/stable-reasons
SELECT count(*), count(a.decision_id), count(b.decision_id) FROM credit c
LEFT JOIN (SELECT DISTINCT decision_id FROM "attributions:credit-default" WHERE method = 'interventional') a USING (decision_id)
LEFT JOIN (SELECT DISTINCT decision_id FROM "attributions:credit-default" WHERE method = 'native') b USING (decision_id)
WHERE NOT c.favourable AND coalesce(c.deciding_stage, 'model') = 'model';
-- credit-decisions/response-time
SELECT count(*), quantile_cont(latency_us, 0.99), count(*) FILTER (latency_us > 500000)
FROM r WHERE model GLOB 'credit-*';
-- credit-decisions/silent-hours
SELECT max(gap) FROM (SELECT start_ts - lag(start_ts) OVER (ORDER BY start_ts) AS gap FROM r
    WHERE model GLOB 'credit-*' AND isodow(start_ts) < 6 AND hour(start_ts) BETWEEN 8 AND 17);
-- credit-decisions/reasons-of-the-score
SELECT count(*), count(*) FILTER (score_error > score_tolerance)
FROM credit JOIN "attributions:credit-default" USING (decision_id);
-- credit-decisions/ranks-the-risks
SELECT sex, sum(ranks) FILTER (positive), sum(own) FILTER (positive), count(*) FILTER (positive), count(positive), count(*)
FROM (SELECT sex, positive, rank() OVER (PARTITION BY positive IS NULL ORDER BY score) AS ranks,
    rank() OVER (PARTITION BY positive IS NULL, sex ORDER BY score) AS own
    FROM mature LEFT JOIN known USING (decision_id) JOIN subjects USING (decision_id)) GROUP BY CUBE (sex);
-- credit-decisions/scores-as-they-say
SELECT floor(score * 10), count(*), count(positive), count(*) FILTER (positive), avg(score), sum(score * (1 - score))
FROM mature LEFT JOIN known USING (decision_id) GROUP BY ALL;
-- credit-decisions/equal-errors
SELECT sex, count(*), count(positive), count(*) FILTER (positive AND NOT favourable),
    count(*) FILTER (positive AND favourable), count(*) FILTER (NOT positive AND NOT favourable)
FROM mature LEFT JOIN known USING (decision_id) JOIN subjects USING (decision_id) GROUP BY sex;
-- credit-decisions/overrides
SELECT reviewer, count(*), count(*) FILTER (outcome = 'overridden'), count(*) FILTER (outcome = 'overridden' AND favourable)
FROM credit JOIN reviews USING (decision_id) WHERE completed_ts IS NOT NULL GROUP BY ALL;
-- credit-decisions/reviewers-look
SELECT reviewer, count(*), count(*) FILTER (completed_ts - started_ts < INTERVAL 30 SECOND), count(started_ts),
    count(*) FILTER (outcome = 'confirmed'), median(completed_ts - started_ts)
FROM credit JOIN reviews USING (decision_id) WHERE completed_ts IS NOT NULL GROUP BY ALL;
-- credit-decisions/used-as-intended
SELECT business_unit, operation, count(*) FROM credit GROUP BY ALL;

-- llm-assistant/monthly-budget
SELECT business_unit, month, CAST(start_ts AS DATE) AS day, sum(cost), count(cost), count(*) FROM mistral GROUP BY ALL;
-- llm-assistant/response-time
SELECT model, count(*), quantile_cont(latency_us, 0.95), count(*) FILTER (latency_us > 60000000) FROM mistral GROUP BY ALL;
-- llm-assistant/fallback-share
SELECT week, count(*), count(*) FILTER (fallbacks > 0) FROM mistral GROUP BY ALL;
-- llm-assistant/fallback-quality
SELECT month, fallbacks > 0, count(*), avg(score), var_samp(score) FROM mistral JOIN (SELECT request_uid, avg(score) AS score
    FROM assessments WHERE name = 'groundedness' GROUP BY request_uid) USING (request_uid) GROUP BY ALL;
-- llm-assistant/fallback-drill
SELECT count(*), count(*) FILTER (tags['drill'] = 'fallback'),
    count(DISTINCT CAST(start_ts AS DATE)) FILTER (tags['drill'] = 'fallback' AND fallbacks > 0) FROM mistral;
-- llm-assistant/cached-answers
SELECT count(*) FILTER (cache_status LIKE '%hit'), count(*) FILTER (cache_status LIKE '%hit' OR cache_status = 'miss'),
    count(made_ts) FILTER (cache_status LIKE '%hit'), count(*) FILTER (cache_status LIKE '%hit' AND start_ts - made_ts > INTERVAL 168 HOUR)
FROM mistral LEFT JOIN (SELECT response_id, min(start_ts) AS made_ts FROM requests WHERE cache_status = 'miss'
    GROUP BY response_id) USING (response_id);
-- llm-assistant/answer-quality
SELECT model, count(*), avg(score), var_samp(score) FROM mistral JOIN (SELECT request_uid, score
    FROM assessments WHERE name = 'groundedness') USING (request_uid) GROUP BY ALL;
-- llm-assistant/silent-hours
SELECT max(gap) FROM (SELECT start_ts - lag(start_ts) OVER (ORDER BY start_ts) AS gap FROM mistral
    WHERE isodow(start_ts) < 6 AND hour(start_ts) BETWEEN 8 AND 17);

-- model-operations/approved-versions
SELECT count(*), count(*) FILTER (m.model IS NULL), count(*) FILTER (m.approved_ts <= r.start_ts)
FROM r LEFT JOIN models m ON m.model = r.model AND m.version = r.model_version WHERE n_decisions > 0;
-- model-operations/validated-in-time
SELECT model, model_version, count(*), epoch(min(start_ts)), epoch(max(start_ts)) FROM r WHERE n_decisions > 0 GROUP BY ALL;
-- model-operations/permitted-models
SELECT count(*) FILTER (model GLOB 'credit-*' OR model GLOB 'mistral-*'), count(model), count(*) FROM r;
-- model-operations/error-rate
SELECT model, month, count(*), count(*) FILTER (status IN ('error', 'timeout')) FROM r GROUP BY ALL;
-- model-operations/incidents-in-time
SELECT count(*), count(*) FILTER (reported_ts > aware_ts + INTERVAL 72 HOUR), count(*) FILTER (severity = 'major'),
    count(*) FILTER (severity = 'major' AND reported_ts > classified_ts + INTERVAL 4 HOUR) FROM incidents;
-- model-operations/fields-that-checks-need
SELECT count(*), count(model_served), count(latency_us), count(business_unit) FROM r;
-- model-operations/rolled-back-in-time
SELECT model_served, model_version, count(*), epoch(min(start_ts)), epoch(max(start_ts)), any_value(f.failed) FROM requests,
    (SELECT count(*) AS failed FROM findings WHERE policy = 'credit-decisions' AND verdict = 'failed' AND check_id IN ('four-fifths', 'input-quality')) f
WHERE n_decisions > 0 AND start_ts < TIMESTAMPTZ '2026-10-01' GROUP BY ALL;
-- model-operations/trained-anew
SELECT model_served, model_version, count(*), epoch(min(start_ts)), epoch(max(start_ts)), any_value(f.failed) FROM requests,
    (SELECT count(*) AS failed FROM findings WHERE policy = 'credit-decisions' AND verdict = 'failed' AND check_id IN ('input-drift', 'score-drift')) f
WHERE n_decisions > 0 AND start_ts < TIMESTAMPTZ '2026-10-01' GROUP BY ALL;
-- model-operations/source-as-before
SELECT source, start_ts >= TIMESTAMPTZ '2026-07-01' AS is_now, count(*), count(COLUMNS(* EXCLUDE (source))) FROM requests
WHERE start_ts >= TIMESTAMPTZ '2026-04-01' AND start_ts < TIMESTAMPTZ '2026-10-01' GROUP BY ALL;
-- model-operations/kept-and-deleted
SELECT (SELECT epoch(min(start_ts)) FROM requests), (SELECT epoch(min(decision_ts)) FROM decisions),
    (SELECT count(*) FROM requests WHERE start_ts < TIMESTAMPTZ '2022-10-01'),
    (SELECT count(*) FROM decisions WHERE decision_ts < TIMESTAMPTZ '2022-10-01');
-- model-operations/store-intact
-- (the digest of every file, in Python)

-- hiring-ll144/selection-rates
SELECT sex, race, count(*), count(*) FILTER (favourable), count(favourable)
FROM d JOIN subjects USING (decision_id) GROUP BY CUBE (sex, race);
-- hiring-ll144/scoring-rates
SELECT sex, race, count(*), count(*) FILTER (score > middle), count(score)
FROM d JOIN subjects USING (decision_id), (SELECT median(score) AS middle FROM d) GROUP BY CUBE (sex, race);
-- hiring-ll144/intersections
SELECT sex, race, count(*), count(*) FILTER (favourable), count(favourable)
FROM d JOIN subjects USING (decision_id) GROUP BY sex, race;
-- hiring-ll144/fields-that-rates-need
SELECT count(*), count(favourable), count(score) FROM d;

-- further/nothing-lost
SELECT c.count_id, c.expected, n FROM request_counts c JOIN (SELECT CAST(start_ts AS DATE) AS day, count(*) AS n
    FROM r GROUP BY ALL) ON CAST(c.window_start AS DATE) = day;
-- further/no-missing-numbers
SELECT count(*), min(number), max(number), count(DISTINCT number)
FROM (SELECT CAST(regexp_extract(request_id, '-([0-9]+)$', 1) AS BIGINT) AS number FROM r);
-- further/input-contract
SELECT count(*), count(*) FILTER (LIMIT_BAL IS NULL), count(*) FILTER (LIMIT_BAL NOT BETWEEN 1000 AND 2000000),
    count(*) FILTER (PAY_0 IS NULL), count(*) FILTER (PAY_0 NOT BETWEEN -2 AND 9),
    count(*) FILTER (PAY_2 NOT IN (-2, -1, 0, 1, 2, 3, 4, 5, 6, 7)), count(*) FILTER (BILL_AMT1 IS NULL),
    count(*) FILTER (NOT isfinite(BILL_AMT1)), count(*) FILTER (BILL_AMT1 < 0), count(*) FILTER (PAY_AMT1 < 0),
    count(*) FILTER (NOT isfinite(PAY_AMT1)), count(*) FILTER (UTILISATION NOT BETWEEN 0 AND 1)
FROM d JOIN inputs USING (decision_id);
-- further/prompt-compared
SELECT experiment_arm, count(latency_us), avg(latency_us), var_samp(latency_us) FROM r GROUP BY ALL;
-- further/evaluated
SELECT count(*), count(*) FILTER (e.model IS NULL), count(*) FILTER (e.value < 0.9) FROM r LEFT JOIN (SELECT model,
    model_version, min(ended_ts) AS ended_ts, arg_max(value, ended_ts) AS value FROM evaluations GROUP BY ALL) e
ON e.model = r.model AND e.model_version = r.model_version AND e.ended_ts < r.start_ts WHERE n_decisions = 1;
-- further/concept
SELECT month, count(*), count(k.positive), count(*) FILTER (k.positive AND NOT c.favourable),
    count(*) FILTER (k.positive AND c.favourable), count(*) FILTER (NOT k.positive AND NOT c.favourable)
FROM (SELECT *, strftime(decision_ts, '%Y-%m') AS month FROM decisions WHERE decision_ts >= TIMESTAMPTZ '2026-06-01'
    AND decision_ts < TIMESTAMPTZ '2026-10-01') c LEFT JOIN known k USING (decision_id) GROUP BY ALL;
-- further/concept-auc
SELECT is_now, sum(ranks) FILTER (positive), count(*) FILTER (positive), count(positive), count(*) FROM (SELECT is_now, positive,
    rank() OVER (PARTITION BY is_now, positive IS NULL ORDER BY score) AS ranks FROM (SELECT decision_id, score,
    decision_ts >= TIMESTAMPTZ '2026-07-01' AS is_now FROM decisions WHERE decision_ts >= TIMESTAMPTZ '2026-06-01'
    AND decision_ts < TIMESTAMPTZ '2026-10-01') LEFT JOIN known USING (decision_id)) GROUP BY is_now;
-- further/input-order
{distances};
-- further/input-distance
{distances};
-- further/one-reason
SELECT reason, count(*) FROM credit JOIN (SELECT decision_id, greatest({pushes}) AS most,
    CASE {named} END AS reason FROM "attributions:credit-default") USING (decision_id)
WHERE NOT favourable AND most > 0 GROUP BY ALL;
-- further/no-proxy
SELECT count(*), count(*) FILTER (place <= 4) FROM credit JOIN (SELECT decision_id, 1 + {larger} AS place
    FROM "attributions:credit-default") USING (decision_id) WHERE NOT favourable;
-- further/reproduced
SELECT count(*), count(*) FILTER (score_error > score_tolerance)
FROM d JOIN "attributions:credit-default" USING (decision_id);
-- further/calibrated-groups
SELECT sex, floor(score * 5), count(*), count(positive), count(*) FILTER (positive), avg(score)
FROM d LEFT JOIN known USING (decision_id) JOIN subjects USING (decision_id) GROUP BY ALL;
-- further/given-channel
SELECT business_unit, sex, count(favourable), count(*) FILTER (favourable)
FROM d JOIN subjects USING (decision_id) GROUP BY ALL;
-- further/equal-odds
SELECT sex, age_band, count(*), count(positive), count(*) FILTER (positive AND NOT favourable),
    count(*) FILTER (positive AND favourable), count(*) FILTER (NOT positive AND NOT favourable)
FROM d LEFT JOIN known USING (decision_id) JOIN subjects USING (decision_id) GROUP BY GROUPING SETS ((sex), (sex, age_band));
-- further/same-treatment
SELECT sex, CASE WHEN deciding_stage IS NOT NULL THEN deciding_stage WHEN fallbacks > 0 THEN 'fallback'
    WHEN cache_status LIKE '%hit' THEN 'cache' ELSE 'model' END AS stage, count(favourable), count(*) FILTER (favourable)
FROM d JOIN subjects USING (decision_id) LEFT JOIN requests USING (request_uid) GROUP BY GROUPING SETS ((stage), (sex, stage));
-- further/overrides-right
SELECT outcome = 'overridden', count(*), count(positive), count(*) FILTER (positive <> favourable)
FROM d JOIN reviews USING (decision_id) LEFT JOIN known USING (decision_id) WHERE completed_ts IS NOT NULL GROUP BY ALL;
-- further/overrides
SELECT reviewer, count(*), count(*) FILTER (outcome = 'overridden'), count(*) FILTER (outcome = 'overridden' AND favourable)
FROM d JOIN reviews USING (decision_id) WHERE completed_ts IS NOT NULL GROUP BY ALL;
-- further/rubber-stamps
SELECT reviewer, count(*), count(*) FILTER (completed_ts - started_ts < INTERVAL 60 SECOND), count(started_ts),
    count(*) FILTER (outcome = 'confirmed')
FROM d JOIN reviews USING (decision_id) WHERE completed_ts IS NOT NULL GROUP BY ALL;
-- further/calibration
SELECT floor(score * 10), count(*), count(positive), count(*) FILTER (positive), avg(score), sum(score * (1 - score))
FROM d LEFT JOIN known USING (decision_id) GROUP BY ALL;
-- further/accuracy
SELECT sex, count(*), count(positive), count(*) FILTER (positive AND NOT favourable),
    count(*) FILTER (positive AND favourable), count(*) FILTER (NOT positive AND NOT favourable)
FROM d LEFT JOIN known USING (decision_id) JOIN subjects USING (decision_id) GROUP BY CUBE (sex);
-- further/auc
SELECT sex, sum(ranks) FILTER (positive), sum(own) FILTER (positive), count(*) FILTER (positive), count(positive), count(*)
FROM (SELECT sex, positive, rank() OVER (PARTITION BY positive IS NULL ORDER BY score) AS ranks,
    rank() OVER (PARTITION BY positive IS NULL, sex ORDER BY score) AS own
    FROM d LEFT JOIN known USING (decision_id) JOIN subjects USING (decision_id)) GROUP BY CUBE (sex);
-- further/error-of-score
SELECT count(*), count(value), avg((score - value) ** 2), var_samp((score - value) ** 2), avg(score) FILTER (value >= 0), avg(value)
FROM d LEFT JOIN (SELECT decision_id, arg_max(value_num, known_ts) AS value FROM outcomes WHERE name = 'default_next_month' GROUP BY ALL)
USING (decision_id);
-- further/breakers
SELECT provider, model, month, count(*), count(*) FILTER (breaker_state = 'open' AND was <> 'open'),
    count(*) FILTER (breaker_state = 'open' AND status NOT IN ('blocked', 'cancelled'))
FROM (SELECT provider, a.model, strftime(a.start_ts, '%Y-%m') AS month, breaker_state, status, lag(breaker_state, 1, 'closed')
    OVER (PARTITION BY provider, a.model ORDER BY a.start_ts) AS was FROM attempts a
    WHERE start_ts >= TIMESTAMPTZ '2026-07-01' AND start_ts < TIMESTAMPTZ '2026-10-01') GROUP BY ALL;
-- further/cache
SELECT count(*) FILTER (cache_status IN ('exact_hit', 'semantic_hit')), count(*) FILTER (cache_status IN ('exact_hit',
    'semantic_hit', 'miss')), count(*) FILTER (n_decisions > 0 AND cache_status = 'semantic_hit'),
    count(*) FILTER (n_decisions > 0) FROM r;
-- further/kept
SELECT (SELECT epoch(min(start_ts)) FROM requests), (SELECT epoch(min(decision_ts)) FROM decisions),
    (SELECT count(*) FROM requests WHERE start_ts < TIMESTAMPTZ '2023-09-26'),
    (SELECT count(*) FROM decisions WHERE decision_ts < TIMESTAMPTZ '2023-09-26');
-- further/availability
SELECT count(*), count(*) FILTER (good > 0) FROM (SELECT time_bucket(INTERVAL 5 MINUTE, start_ts) AS part, count(*) FILTER
    (status NOT IN ('error', 'timeout')) AS good FROM r GROUP BY part);
-- further/burn
SELECT max(hours), max(quarters), max(days) FROM (SELECT sum(bad) OVER h / sum(n) OVER h AS hours,
    sum(bad) OVER q / sum(n) OVER q AS quarters, sum(bad) OVER d / sum(n) OVER d AS days
FROM (SELECT time_bucket(INTERVAL 5 MINUTE, start_ts) AS part, count(*) AS n,
    count(*) FILTER (status IN ('error', 'timeout')) AS bad FROM r GROUP BY part)
WINDOW h AS (ORDER BY part RANGE INTERVAL 1 HOUR PRECEDING), q AS (ORDER BY part RANGE INTERVAL 6 HOUR PRECEDING),
    d AS (ORDER BY part RANGE INTERVAL 3 DAY PRECEDING));
-- further/queue
SELECT provider, count(queue_us), quantile_cont(queue_us, 0.95), count(*), count(*) FILTER (http_status IN (429, 503, 529)
    OR lower(error_type) SIMILAR TO '.*(limit|overload|quota).*') FROM r GROUP BY ALL;
-- further/retries
SELECT provider, avg(retries) AS value, count(retries) AS n FROM r GROUP BY provider;
-- further/guardrails
SELECT count(*), count(g.request_uid), count(*) FILTER (g.denied) FROM r LEFT JOIN (SELECT request_uid,
    bool_or(verdict = 'deny') AS denied FROM guardrails WHERE guardrail = 'pii' AND verdict NOT IN ('not_run', 'error')
    GROUP BY request_uid) g USING (request_uid) WHERE operation = 'chat';
-- further/incidents
SELECT count(*), count(*) FILTER (reported_ts > aware_ts + INTERVAL 15 DAY) FROM incidents;
-- further/intended
SELECT count(*), count(*) FILTER (region NOT GLOB 'eu-*'), count(*) FILTER (operation NOT IN ('chat', 'predict', 'rank')),
    count(*) FILTER (tags['channel'] NOT IN ('web', 'branch', 'app')), CAST(start_ts AS DATE) AS day FROM r GROUP BY day;

-- data/requests
SELECT count(*), {promised} FROM r;
-- data/decisions
SELECT count(*), count(decision_id), count(model), count(decision), count(*) FILTER (decision NOT IN ('approved', 'refused')),
    count(score), count(*) FILTER (NOT isfinite(score)), count(*) FILTER (score NOT BETWEEN 0 AND 1), count(confidence),
    count(*) FILTER (confidence NOT BETWEEN 0 AND 1), count(favourable) FROM d;
-- data/fields
SELECT count(*), count(latency_us), count(business_unit), count(model_version), count(user_id), count(region) FROM r;
-- data/priced
SELECT count(*) FILTER (cost IS NULL), count(*) FROM chats;
-- data/nothing-lost
SELECT c.count_id, c.expected, n FROM request_counts c JOIN (SELECT CAST(start_ts AS DATE) AS day, count(*) AS n
    FROM r GROUP BY ALL) ON CAST(c.window_start AS DATE) = day;

-- fairness/ratios
SELECT sex, race, count(*), count(*) FILTER (favourable), count(favourable)
FROM d JOIN subjects USING (decision_id) GROUP BY CUBE (sex, race);
