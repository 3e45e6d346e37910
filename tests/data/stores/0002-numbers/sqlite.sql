BEGIN TRANSACTION;
CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL, CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num));
INSERT INTO "alembic_version" VALUES('0002');
CREATE TABLE event (
	id INTEGER NOT NULL, 
	experiment_id INTEGER NOT NULL, 
	time BIGINT NOT NULL, 
	severity SMALLINT NOT NULL, 
	name VARCHAR(60) NOT NULL, 
	device VARCHAR(60) NOT NULL, 
	process VARCHAR(120) NOT NULL, 
	function VARCHAR(200) NOT NULL, 
	text TEXT NOT NULL, 
	fields TEXT NOT NULL, 
	who VARCHAR(120) NOT NULL, 
	count INTEGER NOT NULL, 
	PRIMARY KEY (id), 
	FOREIGN KEY(experiment_id) REFERENCES experiment (id)
);
INSERT INTO "event" VALUES(1,1,1700000000000000,0,'put','ECC:CoBo0','main@hut','','event 0: é 日本','{"step": 0}','anna@hut',1);
INSERT INTO "event" VALUES(2,1,1700000001000000,0,'put','ECC:CoBo0','main@hut','','event 1: é 日本','{"step": 1}','anna@hut',1);
INSERT INTO "event" VALUES(3,1,1700000002000000,0,'put','ECC:CoBo0','main@hut','','event 2: é 日本','{"step": 2}','anna@hut',1);
INSERT INTO "event" VALUES(4,2,1700000000000000,0,'put','ECC:CoBo0','left@hut','','event 0: é 日本','{"step": 0}','anna@hut',1);
CREATE TABLE experiment (
	id INTEGER NOT NULL, 
	name VARCHAR(60) NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (name)
);
INSERT INTO "experiment" VALUES(1,'e1');
INSERT INTO "experiment" VALUES(2,'e2');
CREATE TABLE journal (
	writer VARCHAR(32) NOT NULL, 
	process VARCHAR(120) NOT NULL, 
	last BIGINT NOT NULL, 
	time BIGINT NOT NULL, 
	PRIMARY KEY (writer)
);
INSERT INTO "journal" VALUES('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa','main@hut',20,1795921942497772);
INSERT INTO "journal" VALUES('bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb','left@hut',1,1795921942527125);
CREATE TABLE run (
	experiment_id INTEGER NOT NULL, 
	number INTEGER NOT NULL, 
	entry VARCHAR(20) NOT NULL, 
	start BIGINT NOT NULL, 
	stop BIGINT, 
	seen BIGINT NOT NULL, 
	live_time BIGINT NOT NULL, 
	kind VARCHAR(60) NOT NULL, 
	title TEXT NOT NULL, 
	comment TEXT NOT NULL, 
	operator VARCHAR(120) NOT NULL, 
	config TEXT NOT NULL, 
	note TEXT NOT NULL, 
	data BIGINT NOT NULL, 
	PRIMARY KEY (experiment_id, number), 
	FOREIGN KEY(experiment_id) REFERENCES experiment (id)
);
INSERT INTO "run" VALUES(1,7,'ended',1700000000000000,1700000060000000,1700000060000000,55500000,'Beam','é on 日本','good','anna','e1','',12345);
CREATE TABLE run_change (
	id INTEGER NOT NULL, 
	experiment_id INTEGER NOT NULL, 
	number INTEGER NOT NULL, 
	time BIGINT NOT NULL, 
	field VARCHAR(60) NOT NULL, 
	old TEXT NOT NULL, 
	new TEXT NOT NULL, 
	who VARCHAR(120) NOT NULL, 
	PRIMARY KEY (id), 
	FOREIGN KEY(experiment_id) REFERENCES experiment (id)
);
INSERT INTO "run_change" VALUES(1,1,7,1700000100000000,'title','','é on 日本','anna@hut');
CREATE TABLE run_document (
	experiment_id INTEGER NOT NULL, 
	number INTEGER NOT NULL, 
	server VARCHAR(60) NOT NULL, 
	name VARCHAR(120) NOT NULL, 
	text TEXT NOT NULL, 
	PRIMARY KEY (experiment_id, number, server, name), 
	FOREIGN KEY(experiment_id) REFERENCES experiment (id)
);
INSERT INTO "run_document" VALUES(1,7,'CoBo0','configure-e1.xcfg','<x/>');
CREATE TABLE run_file (
	experiment_id INTEGER NOT NULL, 
	number INTEGER NOT NULL, 
	router VARCHAR(60) NOT NULL, 
	path VARCHAR(500) NOT NULL, 
	size BIGINT NOT NULL, 
	time BIGINT NOT NULL, 
	PRIMARY KEY (experiment_id, number, router, path), 
	FOREIGN KEY(experiment_id) REFERENCES experiment (id)
);
INSERT INTO "run_file" VALUES(1,7,'Router0','/data/run_0007.graw',12345,1700000061000000);
CREATE TABLE run_pv (
	experiment_id INTEGER NOT NULL, 
	number INTEGER NOT NULL, 
	moment VARCHAR(20) NOT NULL, 
	pv VARCHAR(120) NOT NULL, 
	value JSON NOT NULL, 
	severity SMALLINT NOT NULL, 
	time BIGINT NOT NULL, 
	PRIMARY KEY (experiment_id, number, moment, pv), 
	FOREIGN KEY(experiment_id) REFERENCES experiment (id)
);
INSERT INTO "run_pv" VALUES(1,7,'start','LAB:Field',2,0,1700000001000000);
CREATE TABLE run_value (
	experiment_id INTEGER NOT NULL, 
	number INTEGER NOT NULL, 
	name VARCHAR(60) NOT NULL, 
	type VARCHAR(20) NOT NULL, 
	units VARCHAR(60) NOT NULL, 
	value JSON NOT NULL, 
	start JSON NOT NULL, 
	stop JSON NOT NULL, 
	mean DOUBLE, 
	low DOUBLE, 
	high DOUBLE, 
	count INTEGER NOT NULL, 
	severity SMALLINT NOT NULL, 
	PRIMARY KEY (experiment_id, number, name), 
	FOREIGN KEY(experiment_id) REFERENCES experiment (id)
);
INSERT INTO "run_value" VALUES(1,7,'Pressure','float','Torr',250,250,3.00000000000000044408e-01,250.5,250.0,251.0,60,0);
INSERT INTO "run_value" VALUES(1,7,'Target','string','','"12"','null','"He"',NULL,NULL,NULL,0,1);
CREATE TABLE setting (
	experiment_id INTEGER NOT NULL, 
	device VARCHAR(60) NOT NULL, 
	field VARCHAR(60) NOT NULL, 
	value JSON NOT NULL, 
	file JSON NOT NULL, 
	time BIGINT NOT NULL, 
	who VARCHAR(120) NOT NULL, 
	PRIMARY KEY (experiment_id, device, field), 
	FOREIGN KEY(experiment_id) REFERENCES experiment (id)
);
INSERT INTO "setting" VALUES(1,'ECC:CoBo0','field0',3,'null',1700000010000000,'anna@hut');
INSERT INTO "setting" VALUES(1,'ECC:CoBo0','field1',3,7.5,1700000011000000,'anna@hut');
INSERT INTO "setting" VALUES(1,'ECC:CoBo0','field2',2.5,'null',1700000012000000,'anna@hut');
INSERT INTO "setting" VALUES(1,'ECC:CoBo0','field3',3.00000000000000044408e-01,7.5,1700000013000000,'anna@hut');
INSERT INTO "setting" VALUES(1,'ECC:CoBo0','field4',1.0e+22,'null',1700000014000000,'anna@hut');
INSERT INTO "setting" VALUES(1,'ECC:CoBo0','field5','"text"',7.5,1700000015000000,'anna@hut');
INSERT INTO "setting" VALUES(1,'ECC:CoBo0','field6','"12"','null',1700000016000000,'anna@hut');
INSERT INTO "setting" VALUES(1,'ECC:CoBo0','field7','true',7.5,1700000017000000,'anna@hut');
INSERT INTO "setting" VALUES(1,'ECC:CoBo0','field8','null','null',1700000018000000,'anna@hut');
INSERT INTO "setting" VALUES(1,'ECC:CoBo0','field9','[1, 2.0, "\u00e9"]',7.5,1700000019000000,'anna@hut');
CREATE INDEX ix_event_device ON event (experiment_id, device, severity, time);
CREATE INDEX ix_event_time ON event (experiment_id, time);
CREATE INDEX ix_event_severity ON event (experiment_id, severity, time);
CREATE INDEX ix_run_change ON run_change (experiment_id, number);
COMMIT;
