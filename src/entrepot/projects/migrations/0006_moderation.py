import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("projects", "0005_totals"),
    ]

    operations = [
        migrations.CreateModel(
            name="ProjectLimit",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("file_size", models.BigIntegerField(null=True)),
                ("total_size", models.BigIntegerField(null=True)),
                ("reason", models.TextField()),
                ("by", models.BigIntegerField(null=True)),
                ("at", models.DateTimeField()),
                (
                    "project",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE, related_name="limit", to="projects.project"
                    ),
                ),
            ],
        ),
    ]
