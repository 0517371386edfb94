from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("journal", "0005_followers"),
    ]

    operations = [
        migrations.AlterModelOptions(name="entry", options={"verbose_name_plural": "entries"}),
    ]
