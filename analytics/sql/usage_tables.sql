-- The three tables of the original note: its names, its columns, its types; partitioned by month on "timestamp".
--
-- The primary key must contain the partition key. (timestamp, id) also serves every query by time, so the original
-- design's index on each column is not needed; the one on user_id is for a person's own rows: show, erase.
CREATE TABLE analytics_user_activity (
    id              uuid                     NOT NULL,
    user_id         uuid                     NOT NULL,
    organization_id uuid,
    event_type      varchar(64)              NOT NULL,
    "timestamp"     timestamp with time zone NOT NULL,
    session_id      varchar(64),
    deployment_type varchar(16)              NOT NULL,
    metadata        jsonb                    NOT NULL DEFAULT '{}',
    PRIMARY KEY ("timestamp", id)
) PARTITION BY RANGE ("timestamp");
CREATE INDEX analytics_user_activity_of_user ON analytics_user_activity (user_id);

CREATE TABLE analytics_endpoint_usage (
    id              uuid                     NOT NULL,
    endpoint        varchar(512)             NOT NULL,
    method          varchar(16)              NOT NULL,
    user_id         uuid                     NOT NULL,
    organization_id uuid,
    status_code     integer                  NOT NULL,
    duration_ms     double precision         NOT NULL,
    "timestamp"     timestamp with time zone NOT NULL,
    deployment_type varchar(16)              NOT NULL,
    metadata        jsonb                    NOT NULL DEFAULT '{}',
    PRIMARY KEY ("timestamp", id)
) PARTITION BY RANGE ("timestamp");
CREATE INDEX analytics_endpoint_usage_of_user ON analytics_endpoint_usage (user_id);

CREATE TABLE analytics_feature_usage (
    id              uuid                     NOT NULL,
    feature_name    varchar(64)              NOT NULL,
    user_id         uuid                     NOT NULL,
    organization_id uuid,
    action          varchar(64)              NOT NULL,
    "timestamp"     timestamp with time zone NOT NULL,
    deployment_type varchar(16)              NOT NULL,
    metadata        jsonb                    NOT NULL DEFAULT '{}',
    PRIMARY KEY ("timestamp", id)
) PARTITION BY RANGE ("timestamp");
CREATE INDEX analytics_feature_usage_of_user ON analytics_feature_usage (user_id);
