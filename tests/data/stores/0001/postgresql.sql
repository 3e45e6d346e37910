--
-- PostgreSQL database dump
--


-- Dumped from database version 15.18 (Debian 15.18-0+deb12u1)
-- Dumped by pg_dump version 15.18 (Debian 15.18-0+deb12u1)

SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

SET default_tablespace = '';

SET default_table_access_method = heap;

--
-- Name: alembic_version; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.alembic_version (
    version_num character varying(32) NOT NULL
);


--
-- Name: event; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.event (
    id bigint NOT NULL,
    experiment_id integer NOT NULL,
    "time" bigint NOT NULL,
    severity smallint NOT NULL,
    name character varying(60) NOT NULL,
    device character varying(60) NOT NULL,
    process character varying(120) NOT NULL,
    function character varying(200) NOT NULL,
    text text NOT NULL,
    fields text NOT NULL,
    who character varying(120) NOT NULL,
    count integer NOT NULL
);


--
-- Name: event_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

CREATE SEQUENCE public.event_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


--
-- Name: event_id_seq; Type: SEQUENCE OWNED BY; Schema: public; Owner: -
--

ALTER SEQUENCE public.event_id_seq OWNED BY public.event.id;


--
-- Name: experiment; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.experiment (
    id integer NOT NULL,
    name character varying(60) NOT NULL
);


--
-- Name: experiment_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

CREATE SEQUENCE public.experiment_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


--
-- Name: experiment_id_seq; Type: SEQUENCE OWNED BY; Schema: public; Owner: -
--

ALTER SEQUENCE public.experiment_id_seq OWNED BY public.experiment.id;


--
-- Name: journal; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.journal (
    writer character varying(32) NOT NULL,
    process character varying(120) NOT NULL,
    last bigint NOT NULL,
    "time" bigint NOT NULL
);


--
-- Name: setting; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.setting (
    experiment_id integer NOT NULL,
    device character varying(60) NOT NULL,
    field character varying(60) NOT NULL,
    value json NOT NULL,
    file json NOT NULL,
    "time" bigint NOT NULL,
    who character varying(120) NOT NULL
);


--
-- Name: event id; Type: DEFAULT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.event ALTER COLUMN id SET DEFAULT nextval('public.event_id_seq'::regclass);


--
-- Name: experiment id; Type: DEFAULT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.experiment ALTER COLUMN id SET DEFAULT nextval('public.experiment_id_seq'::regclass);


--
-- Data for Name: alembic_version; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.alembic_version VALUES ('0001');


