-- Distributions with trusted signers name the account, so that a change of its key pairs reaches them. Written for those that were there before.
INSERT INTO "reference" ("from_kind", "from_id", "from_ordinal", "kind", "id")
SELECT CASE "kind" WHEN 'web' THEN 'distribution' ELSE 'streaming-distribution' END, "id", "ordinal", 'trusted-signer', 'self'
FROM "distribution"
WHERE jsonb_path_exists("config", '$.DefaultCacheBehavior.TrustedSigners.Items[0]')
  OR jsonb_path_exists("config", '$.CacheBehaviors.Items[*].TrustedSigners.Items[0]')
  OR jsonb_path_exists("config", '$.TrustedSigners.Items[*] ? (@ == "self" || @ like_regex "^[0-9]{12}$")')
ON CONFLICT DO NOTHING;
