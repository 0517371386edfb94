"""Statements that add to numbers, as SQLite and PostgreSQL both know them; Django has none of these."""

TO_FILES = """
INSERT INTO stats_fileday (project, day, file, release, direct, mirrors, others)
VALUES (%s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (project, day, file) DO UPDATE SET
    direct = stats_fileday.direct + excluded.direct,
    mirrors = stats_fileday.mirrors + excluded.mirrors,
    others = stats_fileday.others + excluded.others
"""
TO_PROJECTS = """
INSERT INTO stats_projectday (project, day, direct, mirrors, others)
VALUES (%s, %s, %s, %s, %s)
ON CONFLICT (project, day) DO UPDATE SET
    direct = stats_projectday.direct + excluded.direct,
    mirrors = stats_projectday.mirrors + excluded.mirrors,
    others = stats_projectday.others + excluded.others
"""
TO_USES = """
INSERT INTO stats_use (project, day, dimension, value, count)
VALUES (%s, %s, %s, %s, %s)
ON CONFLICT (project, day, dimension, value) DO UPDATE SET count = stats_use.count + excluded.count
"""
TO_MONTHS = """
INSERT INTO stats_month (project, month, release, direct, mirrors, others)
VALUES (%s, %s, %s, %s, %s, %s)
ON CONFLICT (project, month, release) DO UPDATE SET
    direct = stats_month.direct + excluded.direct,
    mirrors = stats_month.mirrors + excluded.mirrors,
    others = stats_month.others + excluded.others
"""
# In one statement: what somebody adds between two would be lost.
FROM_FILES = """
DELETE FROM stats_fileday WHERE day = %s RETURNING project, release, direct, mirrors, others
"""