--
-- Data for Name: event; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.event VALUES (1, 1, 1700000000000000, 0, 'put', 'ECC:CoBo0', 'main@hut', '', 'event 0: é 日本', '{"step": 0}', 'anna@hut', 1);
INSERT INTO public.event VALUES (2, 1, 1700000001000000, 0, 'put', 'ECC:CoBo0', 'main@hut', '', 'event 1: é 日本', '{"step": 1}', 'anna@hut', 1);
INSERT INTO public.event VALUES (3, 1, 1700000002000000, 0, 'put', 'ECC:CoBo0', 'main@hut', '', 'event 2: é 日本', '{"step": 2}', 'anna@hut', 1);
INSERT INTO public.event VALUES (4, 1, 0, 1, 'unreadable', '', 'main@hut', '', 'A record could not be kept (AttributeError): RunRecord(number=7, entry=<Entry.ENDED: ''ended''>, start=1700000000.0, stop=1700000060.0, seen=1700000060.0, live_time=55.5, kind=''Beam'', title=''é on 日本'', comment=''good'', operator=''anna'', config=''e1'', note='''', data=12345)', '{}', '', 1);
INSERT INTO public.event VALUES (5, 1, 0, 1, 'unreadable', '', 'main@hut', '', 'A record could not be kept (AttributeError): RunValue(number=7, name=''Pressure'', type=''float'', units=''Torr'', value=250.0, start=250.0, stop=0.30000000000000004, mean=250.5, low=250.0, high=251.0, count=60, severity=<Severity.NO_ALARM: 0>)', '{}', '', 1);
INSERT INTO public.event VALUES (6, 1, 0, 1, 'unreadable', '', 'main@hut', '', 'A record could not be kept (AttributeError): RunValue(number=7, name=''Target'', type=''string'', units='''', value=''12'', start=None, stop=''He'', mean=None, low=None, high=None, count=0, severity=<Severity.MINOR: 1>)', '{}', '', 1);
INSERT INTO public.event VALUES (7, 1, 0, 1, 'unreadable', '', 'main@hut', '', 'A record could not be kept (AttributeError): RunPv(number=7, moment=''start'', pv=''LAB:Field'', value=2.0, severity=<Severity.NO_ALARM: 0>, time=1700000001.0)', '{}', '', 1);
INSERT INTO public.event VALUES (8, 1, 0, 1, 'unreadable', '', 'main@hut', '', 'A record could not be kept (AttributeError): RunFile(number=7, router=''Router0'', path=''/data/run_0007.graw'', size=12345, time=1700000061.0)', '{}', '', 1);
INSERT INTO public.event VALUES (9, 1, 0, 1, 'unreadable', '', 'main@hut', '', 'A record could not be kept (AttributeError): RunDocument(number=7, server=''CoBo0'', name=''configure-e1.xcfg'', text=''<x/>'')', '{}', '', 1);
INSERT INTO public.event VALUES (10, 1, 0, 1, 'unreadable', '', 'main@hut', '', 'A record could not be kept (AttributeError): RunChange(number=7, time=1700000100.0, field=''title'', old='''', new=''é on 日本'', origin=Origin(user=''anna'', host=''hut''))', '{}', '', 1);
INSERT INTO public.event VALUES (11, 2, 1700000000000000, 0, 'put', 'ECC:CoBo0', 'left@hut', '', 'event 0: é 日本', '{"step": 0}', 'anna@hut', 1);


--
-- Data for Name: experiment; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.experiment VALUES (1, 'e1');
INSERT INTO public.experiment VALUES (2, 'e2');


--
-- Data for Name: journal; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.journal VALUES ('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', 'main@hut', 20, 1795921939913444);
INSERT INTO public.journal VALUES ('bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb', 'left@hut', 1, 1795921939940708);


--
-- Data for Name: setting; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.setting VALUES (1, 'ECC:CoBo0', 'field0', '3.0', 'null', 1700000010000000, 'anna@hut');
INSERT INTO public.setting VALUES (1, 'ECC:CoBo0', 'field1', '3', '7.5', 1700000011000000, 'anna@hut');
INSERT INTO public.setting VALUES (1, 'ECC:CoBo0', 'field2', '2.5', 'null', 1700000012000000, 'anna@hut');
INSERT INTO public.setting VALUES (1, 'ECC:CoBo0', 'field3', '0.30000000000000004', '7.5', 1700000013000000, 'anna@hut');
INSERT INTO public.setting VALUES (1, 'ECC:CoBo0', 'field4', '1e+22', 'null', 1700000014000000, 'anna@hut');
INSERT INTO public.setting VALUES (1, 'ECC:CoBo0', 'field5', '"text"', '7.5', 1700000015000000, 'anna@hut');
INSERT INTO public.setting VALUES (1, 'ECC:CoBo0', 'field6', '"12"', 'null', 1700000016000000, 'anna@hut');
INSERT INTO public.setting VALUES (1, 'ECC:CoBo0', 'field7', 'true', '7.5', 1700000017000000, 'anna@hut');
INSERT INTO public.setting VALUES (1, 'ECC:CoBo0', 'field8', 'null', 'null', 1700000018000000, 'anna@hut');
INSERT INTO public.setting VALUES (1, 'ECC:CoBo0', 'field9', '[1, 2.0, "\u00e9"]', '7.5', 1700000019000000, 'anna@hut');


--
-- Name: event_id_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.event_id_seq', 11, true);


--
-- Name: experiment_id_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.experiment_id_seq', 2, true);


--
-- Name: alembic_version alembic_version_pkc; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.alembic_version
    ADD CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num);


--
-- Name: event event_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.event
    ADD CONSTRAINT event_pkey PRIMARY KEY (id);


--
-- Name: experiment experiment_name_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.experiment
    ADD CONSTRAINT experiment_name_key UNIQUE (name);


--
-- Name: experiment experiment_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.experiment
    ADD CONSTRAINT experiment_pkey PRIMARY KEY (id);


--
-- Name: journal journal_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.journal
    ADD CONSTRAINT journal_pkey PRIMARY KEY (writer);


--
-- Name: setting setting_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.setting
    ADD CONSTRAINT setting_pkey PRIMARY KEY (experiment_id, device, field);


--
-- Name: ix_event_device; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_event_device ON public.event USING btree (experiment_id, device, severity, "time");


--
-- Name: ix_event_severity; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_event_severity ON public.event USING btree (experiment_id, severity, "time");


--
-- Name: ix_event_time; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_event_time ON public.event USING btree (experiment_id, "time");


--
-- Name: event event_experiment_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.event
    ADD CONSTRAINT event_experiment_id_fkey FOREIGN KEY (experiment_id) REFERENCES public.experiment(id);


--
-- Name: setting setting_experiment_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.setting
    ADD CONSTRAINT setting_experiment_id_fkey FOREIGN KEY (experiment_id) REFERENCES public.experiment(id);


--
-- PostgreSQL database dump complete
--


