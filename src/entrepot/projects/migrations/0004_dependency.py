import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("projects", "0003_description"),
    ]

    operations = [
        migrations.CreateModel(
            name="Dependency",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=100)),
                ("requirements", models.JSONField()),
                ("optional", models.BooleanField()),
                (
                    "project",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="dependencies", to="projects.project"
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["name"], name="dependency_name")],
                "constraints": [models.UniqueConstraint(fields=("project", "name"), name="dependency_once")],
            },
        ),
    ]
