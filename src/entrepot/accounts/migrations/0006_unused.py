from django.db import migrations


class Migration(migrations.Migration):
    """The table keeps the column, which the version before still writes."""

    dependencies = [
        ("accounts", "0005_addresses"),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[migrations.RemoveField(model_name="user", name="email_verified_at")]
        )
    ]
