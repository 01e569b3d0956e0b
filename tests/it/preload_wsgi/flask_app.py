import os, sqlite3, about
from flask import Flask
app = Flask(__name__)
app.config["DATABASE"] = os.environ.get("DATABASE", "template.sqlite3")
kept = sqlite3.connect(os.environ["KEPT"]) if "KEPT" in os.environ else None
if kept: kept.execute("create table if not exists hits (n)")
os.environ["BOOTED"] = "yes"
@app.get("/")
def index():
    connection = sqlite3.connect(app.config["DATABASE"])
    try:
        connection.execute("create table if not exists hits (n)")
        return about.about(connection.execute("pragma database_list").fetchone()[2])
    finally:
        connection.close()
@app.get("/whole")
def whole():
    return dict(os.environ)
