"""The Python half of `preload = "wsgi"`: boots the application of a gunicorn command once, then forks a tenant of it whenever the
init asks on descriptor 3. It never serves a tenant from what is the template's: it refuses, and the init starts the tenant by exec.

The hook (tenant_fork.py) runs in each tenant, the tenant's environment in place, and binds anew what `application` keeps from its boot.
It may set `databases` (paths, for `bound`) and `shared_databases` (SQLite files that the template and its tenants share on purpose)."""
import contextlib, gc, importlib.metadata, json, os, re, resource, select, shutil, signal, socket, sys, threading, time, traceback
from urllib.parse import unquote
from wsgiref.util import setup_testing_defaults

LONGEST = 65536
DIRECTORY = os.getcwd()
# What each tenant does again: gunicorn's configuration file, its arguments, its copy of the environment for SIGUSR2.
READ_AGAIN = {("__config__", "<module>"), ("gunicorn.config", "__init__"), ("gunicorn.config", "get_cmd_args_from_env")}
REBOUND = {"LISTEN_FDNAMES", "LISTEN_FDS", "LISTEN_PID", "NOTIFY_SOCKET", "PORT", "PWD"}
reads = {}  # key of the environment, or "*" when somebody lists them all → places
opened = set()  # SQLite files that the template has opened
forbidden = None  # in a tenant: those that it must not open


class Refused(Exception):
    """The protocol's word for what is wrong, and one line for people."""


class Traced(type(os.environ)):
    """os.environ that notes who reads what; `get`, `in`, `copy` and all others come through here."""
    def __getitem__(self, key):
        note(os.fsdecode(key), sys._getframe(1))
        return super().__getitem__(key)

    def __iter__(self):
        note("*", sys._getframe(1))
        return super().__iter__()


def note(key, frame):
    """Remembers up to three places: where the application reads the key, or makes a package read it."""
    spots = []
    while frame:
        path, name = frame.f_code.co_filename, frame.f_code.co_name
        if not spots and (frame.f_globals.get("__name__"), name) in READ_AGAIN:
            return
        if not path.startswith("<frozen") and path != __file__ and not path.endswith(("/os.py", "/_collections_abc.py")):
            spots.append(f"{path}:{frame.f_lineno}")
        frame = frame.f_back
    own = [spot[len(DIRECTORY) + 1:] for spot in spots if spot.startswith(DIRECTORY + "/") and "-packages/" not in spot]
    for spot in (own or [re.sub("^.*/(site|dist)-packages/", "package ", spot) for spot in spots])[:1]:
        places = reads.setdefault(key, [])
        if spot not in places and len(places) < 3:
            places.append(spot)


def audit(event, arguments):
    """Sees every SQLite file that is opened, whatever the framework: no tenant uses a database of the template unnoticed."""
    if event != "sqlite3.connect":
        return
    name = os.fsdecode(arguments[0])
    if name in ("", ":memory:") or "mode=memory" in name:
        return
    path = os.path.realpath(unquote(name[5:].split("?")[0]) if name.startswith("file:") else name)
    if forbidden is None:
        opened.add(path)
    elif path in forbidden:
        raise PermissionError(f"{path} is the template's database: bind the tenant's in the hook, or name it in shared_databases")


