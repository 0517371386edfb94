from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0006_unused"),
    ]

    operations = [
        migrations.CreateModel(
            name="MailDomain",
            fields=[
                ("name", models.CharField(max_length=254, primary_key=True, serialize=False)),
                ("first_seen", models.DateTimeField()),
                ("checked_at", models.DateTimeField(null=True)),
                ("gone_since", models.DateTimeField(null=True)),
            ],
        ),
    ]
