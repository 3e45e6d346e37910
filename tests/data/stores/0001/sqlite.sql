BEGIN TRANSACTION;
CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL, CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num));
INSERT INTO "alembic_version" VALUES('0001');
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
INSERT INTO "event" VALUES(4,1,0,1,'unreadable','','main@hut','','A record could not be kept (AttributeError): RunRecord(number=7, entry=<Entry.ENDED: ''ended''>, start=1700000000.0, stop=1700000060.0, seen=1700000060.0, live_time=55.5, kind=''Beam'', title=''é on 日本'', comment=''good'', operator=''anna'', config=''e1'', note='''', data=12345)','{}','',1);
INSERT INTO "event" VALUES(5,1,0,1,'unreadable','','main@hut','','A record could not be kept (AttributeError): RunValue(number=7, name=''Pressure'', type=''float'', units=''Torr'', value=250.0, start=250.0, stop=0.30000000000000004, mean=250.5, low=250.0, high=251.0, count=60, severity=<Severity.NO_ALARM: 0>)','{}','',1);
INSERT INTO "event" VALUES(6,1,0,1,'unreadable','','main@hut','','A record could not be kept (AttributeError): RunValue(number=7, name=''Target'', type=''string'', units='''', value=''12'', start=None, stop=''He'', mean=None, low=None, high=None, count=0, severity=<Severity.MINOR: 1>)','{}','',1);
INSERT INTO "event" VALUES(7,1,0,1,'unreadable','','main@hut','','A record could not be kept (AttributeError): RunPv(number=7, moment=''start'', pv=''LAB:Field'', value=2.0, severity=<Severity.NO_ALARM: 0>, time=1700000001.0)','{}','',1);
INSERT INTO "event" VALUES(8,1,0,1,'unreadable','','main@hut','','A record could not be kept (AttributeError): RunFile(number=7, router=''Router0'', path=''/data/run_0007.graw'', size=12345, time=1700000061.0)','{}','',1);
INSERT INTO "event" VALUES(9,1,0,1,'unreadable','','main@hut','','A record could not be kept (AttributeError): RunDocument(number=7, server=''CoBo0'', name=''configure-e1.xcfg'', text=''<x/>'')','{}','',1);
INSERT INTO "event" VALUES(10,1,0,1,'unreadable','','main@hut','','A record could not be kept (AttributeError): RunChange(number=7, time=1700000100.0, field=''title'', old='''', new=''é on 日本'', origin=Origin(user=''anna'', host=''hut''))','{}','',1);
INSERT INTO "event" VALUES(11,2,1700000000000000,0,'put','ECC:CoBo0','left@hut','','event 0: é 日本','{"step": 0}','anna@hut',1);
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
INSERT INTO "journal" VALUES('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa','main@hut',20,1795921938958026);
INSERT INTO "journal" VALUES('bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb','left@hut',1,1795921938970677);
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
COMMIT;
