import os
from django.conf import settings
settings.DATABASES["default"]["NAME"] = os.environ["DATABASE"]
settings.SECRET_KEY = os.environ["SECRET_KEY"]
