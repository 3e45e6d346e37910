
/*!40101 SET @OLD_CHARACTER_SET_CLIENT=@@CHARACTER_SET_CLIENT */;
/*!40101 SET @OLD_CHARACTER_SET_RESULTS=@@CHARACTER_SET_RESULTS */;
/*!40101 SET @OLD_COLLATION_CONNECTION=@@COLLATION_CONNECTION */;
/*!40101 SET NAMES utf8mb4 */;
/*!40103 SET @OLD_TIME_ZONE=@@TIME_ZONE */;
/*!40103 SET TIME_ZONE='+00:00' */;
/*!40014 SET @OLD_UNIQUE_CHECKS=@@UNIQUE_CHECKS, UNIQUE_CHECKS=0 */;
/*!40014 SET @OLD_FOREIGN_KEY_CHECKS=@@FOREIGN_KEY_CHECKS, FOREIGN_KEY_CHECKS=0 */;
/*!40101 SET @OLD_SQL_MODE=@@SQL_MODE, SQL_MODE='NO_AUTO_VALUE_ON_ZERO' */;
/*!40111 SET @OLD_SQL_NOTES=@@SQL_NOTES, SQL_NOTES=0 */;
DROP TABLE IF EXISTS `alembic_version`;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `alembic_version` (
  `version_num` varchar(32) NOT NULL,
  PRIMARY KEY (`version_num`)
) ENGINE=InnoDB DEFAULT CHARSET=latin1 COLLATE=latin1_swedish_ci;
/*!40101 SET character_set_client = @saved_cs_client */;

LOCK TABLES `alembic_version` WRITE;
/*!40000 ALTER TABLE `alembic_version` DISABLE KEYS */;
INSERT INTO `alembic_version` VALUES
('0002');
/*!40000 ALTER TABLE `alembic_version` ENABLE KEYS */;
UNLOCK TABLES;
DROP TABLE IF EXISTS `event`;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `event` (
  `id` bigint(20) NOT NULL AUTO_INCREMENT,
  `experiment_id` int(11) NOT NULL,
  `time` bigint(20) NOT NULL,
  `severity` smallint(6) NOT NULL,
  `name` varchar(60) NOT NULL,
  `device` varchar(60) NOT NULL,
  `process` varchar(120) NOT NULL,
  `function` varchar(200) NOT NULL,
  `text` mediumtext NOT NULL,
  `fields` mediumtext NOT NULL,
  `who` varchar(120) NOT NULL,
  `count` int(11) NOT NULL,
  PRIMARY KEY (`id`),
  KEY `ix_event_time` (`experiment_id`,`time`),
  KEY `ix_event_device` (`experiment_id`,`device`,`severity`,`time`),
  KEY `ix_event_severity` (`experiment_id`,`severity`,`time`),
  CONSTRAINT `event_ibfk_1` FOREIGN KEY (`experiment_id`) REFERENCES `experiment` (`id`)
) ENGINE=InnoDB AUTO_INCREMENT=5 DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
/*!40101 SET character_set_client = @saved_cs_client */;

LOCK TABLES `event` WRITE;
/*!40000 ALTER TABLE `event` DISABLE KEYS */;
INSERT INTO `event` VALUES
(1,1,1700000000000000,0,'put','ECC:CoBo0','main@hut','','event 0: é 日本','{\"step\": 0}','anna@hut',1),
(2,1,1700000001000000,0,'put','ECC:CoBo0','main@hut','','event 1: é 日本','{\"step\": 1}','anna@hut',1),
(3,1,1700000002000000,0,'put','ECC:CoBo0','main@hut','','event 2: é 日本','{\"step\": 2}','anna@hut',1),
(4,2,1700000000000000,0,'put','ECC:CoBo0','left@hut','','event 0: é 日本','{\"step\": 0}','anna@hut',1);
/*!40000 ALTER TABLE `event` ENABLE KEYS */;
UNLOCK TABLES;
DROP TABLE IF EXISTS `experiment`;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `experiment` (
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `name` varchar(60) NOT NULL,
  PRIMARY KEY (`id`),
  UNIQUE KEY `name` (`name`)
) ENGINE=InnoDB AUTO_INCREMENT=3 DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
/*!40101 SET character_set_client = @saved_cs_client */;

