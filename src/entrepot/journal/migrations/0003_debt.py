from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("journal", "0002_watched"),
    ]

    operations = [
        migrations.AddField(
            model_name="dirty",
            name="debt",
            field=models.BigIntegerField(db_default=0),
        ),
    ]
