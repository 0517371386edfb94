import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("projects", "0006_moderation"),
    ]

    operations = [
        migrations.CreateModel(
            name="Advisory",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("identifier", models.CharField(max_length=100, unique=True)),
                ("aliases", models.JSONField()),
                ("summary", models.TextField(blank=True)),
                ("details", models.TextField(blank=True)),
                ("modified", models.DateTimeField()),
                ("withdrawn", models.DateTimeField(null=True)),
            ],
        ),
        migrations.CreateModel(
            name="Affected",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=100)),
                ("versions", models.JSONField()),
                ("ranges", models.JSONField()),
                ("fixed_in", models.JSONField()),
                (
                    "advisory",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="affected", to="projects.advisory"
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["name"], name="affected_name")],
                "constraints": [models.UniqueConstraint(fields=("advisory", "name"), name="affected_once")],
            },
        ),
    ]
