"""The relational store: runs, events and settings, on SQLite, PostgreSQL, MariaDB."""