LOCK TABLES `experiment` WRITE;
/*!40000 ALTER TABLE `experiment` DISABLE KEYS */;
INSERT INTO `experiment` VALUES
(1,'e1'),
(2,'e2');
/*!40000 ALTER TABLE `experiment` ENABLE KEYS */;
UNLOCK TABLES;
DROP TABLE IF EXISTS `journal`;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `journal` (
  `writer` varchar(32) NOT NULL,
  `process` varchar(120) NOT NULL,
  `last` bigint(20) NOT NULL,
  `time` bigint(20) NOT NULL,
  PRIMARY KEY (`writer`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
/*!40101 SET character_set_client = @saved_cs_client */;

LOCK TABLES `journal` WRITE;
/*!40000 ALTER TABLE `journal` DISABLE KEYS */;
INSERT INTO `journal` VALUES
('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa','main@hut',20,1795921944745450),
('bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb','left@hut',1,1795921944797315);
/*!40000 ALTER TABLE `journal` ENABLE KEYS */;
UNLOCK TABLES;
DROP TABLE IF EXISTS `run`;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `run` (
  `experiment_id` int(11) NOT NULL,
  `number` int(11) NOT NULL,
  `entry` varchar(20) NOT NULL,
  `start` bigint(20) NOT NULL,
  `stop` bigint(20) DEFAULT NULL,
  `seen` bigint(20) NOT NULL,
  `live_time` bigint(20) NOT NULL,
  `kind` varchar(60) NOT NULL,
  `title` mediumtext NOT NULL,
  `comment` mediumtext NOT NULL,
  `operator` varchar(120) NOT NULL,
  `config` mediumtext NOT NULL,
  `note` mediumtext NOT NULL,
  `data` bigint(20) NOT NULL,
  PRIMARY KEY (`experiment_id`,`number`),
  CONSTRAINT `run_ibfk_1` FOREIGN KEY (`experiment_id`) REFERENCES `experiment` (`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
/*!40101 SET character_set_client = @saved_cs_client */;

LOCK TABLES `run` WRITE;
/*!40000 ALTER TABLE `run` DISABLE KEYS */;
INSERT INTO `run` VALUES
(1,7,'ended',1700000000000000,1700000060000000,1700000060000000,55500000,'Beam','é on 日本','good','anna','e1','',12345);
/*!40000 ALTER TABLE `run` ENABLE KEYS */;
UNLOCK TABLES;
DROP TABLE IF EXISTS `run_change`;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `run_change` (
  `id` bigint(20) NOT NULL AUTO_INCREMENT,
  `experiment_id` int(11) NOT NULL,
  `number` int(11) NOT NULL,
  `time` bigint(20) NOT NULL,
  `field` varchar(60) NOT NULL,
  `old` mediumtext NOT NULL,
  `new` mediumtext NOT NULL,
  `who` varchar(120) NOT NULL,
  PRIMARY KEY (`id`),
  KEY `ix_run_change` (`experiment_id`,`number`),
  CONSTRAINT `run_change_ibfk_1` FOREIGN KEY (`experiment_id`) REFERENCES `experiment` (`id`)
) ENGINE=InnoDB AUTO_INCREMENT=2 DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
/*!40101 SET character_set_client = @saved_cs_client */;

LOCK TABLES `run_change` WRITE;
/*!40000 ALTER TABLE `run_change` DISABLE KEYS */;
INSERT INTO `run_change` VALUES
(1,1,7,1700000100000000,'title','','é on 日本','anna@hut');
/*!40000 ALTER TABLE `run_change` ENABLE KEYS */;
UNLOCK TABLES;
DROP TABLE IF EXISTS `run_document`;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `run_document` (
  `experiment_id` int(11) NOT NULL,
  `number` int(11) NOT NULL,
  `server` varchar(60) NOT NULL,
  `name` varchar(120) NOT NULL,
  `text` mediumtext NOT NULL,
  PRIMARY KEY (`experiment_id`,`number`,`server`,`name`),
  CONSTRAINT `run_document_ibfk_1` FOREIGN KEY (`experiment_id`) REFERENCES `experiment` (`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
/*!40101 SET character_set_client = @saved_cs_client */;

LOCK TABLES `run_document` WRITE;
/*!40000 ALTER TABLE `run_document` DISABLE KEYS */;
INSERT INTO `run_document` VALUES
(1,7,'CoBo0','configure-e1.xcfg','<x/>');
/*!40000 ALTER TABLE `run_document` ENABLE KEYS */;
UNLOCK TABLES;
DROP TABLE IF EXISTS `run_file`;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `run_file` (
  `experiment_id` int(11) NOT NULL,
  `number` int(11) NOT NULL,
  `router` varchar(60) NOT NULL,
  `path` varchar(500) NOT NULL,
  `size` bigint(20) NOT NULL,
  `time` bigint(20) NOT NULL,
  PRIMARY KEY (`experiment_id`,`number`,`router`,`path`),
  CONSTRAINT `run_file_ibfk_1` FOREIGN KEY (`experiment_id`) REFERENCES `experiment` (`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
/*!40101 SET character_set_client = @saved_cs_client */;

LOCK TABLES `run_file` WRITE;
/*!40000 ALTER TABLE `run_file` DISABLE KEYS */;
INSERT INTO `run_file` VALUES
(1,7,'Router0','/data/run_0007.graw',12345,1700000061000000);
/*!40000 ALTER TABLE `run_file` ENABLE KEYS */;
UNLOCK TABLES;
DROP TABLE IF EXISTS `run_pv`;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `run_pv` (
  `experiment_id` int(11) NOT NULL,
  `number` int(11) NOT NULL,
  `moment` varchar(20) NOT NULL,
  `pv` varchar(120) NOT NULL,
  `value` longtext NOT NULL CHECK (json_valid(`value`)),
  `severity` smallint(6) NOT NULL,
  `time` bigint(20) NOT NULL,
  PRIMARY KEY (`experiment_id`,`number`,`moment`,`pv`),
  CONSTRAINT `run_pv_ibfk_1` FOREIGN KEY (`experiment_id`) REFERENCES `experiment` (`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
/*!40101 SET character_set_client = @saved_cs_client */;

LOCK TABLES `run_pv` WRITE;
/*!40000 ALTER TABLE `run_pv` DISABLE KEYS */;
INSERT INTO `run_pv` VALUES
(1,7,'start','LAB:Field','2.0',0,1700000001000000);
/*!40000 ALTER TABLE `run_pv` ENABLE KEYS */;
UNLOCK TABLES;
DROP TABLE IF EXISTS `run_value`;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `run_value` (
  `experiment_id` int(11) NOT NULL,
  `number` int(11) NOT NULL,
  `name` varchar(60) NOT NULL,
  `type` varchar(20) NOT NULL,
  `units` varchar(60) NOT NULL,
  `value` longtext NOT NULL CHECK (json_valid(`value`)),
  `start` longtext NOT NULL CHECK (json_valid(`start`)),
  `stop` longtext NOT NULL CHECK (json_valid(`stop`)),
  `mean` double DEFAULT NULL,
  `low` double DEFAULT NULL,
  `high` double DEFAULT NULL,
  `count` int(11) NOT NULL,
  `severity` smallint(6) NOT NULL,
  PRIMARY KEY (`experiment_id`,`number`,`name`),
  CONSTRAINT `run_value_ibfk_1` FOREIGN KEY (`experiment_id`) REFERENCES `experiment` (`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
/*!40101 SET character_set_client = @saved_cs_client */;

LOCK TABLES `run_value` WRITE;
/*!40000 ALTER TABLE `run_value` DISABLE KEYS */;
INSERT INTO `run_value` VALUES
(1,7,'Pressure','float','Torr','250.0','250.0','0.30000000000000004',250.5,250,251,60,0),
(1,7,'Target','string','','\"12\"','null','\"He\"',NULL,NULL,NULL,0,1);
/*!40000 ALTER TABLE `run_value` ENABLE KEYS */;
UNLOCK TABLES;
DROP TABLE IF EXISTS `setting`;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `setting` (
  `experiment_id` int(11) NOT NULL,
  `device` varchar(60) NOT NULL,
  `field` varchar(60) NOT NULL,
  `value` longtext NOT NULL CHECK (json_valid(`value`)),
  `file` longtext NOT NULL CHECK (json_valid(`file`)),
  `time` bigint(20) NOT NULL,
  `who` varchar(120) NOT NULL,
  PRIMARY KEY (`experiment_id`,`device`,`field`),
  CONSTRAINT `setting_ibfk_1` FOREIGN KEY (`experiment_id`) REFERENCES `experiment` (`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
/*!40101 SET character_set_client = @saved_cs_client */;

LOCK TABLES `setting` WRITE;
/*!40000 ALTER TABLE `setting` DISABLE KEYS */;
INSERT INTO `setting` VALUES
(1,'ECC:CoBo0','field0','3.0','null',1700000010000000,'anna@hut'),
(1,'ECC:CoBo0','field1','3','7.5',1700000011000000,'anna@hut'),
(1,'ECC:CoBo0','field2','2.5','null',1700000012000000,'anna@hut'),
(1,'ECC:CoBo0','field3','0.30000000000000004','7.5',1700000013000000,'anna@hut'),
(1,'ECC:CoBo0','field4','1e+22','null',1700000014000000,'anna@hut'),
(1,'ECC:CoBo0','field5','\"text\"','7.5',1700000015000000,'anna@hut'),
(1,'ECC:CoBo0','field6','\"12\"','null',1700000016000000,'anna@hut'),
(1,'ECC:CoBo0','field7','true','7.5',1700000017000000,'anna@hut'),
(1,'ECC:CoBo0','field8','null','null',1700000018000000,'anna@hut'),
(1,'ECC:CoBo0','field9','[1, 2.0, \"\\u00e9\"]','7.5',1700000019000000,'anna@hut');
/*!40000 ALTER TABLE `setting` ENABLE KEYS */;
UNLOCK TABLES;
/*!40103 SET TIME_ZONE=@OLD_TIME_ZONE */;

/*!40101 SET SQL_MODE=@OLD_SQL_MODE */;
/*!40014 SET FOREIGN_KEY_CHECKS=@OLD_FOREIGN_KEY_CHECKS */;
/*!40014 SET UNIQUE_CHECKS=@OLD_UNIQUE_CHECKS */;
/*!40101 SET CHARACTER_SET_CLIENT=@OLD_CHARACTER_SET_CLIENT */;
/*!40101 SET CHARACTER_SET_RESULTS=@OLD_CHARACTER_SET_RESULTS */;
/*!40101 SET COLLATION_CONNECTION=@OLD_COLLATION_CONNECTION */;
/*!40111 SET SQL_NOTES=@OLD_SQL_NOTES */;

