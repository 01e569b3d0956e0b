import os
def about(database):
    status = open("/proc/self/status").read()
    umask = os.umask(0)
    os.umask(umask)
    # Past the tracer: who lists the environment depends on all of it.
    keys = sorted(os.fsdecode(key) for key in os.environ._data)
    return {"database": database, "title": os.environ.get("TITLE"), "keys": keys, "umask": umask, "directory": os.getcwd(),
            "uids": os.getresuid(), "groups": os.getgroups(), "effective": status.split("CapEff:")[1].split()[0],
            "worker_of": os.getppid()}