def boot(order):
    """Boots, warms, closes, collects. Gives back what tenants need, and the body of `ready`."""
    started = time.monotonic()
    with open("/proc/self/environ", "rb") as given:  # os.environ has Python's own LC_CTYPE in it already (PEP 538).
        before = dict(pair.split(b"=", 1) for pair in given.read().split(b"\0") if b"=" in pair)
    if order.get("hook_required") and not os.path.isfile(order["hook"]):
        raise Refused("hook", f"cannot read {order['hook']}: correct preload_hook")
    sys.addaudithook(audit)
    os.environ.__class__ = os.environb.__class__ = Traced
    server = gunicorn(order["argv"])
    if server.cfg.worker_class_str not in ("sync", "gthread"):
        raise Refused("message", f"worker class {server.cfg.worker_class_str} cannot be preloaded: use sync or gthread")
    os.environ.update(server.cfg.env)
    sys.path[:0] = [os.path.abspath(path) for path in (server.cfg.pythonpath or "").split(",") if path]
    application, notes, baked = server.wsgi(), [], reads.copy()
    warmed = [[target, request(application, target, notes)] for target in order.get("warm", [])]
    forget()
    os.environ.__class__ = os.environb.__class__ = Traced.__base__
    default_signals()
    versions = [f"{name} {importlib.metadata.version(name)}" for name in ("django", "flask", "gunicorn") if name in sys.modules]
    ready = {"engine": ", ".join([*versions, "python " + sys.version.split()[0]]), "schema": {}, "warmed": warmed, "notes": notes,
             "env": {key: places for key, places in sorted(reads.items()) if key not in REBOUND},
             "threads": [thread.name for thread in threading.enumerate() if thread is not threading.main_thread()],
             "databases_open": databases_open()}
    after, theirs = os.environ._data, REBOUND.union(order.get("declared", []))
    changed = [key for key in {**before, **after} if before.get(key) != after.get(key) and os.fsdecode(key) not in theirs]
    template = {**order, "application": application, "baked": baked, "server": (server.app_uri, server.cfg.env), "before": before,
                "after": {key: after.get(key) for key in changed}}
    gc.collect()
    gc.freeze()
    return template, {**ready, "seconds": round(time.monotonic() - started, 3)}


def gunicorn(argv):
    """What the command makes of its arguments and its configuration file, the application not yet loaded."""
    from gunicorn import config
    from gunicorn.app.wsgiapp import WSGIApplication
    config.User.default, config.Group.default = os.geteuid(), os.getegid()  # They are the template's, from its import.
    sys.argv = list(argv)
    return WSGIApplication("%(prog)s [OPTIONS] [APP_MODULE]", prog="gunicorn")


def request(application, target, notes):
    """Calls the application with a GET of the target; gives back the status."""
    path, _, query = target.partition("?")
    environ, answers = {"PATH_INFO": unquote(path, "latin-1"), "QUERY_STRING": query, "REMOTE_ADDR": "127.0.0.1"}, ["500"]
    setup_testing_defaults(environ)
    try:
        body = application(environ, lambda status, headers, exc_info=None: answers.append(status) or (lambda data: None))
        for _ in body:
            pass
        getattr(body, "close", int)()
    except Exception as problem:
        notes.append(f"warm-up of {target}: {problem!r}")
    return int(answers[-1].split()[0])


def forget():
    """Closes databases and empties the cache inside this process: they would be every tenant's."""
    opened.update(django_databases())
    for name in ("_caches", "_expire_info"):
        for cache in getattr(sys.modules.get("django.core.cache.backends.locmem"), name, {}).values():
            cache.clear()
    engine = getattr(sys.modules.get("sqlalchemy.engine"), "Engine", ())
    for thing in [thing for thing in gc.get_objects() if issubclass(type(thing), engine)]:
        thing.dispose()
    gc.collect()


def databases_open():
    count = 0
    for link in [f"/proc/self/fd/{number}" for number in os.listdir("/proc/self/fd")]:
        with contextlib.suppress(OSError):
            if os.path.isfile(link):
                with open(link, "rb") as file:
                    count += file.read(16) == b"SQLite format 3\0" or re.sub("-(wal|shm)$", "", os.readlink(link)) in opened
    return count


def default_signals():
    """As in a new Python, whatever the application has set."""
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        signal.signal(number, signal.SIG_IGN if number in (signal.SIGPIPE, signal.SIGXFSZ) else signal.SIG_DFL)
    signal.set_wakeup_fd(-1)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])


def settle(order, cgroup=None):
    """As long as it is who the template is: its cgroup first, so that all that follows is charged to the tenant."""
    if cgroup is not None:
        os.write(cgroup, b"0")
        os.close(cgroup)
    if order.get("oom_score_adj") is not None:
        with open("/proc/self/oom_score_adj", "w") as points:
            points.write(str(order["oom_score_adj"]))
    if order.get("nice") is not None:
        os.setpriority(os.PRIO_PROCESS, 0, order["nice"])
    for number, *limits in order.get("limits", []):
        resource.setrlimit(number, [resource.RLIM_INFINITY if limit is None else limit for limit in limits])


