"""Whether a database has the tables that this version of the code expects."""

from django.apps import apps
from django.db import connections, router
from django.db.migrations.executor import MigrationExecutor


def unapplied(alias: str) -> list[str]:
    """Names of the migrations that the database has not had, such as "privacy.0002_ledger", in their order."""
    executor = MigrationExecutor(connections[alias])
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return [f"{migration.app_label}.{migration.name}" for migration, is_backwards in plan if not is_backwards]


def missing_tables(alias: str) -> list[str]:
    """Tables that belong into the database and are not there, whatever migrations are recorded.

    An app's tables may have been in another database, or a part of a backup was restored.
    """
    connection = connections[alias]
    with connection.cursor() as cursor:
        there = set(connection.introspection.table_names(cursor, include_views=True))
    models = [model for model in apps.get_models(include_auto_created=True) if model._meta.managed]
    wanted = {model._meta.db_table for model in models if router.allow_migrate_model(alias, model)}
    return sorted(wanted - there)
