PRAGMA application_id = 1464422981;
PRAGMA user_version = 0;
CREATE TABLE "_sqlite_migrations" (
   "id" INTEGER PRIMARY KEY,
   "migration_set" TEXT,
   "name" TEXT,
   "applied_at" TEXT
);
CREATE TABLE "feeds" (
   "id" TEXT PRIMARY KEY,
   "url" TEXT NOT NULL,
   "name" TEXT NOT NULL,
   "family" TEXT NOT NULL,
   "language" TEXT,
   "country" TEXT,
   "reliability" TEXT,
   "party" TEXT,
   "every" REAL NOT NULL,
   "full_text" TEXT,
   "tags" TEXT,
   "configured" INTEGER NOT NULL,
   "added" INTEGER NOT NULL,
   "fence" INTEGER NOT NULL,
   "lease_until" REAL,
   "due" REAL NOT NULL,
   "etag" TEXT,
   "last_modified" TEXT,
   "body_hash" TEXT,
   "health" TEXT NOT NULL,
   "error" TEXT,
   "errors" INTEGER,
   "polls" INTEGER,
   "last_poll" REAL,
   "last_good" REAL,
   "last_new" REAL,
   "baseline_done" INTEGER,
   "interval" REAL,
   "moved_to" TEXT,
   "moved_polls" INTEGER,
   "moved_since" REAL,
   "by_link" INTEGER,
   "gaps" INTEGER,
   "skip" TEXT
, since REAL, rhythm REAL, longest REAL, last_gap REAL, posts INTEGER NOT NULL DEFAULT 0, shown INTEGER NOT NULL DEFAULT 0, odd_dates INTEGER NOT NULL DEFAULT 0, fastest REAL NOT NULL DEFAULT 60.0, agreed INTEGER NOT NULL DEFAULT 0, differed INTEGER NOT NULL DEFAULT 0) STRICT;
CREATE TABLE "items" (
   "seq" INTEGER PRIMARY KEY,
   "id" TEXT NOT NULL,
   "feed_id" TEXT NOT NULL,
   "version" INTEGER NOT NULL,
   "title" TEXT NOT NULL,
   "summary" TEXT NOT NULL,
   "text" TEXT NOT NULL,
   "link" TEXT,
   "published" REAL NOT NULL,
   "seen" REAL NOT NULL,
   "outlet" TEXT NOT NULL,
   "language" TEXT,
   "edited" REAL
, original TEXT) STRICT;
CREATE VIRTUAL TABLE "items_fts" USING FTS5 (
    "title", "summary", "text",
    tokenize='unicode61 remove_diacritics 2',
    content="items"
);
CREATE TABLE "item_versions" (
   "seq" INTEGER PRIMARY KEY,
   "item_id" TEXT NOT NULL,
   "version" INTEGER NOT NULL,
   "seen" REAL NOT NULL,
   "analysis" TEXT NOT NULL,
   "baseline" INTEGER NOT NULL,
   "deaths" INTEGER NOT NULL,
   "language" TEXT,
   "analysed_at" REAL,
   "superseded" TEXT
) STRICT;
CREATE TABLE "stories" (
   "id" TEXT PRIMARY KEY,
   "title" TEXT NOT NULL,
   "first_seen" REAL NOT NULL,
   "last_seen" REAL NOT NULL,
   "items" INTEGER NOT NULL,
   "country" TEXT,
   "place" TEXT,
   "place_id" TEXT,
   "families" TEXT NOT NULL,
   "origins" TEXT NOT NULL
, merged_into TEXT) STRICT;
CREATE TABLE "story_items" (
   "item_id" TEXT PRIMARY KEY,
   "story_id" TEXT NOT NULL,
   "score" REAL NOT NULL,
   "opened" INTEGER NOT NULL,
   "copy_of" TEXT
, origin TEXT, pinned INTEGER NOT NULL DEFAULT 0) STRICT;
CREATE TABLE "item_vectors" (
   "item_id" TEXT PRIMARY KEY,
   "model_id" TEXT NOT NULL,
   "vector" BLOB NOT NULL
) STRICT;
CREATE TABLE "steps" (
   "id" TEXT PRIMARY KEY,
   "at" REAL NOT NULL,
   "item_id" TEXT,
   "version" INTEGER
) STRICT;
CREATE TABLE "facts" (
   "seq" INTEGER PRIMARY KEY,
   "item_id" TEXT NOT NULL,
   "version" INTEGER NOT NULL,
   "fact_id" TEXT NOT NULL,
   "kind" TEXT NOT NULL,
   "status" TEXT NOT NULL,
   "anchored" INTEGER NOT NULL,
   "source" TEXT,
   "confidence" REAL,
   "evidence" TEXT,
   "metric" TEXT,
   "low" INTEGER,
   "high" INTEGER,
   "qualifier" TEXT,
   "category" TEXT,
   "scope" TEXT,
   "change" TEXT,
   "place" TEXT,
   "place_id" TEXT,
   "country" TEXT,
   "gainer" TEXT,
   "loser" TEXT,
   "speaker" TEXT,
   "quote" TEXT,
   "fact" TEXT NOT NULL
) STRICT;
CREATE TABLE "events" (
   "seq" INTEGER PRIMARY KEY,
   "step" TEXT NOT NULL,
   "at" REAL NOT NULL,
   "kind" TEXT NOT NULL,
   "name" TEXT NOT NULL,
   "key" TEXT NOT NULL,
   "story_id" TEXT NOT NULL,
   "item_id" TEXT,
   "newsworthy" INTEGER NOT NULL,
   "reason" TEXT,
   "event" TEXT NOT NULL
) STRICT;
CREATE TABLE "ledgers" (
   "ledger" TEXT,
   "key" TEXT,
   "due" REAL,
   "state" TEXT NOT NULL,
   PRIMARY KEY ("ledger", "key")
) STRICT;
CREATE TABLE "rule_states" (
   "rule" TEXT,
   "key" TEXT,
   "due" REAL,
   "state" TEXT NOT NULL,
   PRIMARY KEY ("rule", "key")
) STRICT;
CREATE TABLE "alerts" (
   "id" TEXT PRIMARY KEY,
   "rule" TEXT NOT NULL,
   "key" TEXT NOT NULL,
   "severity" TEXT NOT NULL,
   "story_id" TEXT NOT NULL,
   "title" TEXT NOT NULL,
   "opened_at" REAL NOT NULL,
   "last_at" REAL NOT NULL,
   "n" INTEGER NOT NULL,
   "edge" TEXT NOT NULL
) STRICT;
CREATE TABLE "alert_edges" (
   "seq" INTEGER PRIMARY KEY,
   "alert" TEXT NOT NULL,
   "n" INTEGER NOT NULL,
   "edge" TEXT NOT NULL,
   "at" REAL NOT NULL,
   "rule" TEXT NOT NULL,
   "severity" TEXT NOT NULL,
   "key" TEXT NOT NULL,
   "events" TEXT NOT NULL,
   "story_id" TEXT NOT NULL,
   "title" TEXT NOT NULL,
   "value" TEXT NOT NULL
) STRICT;
CREATE TABLE "suppressed" (
   "seq" INTEGER PRIMARY KEY,
   "rule" TEXT NOT NULL,
   "key" TEXT NOT NULL,
   "at" REAL NOT NULL,
   "reason" TEXT NOT NULL,
   "events" TEXT NOT NULL,
   "story_id" TEXT NOT NULL,
   "item_id" TEXT,
   "title" TEXT NOT NULL
, why TEXT NOT NULL DEFAULT '', gates TEXT NOT NULL DEFAULT '[]') STRICT;
CREATE TABLE "deliveries" (
   "seq" INTEGER PRIMARY KEY,
   "key" TEXT NOT NULL,
   "lane" TEXT NOT NULL,
   "notifier" TEXT NOT NULL,
   "recipient" TEXT NOT NULL,
   "created" REAL NOT NULL,
   "due" REAL NOT NULL,
   "expires" REAL NOT NULL,
   "edges" TEXT NOT NULL,
   "payload" TEXT,
   "state" TEXT NOT NULL,
   "attempts" INTEGER NOT NULL,
   "fence" INTEGER NOT NULL,
   "lease_until" REAL,
   "provider_id" TEXT,
   "error" TEXT,
   "downgraded" INTEGER NOT NULL,
   "finished" REAL,
   "needs" TEXT NOT NULL,
   "message" TEXT NOT NULL,
   "digest" INTEGER NOT NULL,
   "folded_into" TEXT,
   "handed_on" INTEGER NOT NULL,
   "reported" INTEGER NOT NULL,
   "ready" REAL
, batch TEXT) STRICT;
CREATE TABLE "kept_rules" (
   "file" TEXT PRIMARY KEY,
   "text" TEXT NOT NULL,
   "at" REAL NOT NULL
) STRICT;
CREATE TABLE "requests" (
   "id" INTEGER PRIMARY KEY,
   "kind" TEXT NOT NULL,
   "args" TEXT NOT NULL,
   "asked_at" REAL NOT NULL,
   "answer" TEXT,
   "answered_at" REAL
) STRICT;
CREATE TABLE "subscriptions" (
   "feed_id" TEXT PRIMARY KEY,
   "topic" TEXT NOT NULL,
   "hub" TEXT NOT NULL,
   "token" TEXT NOT NULL,
   "secret" TEXT NOT NULL,
   "state" TEXT NOT NULL,
   "due" REAL NOT NULL,
   "lease_until" REAL,
   "errors" INTEGER NOT NULL,
   "error" TEXT,
   "last_push" REAL,
   "missed" INTEGER NOT NULL
) STRICT;
CREATE TABLE "told" (
   "key" TEXT PRIMARY KEY,
   "at" REAL NOT NULL
) STRICT;
CREATE TABLE "story_edits" (
   "seq" INTEGER PRIMARY KEY,
   "id" TEXT NOT NULL,
   "at" REAL NOT NULL,
   "kind" TEXT NOT NULL,
   "story_id" TEXT NOT NULL,
   "into" TEXT,
   "items" TEXT NOT NULL,
   "by" TEXT NOT NULL,
   "note" TEXT NOT NULL,
   "undoes" TEXT,
   "moved" TEXT NOT NULL,
   "undone_by" TEXT
) STRICT;
CREATE TABLE "silences" (
   "id" TEXT PRIMARY KEY,
   "created" REAL NOT NULL,
   "until" REAL NOT NULL,
   "by" TEXT NOT NULL,
   "comment" TEXT NOT NULL,
   "rule" TEXT,
   "story_id" TEXT,
   "place" TEXT,
   "alert" TEXT,
   "ended_by" TEXT
) STRICT;
CREATE TABLE "acknowledgements" (
   "seq" INTEGER PRIMARY KEY,
   "alert" TEXT NOT NULL,
   "at" REAL NOT NULL,
   "by" TEXT NOT NULL,
   "relevant" INTEGER NOT NULL,
   "note" TEXT NOT NULL
) STRICT;
CREATE TABLE "readings" (
   "item_id" TEXT,
   "version" INTEGER,
   "reader" TEXT NOT NULL,
   "names" TEXT NOT NULL,
   "places" TEXT NOT NULL,
   "countries" TEXT NOT NULL,
   PRIMARY KEY ("item_id", "version")
) STRICT;
INSERT INTO "_sqlite_migrations" VALUES (1, 'wirewatch', 'm0001_feeds_and_items', '2026-11-22 22:24:55.423357+00:00');
INSERT INTO "_sqlite_migrations" VALUES (2, 'wirewatch', 'm0002_stories_facts_ledgers', '2026-11-22 22:24:55.433827+00:00');
INSERT INTO "_sqlite_migrations" VALUES (3, 'wirewatch', 'm0003_alerts_and_outbox', '2026-11-22 22:24:55.445973+00:00');
INSERT INTO "_sqlite_migrations" VALUES (4, 'wirewatch', 'm0004_iso_views', '2026-11-22 22:24:55.460416+00:00');
INSERT INTO "_sqlite_migrations" VALUES (5, 'wirewatch', 'm0005_collecting', '2026-11-22 22:24:55.481817+00:00');
INSERT INTO "_sqlite_migrations" VALUES (6, 'wirewatch', 'm0006_story_edits', '2026-11-22 22:24:55.502178+00:00');
INSERT INTO "_sqlite_migrations" VALUES (7, 'wirewatch', 'm0007_silences', '2026-11-22 22:24:55.514897+00:00');
INSERT INTO "_sqlite_migrations" VALUES (8, 'wirewatch', 'm0008_readings', '2026-11-22 22:24:55.528145+00:00');
INSERT INTO "_sqlite_migrations" VALUES (9, 'wirewatch', 'm0009_engines', '2026-11-22 22:24:55.539744+00:00');
INSERT INTO "_sqlite_migrations" VALUES (10, 'wirewatch', 'm0010_threads', '2026-11-22 22:24:55.543774+00:00');
INSERT INTO "feeds" VALUES ('f1', 'https://f1.example/rss', 'Feed f1', 'family-f1', NULL, 'SY', NULL, NULL, 300.0, 'auto', '["a","b"]', 1, 0, 1, NULL, 1700000300.0, 'W/"a"', NULL, NULL, 'ok', NULL, 0, 1, 1700000000.0, NULL, NULL, 0, NULL, NULL, 0, NULL, 0, 0, '[3,4]', NULL, NULL, NULL, NULL, 0, 0, 0, 60.0, 0, 0);
INSERT INTO "feeds" VALUES ('f2', 'https://f2.example/rss', 'Feed f2', 'family-f2', NULL, NULL, NULL, NULL, 300.0, 'auto', '[]', 1, 0, 0, NULL, 1700000000.0, NULL, NULL, NULL, 'new', NULL, 0, 0, NULL, NULL, NULL, 0, NULL, NULL, 0, NULL, 0, 0, '[]', NULL, NULL, NULL, NULL, 0, 0, 0, 60.0, 0, 0);
INSERT INTO "feeds" VALUES ('f3', 'https://f3.example/rss', 'Feed f3', 'family-f3', NULL, NULL, NULL, NULL, 300.0, 'auto', '[]', 0, 1, 0, NULL, 1700000000.0, NULL, NULL, NULL, 'new', NULL, 0, 0, NULL, NULL, NULL, 0, NULL, NULL, 0, NULL, 0, 0, '[]', NULL, NULL, NULL, NULL, 0, 0, 0, 60.0, 0, 0);
INSERT INTO "items" VALUES (1, 'i1', 'f1', 2, 'Title of i1, corrected', 'A summary.', '', 'https://f1.example/i1', 1699999940.0, 1700000000.0, 'Feed f1', 'en', 1700000005.0, NULL);
INSERT INTO "items" VALUES (2, 'i2', 'f1', 1, 'Title of i2', 'Bridge news i2, naïve', '', 'https://f1.example/i2', 1699999940.0, 1700000000.0, 'Feed f1', 'en', NULL, NULL);
INSERT INTO "items" VALUES (3, 'i3', 'f1', 1, 'Title of i3', 'Bridge news i3, naïve', '', 'https://f1.example/i3', 1699999940.0, 1700000000.0, 'Feed f1', 'en', NULL, NULL);
INSERT INTO "items" VALUES (4, 'i4', 'f1', 1, 'Title of i4', 'Bridge news i4, naïve', '', 'https://f1.example/i4', 1699999940.0, 1700000000.0, 'Feed f1', 'en', NULL, NULL);
INSERT INTO "item_versions" VALUES (1, 'i1', 1, 1700000000.0, 'done', 0, 0, 'en', 1700000000.0, '{"id":"i1","feed_id":"f1","version":1,"title":"Title of i1","summary":"Bridge news i1, naïve","text":"","link":"https://f1.example/i1","published":1699999940.0,"seen":1700000000.0,"outlet":"Feed f1","language":"en","edited":null,"original":null}');
INSERT INTO "item_versions" VALUES (2, 'i2', 1, 1700000000.0, 'done', 0, 0, 'en', 1700000000.0, NULL);
INSERT INTO "item_versions" VALUES (3, 'i3', 1, 1700000000.0, 'pending', 0, 1, NULL, NULL, NULL);
INSERT INTO "item_versions" VALUES (4, 'i4', 1, 1700000000.0, 'pending', 0, 0, NULL, NULL, NULL);
INSERT INTO "item_versions" VALUES (5, 'i1', 2, 1700000000.0, 'pending', 0, 0, NULL, NULL, NULL);
INSERT INTO "stories" VALUES ('s1', 'Story s1', 1700000000.0, 1700000000.0, 2, NULL, NULL, NULL, '["family-f1"]', '["family-f1"]', NULL);
INSERT INTO "stories" VALUES ('s2', 'Story s2', 1700000000.0, 1700000000.0, 0, NULL, 'Tal Ward', NULL, '[]', '[]', 's1');
INSERT INTO "story_items" VALUES ('i1', 's1', 0.5, 1, NULL, NULL, 0);
INSERT INTO "story_items" VALUES ('i2', 's1', 0.25, 1, NULL, 'family-f1', 0);
INSERT INTO "item_vectors" VALUES ('i1', 'm1', X'00BCB7B9DBB692B09230DB36B739003C');
INSERT INTO "item_vectors" VALUES ('i2', 'm1', X'003CB739DB36923092B0DBB6B7B900BC');
INSERT INTO "steps" VALUES ('i1/1', 1700000000.0, 'i1', 1);
INSERT INTO "steps" VALUES ('i2/1', 1700000000.0, 'i2', 1);
INSERT INTO "steps" VALUES ('edit/e1', 1700000000.0, NULL, NULL);
INSERT INTO "facts" VALUES (1, 'i1', 1, '1', 'casualty', 'asserted', 1, NULL, 0.5, '12 killed', 'killed', 12, 12, 'exact', 'people', 'incident', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '{"kind":"casualty","id":"1","start":0,"end":9,"evidence":"12 killed","status":"asserted","source":null,"source_id":null,"source_kind":null,"confidence":0.5,"anchored":true,"date":null,"why":"frame: N killed","metric":"killed","low":12,"high":12,"qualifier":"exact","category":"people","name":null,"scope":"incident","since":null,"place":null,"place_id":null,"country":null,"part_of":null,"revision":null,"cue":null,"cause":null,"derived_low":null,"in":"text"}');
INSERT INTO "facts" VALUES (2, 'i1', 1, '2', 'casualty', 'asserted', 1, NULL, 0.5, '12 killed', 'wounded', 12, 12, 'exact', 'people', 'incident', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '{"kind":"casualty","id":"2","start":0,"end":9,"evidence":"12 killed","status":"asserted","source":null,"source_id":null,"source_kind":null,"confidence":0.5,"anchored":true,"date":null,"why":"frame: N killed","metric":"wounded","low":12,"high":12,"qualifier":"exact","category":"people","name":null,"scope":"incident","since":null,"place":null,"place_id":null,"country":null,"part_of":null,"revision":null,"cue":null,"cause":null,"derived_low":null,"in":"text"}');
INSERT INTO "facts" VALUES (3, 'i2', 1, '3', 'territory', 'claimed', 1, 'the town council', 0.7, 'a town changed hands', NULL, NULL, NULL, NULL, NULL, NULL, 'captured', 'Tal Ward', NULL, NULL, 'Northern', NULL, NULL, NULL, '{"kind":"territory","id":"3","start":4,"end":30,"evidence":"a town changed hands","status":"claimed","source":"the town council","source_id":null,"source_kind":null,"confidence":0.7,"anchored":true,"date":null,"why":"frame: said","change":"captured","place":"Tal Ward","place_id":null,"country":null,"part":"whole","count":null,"gainer":"Northern","gainer_id":null,"loser":null,"loser_id":null,"in":"text"}');
INSERT INTO "facts" VALUES (4, 'i2', 1, '4', 'statement', 'claimed', 1, 'the town council', 0.7, 'we will rebuild the bridge — “soon”', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 'Ana Kovač', 'we will rebuild the bridge — “soon”', '{"kind":"statement","id":"4","start":4,"end":30,"evidence":"we will rebuild the bridge — “soon”","status":"claimed","source":"the town council","source_id":null,"source_kind":null,"confidence":0.7,"anchored":true,"date":null,"why":"frame: said","speaker":"Ana Kovač","speaker_id":null,"role":null,"affiliation":null,"cue":"said","mode":"verbatim","quote":"we will rebuild the bridge — “soon”","stance":"asserts","complete":true,"in":"text"}');
INSERT INTO "events" VALUES (1, 'i1/1', 1700000000.0, 'casualty', 'NEW_FIGURE', 'k1', 's1', 'i1', 1, '', '{"name":"NEW_FIGURE","kind":"casualty","key":"k1","at":1700000000.0,"story_id":"s1","newsworthy":true,"fact":{"kind":"casualty","id":"1","start":0,"end":9,"evidence":"12 killed","status":"asserted","source":null,"source_id":null,"source_kind":null,"confidence":0.5,"anchored":true,"date":null,"why":"frame: N killed","metric":"killed","low":12,"high":12,"qualifier":"exact","category":"people","name":null,"scope":"incident","since":null,"place":null,"place_id":null,"country":null,"part_of":null,"revision":null,"cue":null,"cause":null,"derived_low":null,"in":"text"},"item_id":"i1","old":null,"new":{"low":12,"high":12,"qualifier":"exact"},"spread":null,"origins":["a"],"part_of":null,"unconfirmed":false,"names_old":null,"since":null,"reason":"","times":[],"silent":null}');
INSERT INTO "events" VALUES (2, 'i1/1', 1700000000.0, 'casualty', 'CORROBORATED', 'k1', 's1', 'i1', 0, '', '{"name":"CORROBORATED","kind":"casualty","key":"k1","at":1700000000.0,"story_id":"s1","newsworthy":false,"fact":{"kind":"casualty","id":"1","start":0,"end":9,"evidence":"12 killed","status":"asserted","source":null,"source_id":null,"source_kind":null,"confidence":0.5,"anchored":true,"date":null,"why":"frame: N killed","metric":"killed","low":12,"high":12,"qualifier":"exact","category":"people","name":null,"scope":"incident","since":null,"place":null,"place_id":null,"country":null,"part_of":null,"revision":null,"cue":null,"cause":null,"derived_low":null,"in":"text"},"item_id":"i1","old":null,"new":{"low":12,"high":12,"qualifier":"exact"},"spread":null,"origins":["a"],"part_of":null,"unconfirmed":false,"names_old":null,"since":null,"reason":"","times":[],"silent":null}');
INSERT INTO "events" VALUES (3, 'i2/1', 1700000000.0, 'casualty', 'NEW_FIGURE', 'k1', 's1', 'i1', 1, '', '{"name":"NEW_FIGURE","kind":"casualty","key":"k1","at":1700000000.0,"story_id":"s1","newsworthy":true,"fact":{"kind":"territory","id":"3","start":4,"end":30,"evidence":"a town changed hands","status":"claimed","source":"the town council","source_id":null,"source_kind":null,"confidence":0.7,"anchored":true,"date":null,"why":"frame: said","change":"captured","place":"Tal Ward","place_id":null,"country":null,"part":"whole","count":null,"gainer":"Northern","gainer_id":null,"loser":null,"loser_id":null,"in":"text"},"item_id":"i1","old":null,"new":{"low":12,"high":12,"qualifier":"exact"},"spread":null,"origins":["a"],"part_of":null,"unconfirmed":false,"names_old":null,"since":null,"reason":"","times":[],"silent":null}');
INSERT INTO "ledgers" VALUES ('figures', 's1', 1700000060.0, '{"v":1,"story":"s1","entries":[],"item":["",0.0],"joined":[]}');
INSERT INTO "rule_states" VALUES ('toll', 'k1', 1700000030.0, '{"told":12}');
INSERT INTO "alerts" VALUES ('a1', 'toll', 'k1', 'high', 's1', '12 killed', 1700000000.0, 1700000000.0, 1, 'opened');
INSERT INTO "alert_edges" VALUES (1, 'a1', 1, 'opened', 1700000000.0, 'toll', 'high', 'k1', '["NEW_FIGURE"]', 's1', '12 killed', '{"alert":"a1","n":1,"edge":"opened","at":1700000000.0,"rule":"toll","severity":"high","events":["NEW_FIGURE"],"key":"k1","story_id":"s1","story_title":"Story s1","title":"12 killed","old":null,"new":{"low":12,"high":null,"qualifier":"at_least"},"items":["i1"],"facts":[{"kind":"casualty","id":"1","start":0,"end":9,"evidence":"12 killed","status":"asserted","source":null,"source_id":null,"source_kind":null,"confidence":0.5,"anchored":true,"date":null,"why":"frame: N killed","metric":"killed","low":12,"high":12,"qualifier":"exact","category":"people","name":null,"scope":"incident","since":null,"place":null,"place_id":null,"country":null,"part_of":null,"revision":null,"cue":null,"cause":null,"derived_low":null,"in":"text"}],"evidence":[{"item_id":"i1","outlet":"Feed f1","published":1699999940.0,"link":null,"sentence":"12 killed.","source":null}],"description":"","owner":null,"place":null,"origins":1,"spread":{"low":10,"high":14,"qualifier":"exact"},"unconfirmed":false,"published":null,"seen":null,"why":"","gates":[],"lat":null,"lon":null,"opened_at":null}');
INSERT INTO "suppressed" VALUES (1, 'toll', 'k2', 1700000000.0, 'cooldown', '["INCREASED"]', 's1', 'i1', 'held', '', '[]');
INSERT INTO "deliveries" VALUES (1, 'a1/1/hook/x', 'lane of a1/1/hook/x', 'hook', 'x', 1700000000.0, 1700000000.0, 1700259200.0, '[{"alert":"a1","n":1,"edge":"opened","at":1700000000.0,"rule":"toll","severity":"high","events":["NEW_FIGURE"],"key":"k1","story_id":"s1","story_title":"Story s1","title":"12 killed","old":null,"new":{"low":12,"high":null,"qualifier":"at_least"},"items":["i1"],"facts":[{"kind":"casualty","id":"1","start":0,"end":9,"evidence":"12 killed","status":"asserted","source":null,"source_id":null,"source_kind":null,"confidence":0.5,"anchored":true,"date":null,"why":"frame: N killed","metric":"killed","low":12,"high":12,"qualifier":"exact","category":"people","name":null,"scope":"incident","since":null,"place":null,"place_id":null,"country":null,"part_of":null,"revision":null,"cue":null,"cause":null,"derived_low":null,"in":"text"}],"evidence":[{"item_id":"i1","outlet":"Feed f1","published":1699999940.0,"link":null,"sentence":"12 killed.","source":null}],"description":"","owner":null,"place":null,"origins":1,"spread":{"low":10,"high":14,"qualifier":"exact"},"unconfirmed":false,"published":null,"seen":null,"why":"","gates":[],"lat":null,"lon":null,"opened_at":null}]', '{"text":"12 killed"}', 'sent', 1, 1, NULL, 'message-1', NULL, 0, 1700000002.0, '["a1","i1","s1"]', 'a1/1', 0, NULL, 0, 0, NULL, NULL);
INSERT INTO "deliveries" VALUES (2, 'notice/1/mail/b', 'lane of notice/1/mail/b', 'mail', 'b', 1700000000.0, 1700000000.0, 1700259200.0, '[]', '{"text":"a feed is silent"}', 'pending', 0, 0, NULL, NULL, NULL, 0, NULL, '[]', 'notice/1', 0, NULL, 0, 0, 1700000000.0, NULL);
INSERT INTO "kept_rules" VALUES ('first.yaml', 'rules: []
', 1700000000.0);
INSERT INTO "requests" VALUES (1, 'mute', '{"rule":"toll"}', 1700000000.0, '{"ok":true}', 1700000000.0);
INSERT INTO "requests" VALUES (2, 'reload', '{}', 1700000000.0, NULL, NULL);
INSERT INTO "subscriptions" VALUES ('f1', 'https://f1.example/rss', 'https://hub.example/', 'token', 'secret', 'wanted', 1700000000.0, NULL, 0, NULL, NULL, 0);
INSERT INTO "told" VALUES ('f2/gone', 1700000000.0);
INSERT INTO "story_edits" VALUES (1, 'e1', 1700000001.0, 'merge', 's2', 's1', '[]', 'ana', 'one event', NULL, '{"i2":"s2"}', NULL);
INSERT INTO "silences" VALUES ('q1', 1700000000.0, 1700003600.0, 'ana', 'known', 'toll', NULL, NULL, NULL, NULL);
INSERT INTO "acknowledgements" VALUES (1, 'a1', 1700000000.0, 'ana', 1, 'good');
INSERT INTO "readings" VALUES ('i1', 1, 'r1', '["Ana"]', '["g1"]', '["SY"]');
CREATE UNIQUE INDEX "idx__sqlite_migrations_migration_set_name"
    ON "_sqlite_migrations" ("migration_set", "name");
CREATE INDEX feeds_due ON feeds(due) WHERE configured = 1 OR added = 1;
CREATE UNIQUE INDEX "items_id"
    ON "items" ("id");
CREATE INDEX items_feed_link ON items(feed_id, link);
CREATE INDEX items_seen ON items(seen);
INSERT INTO "items_fts" ("items_fts") VALUES ('rebuild');
CREATE TRIGGER "items_ai" AFTER INSERT ON "items" BEGIN
  INSERT INTO "items_fts" (rowid, "title", "summary", "text") VALUES (new.rowid, new."title", new."summary", new."text");
END;
CREATE TRIGGER "items_ad" AFTER DELETE ON "items" BEGIN
  INSERT INTO "items_fts" ("items_fts", rowid, "title", "summary", "text") VALUES('delete', old.rowid, old."title", old."summary", old."text");
END;
CREATE TRIGGER "items_au" AFTER UPDATE ON "items" BEGIN
  INSERT INTO "items_fts" ("items_fts", rowid, "title", "summary", "text") VALUES('delete', old.rowid, old."title", old."summary", old."text");
  INSERT INTO "items_fts" (rowid, "title", "summary", "text") VALUES (new.rowid, new."title", new."summary", new."text");
END;
CREATE UNIQUE INDEX "item_versions_item"
    ON "item_versions" ("item_id", "version");
CREATE INDEX item_versions_pending ON item_versions(seen, seq) WHERE analysis = 'pending';
CREATE INDEX item_versions_set_aside ON item_versions(seq) WHERE analysis = 'set_aside';
CREATE INDEX stories_last_seen ON stories(last_seen);
CREATE INDEX story_items_story ON story_items(story_id);
CREATE INDEX steps_at ON steps(at);
CREATE INDEX facts_item ON facts(item_id, version);
CREATE INDEX facts_kind ON facts(kind);
CREATE INDEX events_story ON events(story_id);
CREATE INDEX events_at ON events(at);
CREATE INDEX ledgers_due ON ledgers(due) WHERE due IS NOT NULL;
CREATE INDEX rule_states_due ON rule_states(due) WHERE due IS NOT NULL;
CREATE INDEX alerts_story ON alerts(story_id);
CREATE UNIQUE INDEX "alert_edges_alert"
    ON "alert_edges" ("alert", "n");
CREATE INDEX alert_edges_at ON alert_edges(at);
CREATE INDEX suppressed_reason ON suppressed(reason);
CREATE INDEX suppressed_at ON suppressed(at);
CREATE UNIQUE INDEX "deliveries_key"
    ON "deliveries" ("key");
CREATE INDEX deliveries_lane ON deliveries(lane, seq) WHERE state IN ('pending', 'sending');
CREATE INDEX deliveries_ready ON deliveries(notifier, recipient, created, seq, ready) WHERE ready IS NOT NULL;
CREATE INDEX deliveries_first ON deliveries(lane) WHERE ready IS NOT NULL;
CREATE INDEX deliveries_next ON deliveries(notifier, ready) WHERE ready IS NOT NULL;
CREATE INDEX deliveries_message ON deliveries(message);
CREATE INDEX deliveries_folded ON deliveries(folded_into) WHERE folded_into IS NOT NULL;
CREATE INDEX deliveries_fresh ON deliveries(notifier, recipient, seq) WHERE state = 'pending' AND attempts = 0 AND digest = 0 AND folded_into IS NULL AND needs <> '[]';
CREATE INDEX deliveries_waiting ON deliveries(notifier, seq) WHERE state = 'pending' AND handed_on = 0;
CREATE INDEX deliveries_unreported ON deliveries(seq) WHERE state = 'dead' AND reported = 0;
CREATE INDEX deliveries_state ON deliveries(state, created, seq);
CREATE INDEX requests_open ON requests(id) WHERE answer IS NULL;
CREATE VIEW "feeds_iso" AS SELECT id, url, name, health, error, errors, polls, strftime('%Y-%m-%dT%H:%M:%SZ', due, 'unixepoch') AS due, strftime('%Y-%m-%dT%H:%M:%SZ', last_poll, 'unixepoch') AS last_poll, strftime('%Y-%m-%dT%H:%M:%SZ', last_good, 'unixepoch') AS last_good, strftime('%Y-%m-%dT%H:%M:%SZ', last_new, 'unixepoch') AS last_new FROM feeds;
CREATE VIEW "items_iso" AS SELECT id, feed_id, version, outlet, language, title, link, strftime('%Y-%m-%dT%H:%M:%SZ', published, 'unixepoch') AS published, strftime('%Y-%m-%dT%H:%M:%SZ', seen, 'unixepoch') AS seen, strftime('%Y-%m-%dT%H:%M:%SZ', edited, 'unixepoch') AS edited FROM items;
CREATE VIEW "stories_iso" AS SELECT id, title, items, country, place, strftime('%Y-%m-%dT%H:%M:%SZ', first_seen, 'unixepoch') AS first_seen, strftime('%Y-%m-%dT%H:%M:%SZ', last_seen, 'unixepoch') AS last_seen FROM stories;
CREATE VIEW "alerts_iso" AS SELECT id, rule, severity, key, story_id, title, n, edge, strftime('%Y-%m-%dT%H:%M:%SZ', opened_at, 'unixepoch') AS opened_at, strftime('%Y-%m-%dT%H:%M:%SZ', last_at, 'unixepoch') AS last_at FROM alerts;
CREATE VIEW "alert_edges_iso" AS SELECT alert, n, edge, rule, severity, key, events, story_id, title, strftime('%Y-%m-%dT%H:%M:%SZ', at, 'unixepoch') AS at FROM alert_edges;
CREATE VIEW "events_iso" AS SELECT kind, name, key, story_id, item_id, newsworthy, reason, strftime('%Y-%m-%dT%H:%M:%SZ', at, 'unixepoch') AS at FROM events;
CREATE VIEW "suppressed_iso" AS SELECT rule, key, reason, events, story_id, item_id, title, strftime('%Y-%m-%dT%H:%M:%SZ', at, 'unixepoch') AS at FROM suppressed;
CREATE VIEW "deliveries_iso" AS SELECT key, notifier, recipient, state, attempts, error, provider_id, strftime('%Y-%m-%dT%H:%M:%SZ', created, 'unixepoch') AS created, strftime('%Y-%m-%dT%H:%M:%SZ', due, 'unixepoch') AS due, strftime('%Y-%m-%dT%H:%M:%SZ', expires, 'unixepoch') AS expires, strftime('%Y-%m-%dT%H:%M:%SZ', lease_until, 'unixepoch') AS lease_until, strftime('%Y-%m-%dT%H:%M:%SZ', finished, 'unixepoch') AS finished FROM deliveries;
CREATE UNIQUE INDEX "subscriptions_token"
    ON "subscriptions" ("token");
CREATE INDEX subscriptions_due ON subscriptions(due);
CREATE UNIQUE INDEX "story_edits_id"
    ON "story_edits" ("id");
CREATE INDEX story_edits_story ON story_edits(story_id);
CREATE INDEX story_edits_into ON story_edits("into") WHERE "into" IS NOT NULL;
CREATE INDEX silences_until ON silences(until);
CREATE UNIQUE INDEX "acknowledgements_alert"
    ON "acknowledgements" ("alert", "by", "at");
CREATE INDEX alert_edges_rule ON alert_edges(rule, at);
CREATE INDEX deliveries_batch ON deliveries(due) WHERE batch IS NOT NULL AND state = 'pending' AND folded_into IS NULL;
CREATE INDEX item_versions_analysed ON item_versions(analysed_at) WHERE analysis = 'done';
CREATE INDEX alert_edges_story ON alert_edges(story_id, rule);
CREATE INDEX deliveries_sent ON deliveries(lane, seq) WHERE state = 'sent' AND provider_id IS NOT NULL;
