from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

from entrepot import names

AT_ONCE = 500


def note_addresses_and_names(apps: StateApps, editor: BaseDatabaseSchemaEditor) -> None:
    """Every verified address, and every name, is known where people now keep several, and none is taken twice."""
    alias = editor.connection.alias
    user_model = apps.get_model("accounts", "User")
    address_model = apps.get_model("account", "EmailAddress")
    name_model = apps.get_model("accounts", "UserName")
    last = 0
    while users := user_model.objects.using(alias).filter(pk__gt=last).order_by("pk")[:AT_ONCE]:
        for user in users:
            last = user.pk
            verified = user.email_verified_at is not None
            address_model.objects.using(alias).get_or_create(
                user=user, email=user.email.lower(), defaults={"verified": verified, "primary": True}
            )
            # Two users whose names look alike were let in before: the later one keeps the name, and no claim to the look.
            name_model.objects.using(alias).get_or_create(
                skeleton=names.skeleton(names.ProjectName(user.username)),
                defaults={"name": user.username, "user": user.pk},
            )


def drop_index(_apps: StateApps, editor: BaseDatabaseSchemaEditor) -> None:
    """Several people may say that an address is theirs, until one of them shows it."""
    how = "CONCURRENTLY " if editor.connection.vendor == "postgresql" else ""
    editor.execute(f"DROP INDEX {how}IF EXISTS user_email_any_case")


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("accounts", "0004_people"),
        ("account", "0009_emailaddress_unique_primary_email"),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(
            [migrations.RunPython(drop_index, migrations.RunPython.noop)],
            [migrations.RemoveConstraint("user", "user_email_any_case")],
        ),
        migrations.RunPython(note_addresses_and_names, migrations.RunPython.noop),
    ]
