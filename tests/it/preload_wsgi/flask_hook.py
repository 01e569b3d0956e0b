import os
application.config["DATABASE"] = os.environ["DATABASE"]
databases = [os.environ["DATABASE"]]