def become(template, order, stdout, stderr, listener, *cgroup):
    """Makes this process the tenant's, as far as that needs to know nothing of the application."""
    os.setsid()
    default_signals()
    for number, descriptor in enumerate((stdout, stderr, listener), 1):
        os.dup2(descriptor, number)
        os.close(descriptor)
    settle(order, *cgroup)
    if order.get("umask") is not None:
        os.umask(order["umask"])
    os.chdir(order["cwd"])
    if os.getcwd() != DIRECTORY:
        raise Refused("env", f"the working directory is not the template's {DIRECTORY}: leave %i out of working_directory")
    # What the application did to its environment when it booted stays done, but not to keys that are the tenant's.
    ours = {**{os.fsencode(key): os.fsencode(value) for key, value in order["env"].items()}, **template["after"]}
    os.environ.clear()
    os.environb.update({key: value for key, value in ours.items() if value is not None})
    os.environ.update(LISTEN_FDS="1", LISTEN_PID=str(os.getpid()))
    time.tzset()
    with open("/proc/self/comm", "w") as comm:  # Before setresuid, which makes it root's.
        comm.write(os.path.basename(order["argv"][0]))
    if user := order.get("user"):
        os.setgroups(user["groups"])
        os.setresgid(*[user["gid"]] * 3)
        os.setresuid(*[user["uid"]] * 3)
    with open("/proc/self/status") as status:
        if os.getuid() != 0 and re.search(r"^Cap(Prm|Eff|Amb):\s*0*[1-9a-f]", status.read(), re.M):
            raise Refused("user", "capabilities are left: run the template as the tenant's user, or leave out preload")


def bind(template, order):
    """Runs the hook, and refuses what is still the template's. Gives back gunicorn, ready to run, and the tenant's databases."""
    global forbidden
    before, now = template["before"], {os.fsencode(key): os.fsencode(value) for key, value in order["env"].items()}
    differing = {os.fsdecode(key) for key in {**before, **now} if before.get(key) != now.get(key)} - REBOUND
    differing &= differing if "*" in reads else reads.keys()
    for key in sorted(differing.difference(template.get("declared", []))):
        place = reads.get(key, reads.get("*"))[0]
        raise Refused("env", f"{key} differs and was read at {place}: bind it in the hook and name it in preload_env")
    names = {"__name__": "tenant_fork", "application": template["application"]}
    if template.get("hook") and os.path.isfile(template["hook"]):
        with open(template["hook"]) as hook:
            exec(compile(hook.read(), template["hook"], "exec"), names)
    else:
        for key in differing & template["baked"].keys():
            raise Refused("hook", f"{key} was read at {reads[key][0]} when the application booted, and no hook binds it: write one")
    forbidden = opened - {os.path.realpath(path) for path in names.get("shared_databases", [])} if differing else set()
    databases = [os.path.realpath(path) for path in names.get("databases", [])] + django_databases()
    for path in forbidden.intersection(databases):
        raise Refused("database", f"{path} is the template's database: bind the tenant's in the hook, or name it in shared_databases")
    server = gunicorn(order["argv"])
    if (server.app_uri, server.cfg.env) != template["server"]:
        raise Refused("env", "gunicorn's application or env is not the template's: give what differs as environment of the unit")
    server.load = lambda: template["application"]
    sys.argv[0] = shutil.which(sys.argv[0]) or sys.argv[0]  # What gunicorn executes at SIGUSR2.
    return server, databases


def django_databases():
    """Closes Django's connections, which must be what its settings say. Gives back their SQLite files."""
    if "django.db" not in sys.modules or not sys.modules["django.conf"].settings.configured:
        return []
    connections, settings = sys.modules["django.db"].connections, sys.modules["django.conf"].settings
    connections.close_all()
    for alias, database in connections.databases.items():
        if not connections[alias].settings_dict["NAME"] == database["NAME"] == settings.DATABASES[alias]["NAME"]:
            raise Refused("database", f"connections[{alias!r}] is not what settings.DATABASES says: change its NAME in place")
    if "django.contrib.auth.tokens" in sys.modules:  # Django 3 keeps the key that it had when it was imported.
        sys.modules["django.contrib.auth.tokens"].default_token_generator.secret = settings.SECRET_KEY
    names = [database["NAME"] for database in connections.databases.values() if "sqlite" in database["ENGINE"]]
    return [os.path.realpath(name) for name in names if name != ":memory:"]


