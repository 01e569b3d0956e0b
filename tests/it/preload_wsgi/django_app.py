import os, about
from django.core.wsgi import get_wsgi_application
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "settings")
app = get_wsgi_application()
from django.conf import settings
from django.contrib.auth.tokens import default_token_generator
from django.core.cache import cache
from django.db import connection
from django.http import JsonResponse
from django.urls import path
def index(request):
    cached = cache.get_or_set("first", os.environ.get("DATABASE", "template"))
    with connection.cursor() as cursor:
        cursor.execute("create table if not exists hits (n)")
        cursor.execute("pragma database_list")
        body = about.about(cursor.fetchone()[2])
    return JsonResponse({**body, "secrets": [settings.SECRET_KEY, default_token_generator.secret], "cached": cached})
urlpatterns = [path("", index)]
