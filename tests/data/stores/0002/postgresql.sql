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
-- Name: run; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.run (
    experiment_id integer NOT NULL,
    number integer NOT NULL,
    entry character varying(20) NOT NULL,
    start bigint NOT NULL,
    stop bigint,
    seen bigint NOT NULL,
    live_time bigint NOT NULL,
    kind character varying(60) NOT NULL,
    title text NOT NULL,
    comment text NOT NULL,
    operator character varying(120) NOT NULL,
    config text NOT NULL,
    note text NOT NULL,
    data bigint NOT NULL
);


--
-- Name: run_change; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.run_change (
    id bigint NOT NULL,
    experiment_id integer NOT NULL,
    number integer NOT NULL,
    "time" bigint NOT NULL,
    field character varying(60) NOT NULL,
    old text NOT NULL,
    new text NOT NULL,
    who character varying(120) NOT NULL
);


--
-- Name: run_change_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

CREATE SEQUENCE public.run_change_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


--
-- Name: run_change_id_seq; Type: SEQUENCE OWNED BY; Schema: public; Owner: -
--

ALTER SEQUENCE public.run_change_id_seq OWNED BY public.run_change.id;


--
-- Name: run_document; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.run_document (
    experiment_id integer NOT NULL,
    number integer NOT NULL,
    server character varying(60) NOT NULL,
    name character varying(120) NOT NULL,
    text text NOT NULL
);


--
-- Name: run_file; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.run_file (
    experiment_id integer NOT NULL,
    number integer NOT NULL,
    router character varying(60) NOT NULL,
    path character varying(500) NOT NULL,
    size bigint NOT NULL,
    "time" bigint NOT NULL
);


--
-- Name: run_pv; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.run_pv (
    experiment_id integer NOT NULL,
    number integer NOT NULL,
    moment character varying(20) NOT NULL,
    pv character varying(120) NOT NULL,
    value json NOT NULL,
    severity smallint NOT NULL,
    "time" bigint NOT NULL
);