def tenant(template, order, reply, *others):
    """A process of its own from here on; it ends as gunicorn does."""
    try:
        say(reply, "hello", {})
        parsed(os.read(reply, LONGEST))["go"]
    except Exception:
        os._exit(1)
    stage = "user"
    try:
        become(template, order, *others)
        stage = "hook"
        server, databases = bind(template, order)
        say(reply, "bound", {"databases": databases})
    except (Exception, SystemExit) as problem:
        refuse(reply, stage, problem)
        os._exit(1)
    os.close(reply)
    server.run()


def fork():
    """True in the new process, whose parent is the init; false in the template."""
    sys.stdout.flush()
    middle = os.fork()
    if middle == 0:
        try:
            if os.fork() == 0:
                return True
        except OSError:
            os._exit(1)
        os._exit(0)
    pidfd, end = os.pidfd_open(middle), select.poll()
    end.register(pidfd, select.POLLIN)
    if not end.poll(5000):
        os.kill(middle, signal.SIGKILL)
    os.close(pidfd)
    if os.waitpid(middle, 0)[1] != 0:
        raise Refused("fork", "cannot fork twice: look at the limits of processes and memory")
    return False


def say(descriptor, name, body):
    os.write(descriptor, json.dumps({"v": 1, name: body}).encode())


def refuse(descriptor, stage, problem):
    what, text = problem.args if isinstance(problem, Refused) else (stage, repr(problem))
    with contextlib.suppress(OSError):
        say(descriptor, "error", {"what": what, "text": text[:2000]})


def parsed(data):
    message = json.loads(data)
    if not isinstance(message, dict) or message.get("v") != 1:
        raise Refused("message", "this is not a message of version 1")
    return message


def begin(order):
    """Boots and says so; a template that cannot is none."""
    try:
        template, ready = boot(order)
    except (Exception, SystemExit) as problem:
        print(f"cannot preload: {problem.args[1]}" if isinstance(problem, Refused) else traceback.format_exc(), file=sys.stderr)
        os._exit(1)
    if len(json.dumps(ready)) > LONGEST - 100:
        ready.update(env=dict.fromkeys(ready["env"], []), truncated=True)
    say(3, "ready", ready)
    return template


def serve(control):
    """The template's life: one message after the other, until the init hangs up. Comes back in a tenant, with what it is to be."""
    template, hung_up = None, select.poll()
    hung_up.register(control, 0)
    while True:
        data, descriptors = b"", []
        with contextlib.suppress(ConnectionError):
            data, descriptors, _, _ = socket.recv_fds(control, LONGEST, 16)
        if not data and not descriptors and hung_up.poll(0):
            os._exit(0)
        try:
            message = parsed(data)
            order = message.get("boot" if template is None else "fork")
            if not isinstance(order, dict):
                raise Refused("message", f"this is not {'boot' if template is None else 'fork'}, which comes now")
            if template is None:
                template = begin(order)
            elif len(descriptors) != (5 if order.get("cgroup") else 4) or not {"argv", "env", "cwd"} <= order.keys():
                raise Refused("message", "fork needs argv, env, cwd and its descriptors")
            elif fork():
                control.detach()
                return template, order, *descriptors
        except Exception as problem:
            if descriptors:
                refuse(descriptors[0], "message", problem)
        for descriptor in descriptors:
            os.close(descriptor)


if __name__ == "__main__":
    # Not for subprocesses; and nobody imports what lies beside this file.
    os.set_inheritable(3, False)
    sys.path[:] = [path for path in sys.path if path != os.path.dirname(os.path.abspath(__file__))]
    tenant(*serve(socket.socket(fileno=3)))
