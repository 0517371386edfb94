from django.db import migrations


class Migration(migrations.Migration):
    """The tables keep what the version before still uses."""

    dependencies = [
        ("accounts", "0005_addresses"),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.RemoveField(model_name="user", name="email_verified_at"),
                migrations.DeleteModel(name="Spent"),
            ]
        )
    ]