--
-- Name: run_value; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.run_value (
    experiment_id integer NOT NULL,
    number integer NOT NULL,
    name character varying(60) NOT NULL,
    type character varying(20) NOT NULL,
    units character varying(60) NOT NULL,
    value json NOT NULL,
    start json NOT NULL,
    stop json NOT NULL,
    mean double precision,
    low double precision,
    high double precision,
    count integer NOT NULL,
    severity smallint NOT NULL
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
-- Name: run_change id; Type: DEFAULT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.run_change ALTER COLUMN id SET DEFAULT nextval('public.run_change_id_seq'::regclass);


--
-- Data for Name: alembic_version; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.alembic_version VALUES ('0002');


--
-- Data for Name: event; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.event VALUES (1, 1, 1700000000000000, 0, 'put', 'ECC:CoBo0', 'main@hut', '', 'event 0: é 日本', '{"step": 0}', 'anna@hut', 1);
INSERT INTO public.event VALUES (2, 1, 1700000001000000, 0, 'put', 'ECC:CoBo0', 'main@hut', '', 'event 1: é 日本', '{"step": 1}', 'anna@hut', 1);
INSERT INTO public.event VALUES (3, 1, 1700000002000000, 0, 'put', 'ECC:CoBo0', 'main@hut', '', 'event 2: é 日本', '{"step": 2}', 'anna@hut', 1);
INSERT INTO public.event VALUES (4, 2, 1700000000000000, 0, 'put', 'ECC:CoBo0', 'left@hut', '', 'event 0: é 日本', '{"step": 0}', 'anna@hut', 1);


--
-- Data for Name: experiment; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.experiment VALUES (1, 'e1');
INSERT INTO public.experiment VALUES (2, 'e2');


--
-- Data for Name: journal; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.journal VALUES ('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', 'main@hut', 20, 1795921947529295);
INSERT INTO public.journal VALUES ('bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb', 'left@hut', 1, 1795921947569048);


--
-- Data for Name: run; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.run VALUES (1, 7, 'ended', 1700000000000000, 1700000060000000, 1700000060000000, 55500000, 'Beam', 'é on 日本', 'good', 'anna', 'e1', '', 12345);


--
-- Data for Name: run_change; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.run_change VALUES (1, 1, 7, 1700000100000000, 'title', '', 'é on 日本', 'anna@hut');


--
-- Data for Name: run_document; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.run_document VALUES (1, 7, 'CoBo0', 'configure-e1.xcfg', '<x/>');


--
-- Data for Name: run_file; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.run_file VALUES (1, 7, 'Router0', '/data/run_0007.graw', 12345, 1700000061000000);


--
-- Data for Name: run_pv; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.run_pv VALUES (1, 7, 'start', 'LAB:Field', '2.0', 0, 1700000001000000);


--
-- Data for Name: run_value; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.run_value VALUES (1, 7, 'Pressure', 'float', 'Torr', '250.0', '250.0', '0.30000000000000004', 250.5, 250, 251, 60, 0);
INSERT INTO public.run_value VALUES (1, 7, 'Target', 'string', '', '"12"', 'null', '"He"', NULL, NULL, NULL, 0, 1);


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

SELECT pg_catalog.setval('public.event_id_seq', 4, true);


--
-- Name: experiment_id_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.experiment_id_seq', 2, true);


--
-- Name: run_change_id_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.run_change_id_seq', 1, true);


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
-- Name: run_change run_change_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.run_change
    ADD CONSTRAINT run_change_pkey PRIMARY KEY (id);


--
-- Name: run_document run_document_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.run_document
    ADD CONSTRAINT run_document_pkey PRIMARY KEY (experiment_id, number, server, name);


--
-- Name: run_file run_file_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.run_file
    ADD CONSTRAINT run_file_pkey PRIMARY KEY (experiment_id, number, router, path);


--
-- Name: run run_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.run
    ADD CONSTRAINT run_pkey PRIMARY KEY (experiment_id, number);


--
-- Name: run_pv run_pv_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.run_pv
    ADD CONSTRAINT run_pv_pkey PRIMARY KEY (experiment_id, number, moment, pv);


--
-- Name: run_value run_value_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.run_value
    ADD CONSTRAINT run_value_pkey PRIMARY KEY (experiment_id, number, name);


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
-- Name: ix_run_change; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_run_change ON public.run_change USING btree (experiment_id, number);


--
-- Name: event event_experiment_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.event
    ADD CONSTRAINT event_experiment_id_fkey FOREIGN KEY (experiment_id) REFERENCES public.experiment(id);


--
-- Name: run_change run_change_experiment_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.run_change
    ADD CONSTRAINT run_change_experiment_id_fkey FOREIGN KEY (experiment_id) REFERENCES public.experiment(id);


--
-- Name: run_document run_document_experiment_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.run_document
    ADD CONSTRAINT run_document_experiment_id_fkey FOREIGN KEY (experiment_id) REFERENCES public.experiment(id);


--
-- Name: run run_experiment_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.run
    ADD CONSTRAINT run_experiment_id_fkey FOREIGN KEY (experiment_id) REFERENCES public.experiment(id);


--
-- Name: run_file run_file_experiment_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.run_file
    ADD CONSTRAINT run_file_experiment_id_fkey FOREIGN KEY (experiment_id) REFERENCES public.experiment(id);


--
-- Name: run_pv run_pv_experiment_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.run_pv
    ADD CONSTRAINT run_pv_experiment_id_fkey FOREIGN KEY (experiment_id) REFERENCES public.experiment(id);


--
-- Name: run_value run_value_experiment_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.run_value
    ADD CONSTRAINT run_value_experiment_id_fkey FOREIGN KEY (experiment_id) REFERENCES public.experiment(id);


--
-- Name: setting setting_experiment_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.setting
    ADD CONSTRAINT setting_experiment_id_fkey FOREIGN KEY (experiment_id) REFERENCES public.experiment(id);


--
-- PostgreSQL database dump complete
--


