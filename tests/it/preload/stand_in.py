"""Stands in for src/preload/wsgi.py: a template without an application, which does wrong what it is told by name: itself by the
variable TEMPLATE (unless the file `well` is there), for a tenant by BEHAVE. What it forks is the test tenant's program in the end."""
import json, os, resource, signal, socket, time

LONGEST = 65536
WRONG = {
    "no_json": b"}{",
    "version": b'{"v":2,"hello":{}}',
    "long": b'{"v":1,"hello":{}}' + b" " * LONGEST,
    "bound_first": b'{"v":1,"bound":{"databases":[]}}',
}
kept = []


def say(descriptor, name, body):
    os.write(descriptor, json.dumps({"v": 1, name: body}).encode())


def wait_for(name):
    while not os.path.exists(name):
        time.sleep(0.002)


def tenant(fork, how, reply, stdout, stderr, listener, *cgroup):
    if how == "killed":
        os.kill(TEMPLATE, signal.SIGKILL)
        os._exit(1)
    if how in WRONG:
        os.write(reply, WRONG[how])
    say(reply, "hello", {})
    if how == "hello_twice":
        say(reply, "hello", {})
    if not os.read(reply, LONGEST):
        os._exit(1)
    if how == "ends_early":
        os.kill(os.getpid(), signal.SIGKILL)
    if how == "hangs_up":
        os.close(reply)
        signal.pause()
    if how == "ready_first":
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
            notify.sendto(b"READY=1", fork["env"]["NOTIFY_SOCKET"])
        wait_for("gate")
    if how in ("schema", "hook", "strange", "ready_first"):
        say(reply, "error", {"what": how, "text": "the stand-in says so"})
        os._exit(1)
    os.setsid()
    for descriptor in cgroup:
        os.write(descriptor, b"0")
    for number, *limits in fork["limits"]:
        resource.setrlimit(number, [resource.RLIM_INFINITY if limit is None else limit for limit in limits])
    if how == "gate":
        open("at_gate", "w").close()
        wait_for("gate")
    say(reply, "bound", {"databases": [fork["id"]]})
    if how == "ends_bound":
        os.kill(os.getpid(), signal.SIGKILL)
    if how == "never_ready":
        signal.pause()
    for number, descriptor in enumerate((stdout, stderr, listener), 1):
        os.dup2(descriptor, number)
    os.closerange(4, 256)
    environment = {**fork["env"], "LISTEN_FDS": "1", "LISTEN_PID": str(os.getpid()), "TENANT": fork["id"] + " by template"}
    os.execve(environment["ORIGIN"], ["gunicorn"], environment)


def serve(fork, descriptors):
    how = fork["env"].get("BEHAVE")
    if how == "silent":
        kept.extend(descriptors)
        return
    if how == "asleep":
        wait_for("awake")
    if how == "hello_itself":
        say(descriptors[0], "hello", {})
        kept.append(os.dup(descriptors[0]))
    elif how != "closed":
        middle = os.fork()
        if middle == 0:
            if how == "child" or os.fork() == 0:
                tenant(fork, how, *descriptors)
            os._exit(0)
        if how != "child":
            os.waitpid(middle, 0)
    for descriptor in descriptors:
        os.close(descriptor)


TEMPLATE = os.getpid()
control = socket.socket(fileno=3)
control.recv(LONGEST)
how = None if os.path.exists("well") else os.environ.get("TEMPLATE")
if how == "ends":
    raise SystemExit("the stand-in does not boot")
if how == "holds":
    wait_for("well")
ready = {"engine": "stand-in", "env": {}, "databases_open": int(how == "database")}
control.send(json.dumps({"v": 1, "ready": ready}).encode())
while True:
    data, descriptors, _, _ = socket.recv_fds(control, LONGEST, 8)
    if not data:
        raise SystemExit(0)
    serve(json.loads(data)["fork"], descriptors)
