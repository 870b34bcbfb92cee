"""People, organizations, sign-ins, and the table behind the cache, so that `migrate` alone makes a working site.

Sign-ins end with the password they began with, by whatever road it is changed: sessions are bound to the password's hash
by Django, tokens are not, and neither ends for good where an account is deactivated and activated again. A trigger also
hears `QuerySet.update()`, other programs and SQL. A sign-in that only stores the same password under a newer hash ends
nothing: see `accounts.models.User`.
"""

import uuid
from typing import Any

import django.contrib.auth.models
import django.contrib.auth.validators
import django.db.models.deletion
import django.utils.timezone
from django.core.cache import caches
from django.core.cache.backends.db import BaseDatabaseCache
from django.core.management import call_command
from django.db import migrations, models

SIGN_INS_END = """
CREATE FUNCTION accounts_end_sign_ins() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    before text := encode(sha256(convert_to(OLD.password, 'UTF8')), 'hex');
    after text := encode(sha256(convert_to(NEW.password, 'UTF8')), 'hex');
BEGIN
    IF before = OLD.rehashed_to THEN before := OLD.rehashed_from; END IF;
    IF after = NEW.rehashed_to THEN after := NEW.rehashed_from; END IF;
    -- Only this function changes it: an instance loaded earlier must not bring an older value back.
    NEW.sign_in_epoch := OLD.sign_in_epoch;
    IF OLD.is_active AND NOT NEW.is_active THEN
        NEW.sign_in_epoch := gen_random_uuid();
    END IF;
    IF before <> after OR (OLD.is_active AND NOT NEW.is_active) THEN
        DELETE FROM knox_authtoken WHERE user_id = NEW.id;
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER accounts_end_sign_ins BEFORE UPDATE ON accounts_user
    FOR EACH ROW EXECUTE FUNCTION accounts_end_sign_ins();
"""
SIGN_INS_STAY = """
DROP TRIGGER accounts_end_sign_ins ON accounts_user;
DROP FUNCTION accounts_end_sign_ins();
"""


def make_cache_table(apps: Any, schema_editor: Any) -> None:
    call_command("createcachetable", database=schema_editor.connection.alias, verbosity=0)


def drop_cache_table(apps: Any, schema_editor: Any) -> None:
    for cache in caches.all(initialized_only=False):
        if isinstance(cache, BaseDatabaseCache):
            table = cache.cache_model_class._meta.db_table
            schema_editor.execute(f"DROP TABLE IF EXISTS {schema_editor.quote_name(table)}")


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("auth", "0012_alter_user_first_name_max_length"),
    ]

    operations = [
        migrations.CreateModel(
            name="Organization",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=200)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
            ],
            options={
                "ordering": ["name"],
            },
        ),
        migrations.CreateModel(
            name="SignInCount",
            fields=[
                (
                    "key",
                    models.CharField(
                        help_text="Kind of count, and keyed hash of account or address.",
                        max_length=80,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("attempts", models.PositiveIntegerField()),
                ("ends_at", models.DateTimeField(db_index=True, help_text="When the count expires.")),
            ],
            options={
                "db_table": "accounts_sign_in_count",
            },
        ),
        migrations.CreateModel(
            name="User",
            fields=[
                ("password", models.CharField(max_length=128, verbose_name="password")),
                ("last_login", models.DateTimeField(blank=True, null=True, verbose_name="last login")),
                (
                    "is_superuser",
                    models.BooleanField(
                        default=False,
                        help_text="Designates that this user has all permissions without explicitly assigning them.",
                        verbose_name="superuser status",
                    ),
                ),
                (
                    "username",
                    models.CharField(
                        error_messages={"unique": "A user with that username already exists."},
                        help_text="Required. 150 characters or fewer. Letters, digits and @/./+/-/_ only.",
                        max_length=150,
                        unique=True,
                        validators=[django.contrib.auth.validators.UnicodeUsernameValidator()],
                        verbose_name="username",
                    ),
                ),
                ("first_name", models.CharField(blank=True, max_length=150, verbose_name="first name")),
                ("last_name", models.CharField(blank=True, max_length=150, verbose_name="last name")),
                ("email", models.EmailField(blank=True, max_length=254, verbose_name="email address")),
                (
                    "is_staff",
                    models.BooleanField(
                        default=False,
                        help_text="Designates whether the user can log into this admin site.",
                        verbose_name="staff status",
                    ),
                ),
                (
                    "is_active",
                    models.BooleanField(
                        default=True,
                        help_text="Designates whether this user should be treated as active. Unselect this instead of deleting accounts.",
                        verbose_name="active",
                    ),
                ),
                ("date_joined", models.DateTimeField(default=django.utils.timezone.now, verbose_name="date joined")),
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("sign_in_epoch", models.UUIDField(default=uuid.uuid4, editable=False)),
                ("rehashed_from", models.CharField(blank=True, default="", editable=False, max_length=64)),
                ("rehashed_to", models.CharField(blank=True, default="", editable=False, max_length=64)),
                (
                    "groups",
                    models.ManyToManyField(
                        blank=True,
                        help_text="The groups this user belongs to. A user will get all permissions granted to each of their groups.",
                        related_name="user_set",
                        related_query_name="user",
                        to="auth.group",
                        verbose_name="groups",
                    ),
                ),
                (
                    "user_permissions",
                    models.ManyToManyField(
                        blank=True,
                        help_text="Specific permissions for this user.",
                        related_name="user_set",
                        related_query_name="user",
                        to="auth.permission",
                        verbose_name="user permissions",
                    ),
                ),
                (
                    "organization",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="people",
                        to="accounts.organization",
                    ),
                ),
            ],
            options={
                "verbose_name": "user",
                "verbose_name_plural": "users",
                "abstract": False,
            },
            managers=[
                ("objects", django.contrib.auth.models.UserManager()),
            ],
        ),
        migrations.RunSQL(SIGN_INS_END, SIGN_INS_STAY),
        migrations.RunPython(make_cache_table, drop_cache_table),
    ]
