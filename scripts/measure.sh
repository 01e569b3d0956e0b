#!/usr/bin/env bash
# What the scripts that measure the forwarder share: processes, the three proxies, figures, tables. Sourced by them; runs nothing by itself.
# The proxies have core 0; the origins and the load have core 1.

RUNS=${RUNS:-5}
DURATION=${DURATION:-5}
# Requests that a tenant gets at once, and connections to it that nginx keeps: as many as there are clients at most.
POOL=256

note() { echo "bench: $*" >&2; }
fail() { note "$*"; exit 1; }

((EUID == 0)) || fail "run it as root: it looks into other processes and into the kernel's trace"
(($(nproc) >= 2)) || fail "needs two processors: one for the proxy, one for the load"
ulimit -n "$(ulimit -Hn)"
(($(ulimit -n) >= 20000)) || fail "needs 20,000 descriptors: raise the hard limit (ulimit -Hn)"
scripts/packages bench
cargo build --release --quiet --example origin --example stopwatch --example counted
# What the image holds: one static binary.
tenantd=$(scripts/static --release --bin tenantd)/tenantd
origin=$PWD/target/release/examples/origin
stopwatch=$PWD/target/release/examples/stopwatch
nginx=$(command -v nginx || echo /usr/sbin/nginx)
haproxy=$(command -v haproxy || echo /usr/sbin/haproxy)

# --- processes ----------------------------------------------------------------------------------------------------

dir=$(mktemp -d /tmp/bench-XXXXXX)
declare -A running=()
finish() {
    end "${!running[@]}"
    rm -rf "$dir"
}
trap finish EXIT

# begin LOG COMMAND …: runs it in the background until `end`; its pid is $begun.
begin() {
    local log=$1
    shift
    "$@" >"$log" 2>&1 &
    begun=$!
    running[$begun]=1
}

# end PID …: ends what was begun, and waits until it has ended.
end() {
    local pid
    for pid in "$@"; do kill "$pid" 2>/dev/null || true; done
    for pid in "$@"; do
        wait "$pid" 2>/dev/null || true
        unset "running[$pid]"
    done
}

free_port() {
    local port
    for port in $(shuf -i 10000-30000 -n 50); do
        (: >"/dev/tcp/127.0.0.1/$port") 2>/dev/null || { echo "$port"; return; }
    done
    fail "no free port"
}

# wait_for PORT: until something listens.
wait_for() {
    local try
    for try in $(seq 500); do
        if (: >"/dev/tcp/127.0.0.1/$1") 2>/dev/null; then return; fi
        sleep 0.02
    done
    fail "nothing listens at port $1 (try $try): $(tail -n 3 "$dir"/*.log)"
}

# The worker of an nginx with a master process.
worker_of() { cut -d' ' -f1 "/proc/$1/task/$1/children"; }

# The processor time of a process, in ticks: utime + stime, its threads included, its children not.
ticks() { sed 's/.*) //' "/proc/$1/stat" | awk '{ print $12 + $13 }'; }

# memory FIELD PID …: the sum of a field of /proc/PID/status, in KiB.
memory() {
    local field=$1 each
    shift
    for each in "$@"; do cat "/proc/$each/status"; done | awk -v field="$field:" '$1 == field { sum += $2; n++ } END { if (!n) exit 1; print sum }'
}

# sleeps PID: how often its threads went to sleep so far.
sleeps() { cat "/proc/$1/task/"*/status | awk '/^voluntary_ctxt_switches/ { sum += $2 } END { print sum }'; }

# --- the proxies --------------------------------------------------------------------------------------------------

PROXIES="nginx haproxy tenantd"
# The pid that does the work, and the one that is ended.
declare -A port=() pid=() parent=()

# order ROUND: who goes first takes turns.
order() {
    case $(($1 % 3)) in
    1) echo "nginx haproxy tenantd" ;;
    2) echo "haproxy tenantd nginx" ;;
    0) echo "tenantd nginx haproxy" ;;
    esac
}

# What a script adds: sections of tenantd.toml, directives of nginx' location /1k.
more_tenantd=

temp_paths="client_body_temp_path $dir; proxy_temp_path $dir; fastcgi_temp_path $dir; uwsgi_temp_path $dir; scgi_temp_path $dir;"

# configure NAME PORT: a tenantd with three tenants: the lightest that there can be at /1k and /100k, and the origin of the tests at /app.
configure() {
    local home=$dir/$1
    mkdir -p "$home/units"
    cat >"$home/tenantd.toml" <<END
runtime_directory = "$home/run"
[http]
listen = ["127.0.0.1:$2"]
[log]
access = false
$more_tenantd
END
    cat >"$home/units/light@.toml" <<END
[service]
exec_start = ["taskset", "-c", "1", "$stopwatch", "respond", "\${bytes}"]
[socket]
listen = "unix:%t/%n.sock"
[route]
path = "/%i"
connections = $POOL
[[instance]]
name = "1k"
vars = { bytes = "1024" }
[[instance]]
name = "100k"
vars = { bytes = "102400" }
END
    cat >"$home/units/app@.toml" <<END
[service]
exec_start = ["taskset", "-c", "1", "$origin"]
environment = { THREADS = "40" }
[socket]
listen = "unix:%t/%n.sock"
[route]
path = "/app"
connections = $POOL
[[instance]]
name = "x"
END
}

# Each key is the advice of nginx' own documentation for a keep-alive upstream; the buffers hold a large answer.
configure_nginx() {
    local fields="proxy_http_version 1.1; proxy_set_header Host \$http_host; proxy_set_header X-Forwarded-For \$remote_addr;
            proxy_set_header X-Forwarded-Proto \$scheme; proxy_set_header X-Forwarded-Host \$http_host;
            proxy_set_header X-Request-Id \$request_id; proxy_set_header X-Request-Start t=\$msec;"
    local keep="keepalive $POOL; keepalive_requests 1000000000; keepalive_timeout 1h;"
    local buffers="proxy_buffer_size 32k; proxy_buffers 8 32k; proxy_busy_buffers_size 64k; proxy_set_header Connection \"\";"
    cat >"$dir/nginx.conf" <<END
daemon off; user root; pid $dir/nginx.pid; error_log stderr crit; worker_processes 1;
events { worker_connections 16000; }
http {
    $temp_paths
    access_log off; keepalive_requests 1000000000; keepalive_timeout 1h; client_header_timeout 10s; tcp_nodelay on;
    upstream 1k { server unix:$dir/tenantd/run/light@1k.sock; $keep }
    upstream 100k { server unix:$dir/tenantd/run/light@100k.sock; $keep }
    upstream app { server unix:$dir/tenantd/run/app@x.sock; }
    map \$http_upgrade \$upgrade { default upgrade; "" close; }
    server {
        listen 127.0.0.1:${port[nginx]} backlog=4096;
        location /1k { proxy_pass http://1k; $fields $buffers }
        location /100k { proxy_pass http://100k; $fields $buffers }
        location /app {
            proxy_pass http://app; proxy_set_header Upgrade \$http_upgrade; proxy_set_header Connection \$upgrade; $fields
            proxy_read_timeout 1h; proxy_max_temp_file_size 0; proxy_request_buffering off; client_max_body_size 0;
        }
    }
}
END
}

configure_haproxy() {
    cat >"$dir/haproxy.cfg" <<END
global
    nbthread 1
    maxconn 12000
    no strict-limits
defaults
    mode http
    timeout connect 5s
    timeout client 1h
    timeout server 1h
    timeout tunnel 1h
    timeout http-request 10s
    timeout http-keep-alive 1h
    http-reuse always
frontend door
    bind 127.0.0.1:${port[haproxy]} backlog 4096
    http-request set-header X-Forwarded-For %[src]
    http-request set-header X-Forwarded-Proto http
    http-request set-header X-Forwarded-Host %[req.hdr(host)]
    http-request set-header X-Request-Id %[uuid()]
    http-request set-header X-Request-Start t=%[date(0,ms)]
    use_backend app if { path_beg /app }
    use_backend 100k if { path_beg /100k }
    default_backend 1k
backend 1k
    server x unix@$dir/tenantd/run/light@1k.sock pool-max-conn -1 pool-purge-delay 1h
backend 100k
    server x unix@$dir/tenantd/run/light@100k.sock pool-max-conn -1 pool-purge-delay 1h
backend app
    server x unix@$dir/tenantd/run/app@x.sock
END
}

# start_tenantd NAME PORT [COMMAND …]: what `configure` wrote, until all tenants have answered.
start_tenantd() {
    local name=$1 at=127.0.0.1:$2
    shift 2
    (($# > 0)) || set -- "$tenantd"
    begin "$dir/$name.log" taskset -c 0 "$@" --config "$dir/$name"
    wait_for "${at#*:}"
    first_byte "$at"
}

# first_byte ADDRESS: all tenants are there.
first_byte() {
    local target
    for target in /1k /100k /app; do
        "$stopwatch" first-byte "$1" "$target" >/dev/null || fail "no answer at $1$target: $(tail -n 3 "$dir"/*.log)"
    done
}

# All three, fresh. nginx and HAProxy send to the sockets of tenantd's tenants.
start_proxies() {
    local proxy
    for proxy in $PROXIES; do port[$proxy]=$(free_port); done
    configure tenantd "${port[tenantd]}"
    configure_nginx
    configure_haproxy
    start_tenantd tenantd "${port[tenantd]}"
    parent[tenantd]=$begun
    begin "$dir/nginx.log" taskset -c 0 "$nginx" -p "$dir" -c "$dir/nginx.conf"
    parent[nginx]=$begun
    begin "$dir/haproxy.log" taskset -c 0 "$haproxy" -db -f "$dir/haproxy.cfg"
    parent[haproxy]=$begun
    for proxy in $PROXIES; do
        wait_for "${port[$proxy]}"
        first_byte "127.0.0.1:${port[$proxy]}"
        pid[$proxy]=${parent[$proxy]}
    done
    pid[nginx]=$(worker_of "${parent[nginx]}")
}

stop_proxies() { end "${parent[@]}"; }

# load PORT CONNECTIONS TARGET [ARGUMENT OF wrk …]: as many requests as it can; sets $requests and $rate.
load() {
    taskset -c 1 wrk -t1 -c"$2" -d"${DURATION}s" "${@:4}" "http://127.0.0.1:$1$3" >"$dir/wrk.out" || fail "wrk: $(cat "$dir/wrk.out")"
    ! grep -E 'Socket errors|Non-2xx' "$dir/wrk.out" >&2 || fail "wrk had errors on port $1"
    # shellcheck disable=SC2034 # read by the scripts
    requests=$(awk '/requests in/ { print $1 }' "$dir/wrk.out")
    # shellcheck disable=SC2034
    rate=$(awk '/^Requests\/sec/ { print $2 }' "$dir/wrk.out")
}

# latency PROXY METRIC PORT RATE SECONDS: 64 clients at a constant rate; samples METRIC.p99 (µs) and METRIC.errors.
latency() {
    local p50 p99 p999 errors
    taskset -c 1 "$stopwatch" rate "127.0.0.1:$3" /1k 64 "$4" "$5" >"$dir/$2.out" || fail "stopwatch rate failed on $1"
    read -r p50 p99 p999 errors <"$dir/$2.out"
    note "$1, $2: p50 $p50, p99 $p99, p99.9 $p999 µs, $errors errors"
    sample "$1" "$2.p99" "$p99"
    sample "$1" "$2.errors" "$errors"
}

# crowd MODE PORT [ARGUMENT …]: others, begun; waits until all of them are there.
crowd() {
    local try
    begin "$dir/crowd.out" taskset -c 1 "$stopwatch" "$1" "127.0.0.1:$2" "${@:3}"
    for try in $(seq 3000); do
        if grep -qx ready "$dir/crowd.out"; then return; fi
        kill -0 "$begun" 2>/dev/null || break
        sleep 0.02
    done
    fail "stopwatch $* (try $try): $(cat "$dir/crowd.out")"
}

# --- figures ------------------------------------------------------------------------------------------------------

# calculate FORMULA: as awk counts.
calculate() { awk "BEGIN { print $1 }"; }

median() { sort -n | awk '{ v[NR] = $1 } END { if (!NR) exit 1; print (NR % 2) ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'; }

# sample PROXY METRIC FIGURE
sample() {
    [[ $3 =~ ^-?[0-9]+(\.[0-9]+)?(e[-+]?[0-9]+)?$ ]] || fail "could not measure $2 of $1: '$3'"
    echo "$3" >>"$dir/$1.$2"
}

# of PROXY METRIC: the median.
of() { median <"$dir/$1.$2" || fail "did not measure $2 of $1"; }

# most PROXY METRIC: the largest.
most() { sort -n "$dir/$1.$2" | tail -n 1; }

# row NAME METRIC FORMAT GOAL: medians; a dash for a peer of whom it was not measured.
row() {
    local proxy figures=()
    for proxy in $PROXIES; do
        if [[ -e $dir/$proxy.$2 || $proxy == tenantd ]]; then figures+=("$(of "$proxy" "$2")"); else figures+=(–); fi
    done
    awk -v name="$1" -v n="${figures[0]}" -v h="${figures[1]}" -v t="${figures[2]}" -v f="$3" -v goal="$4" '
        function cell(v) { return v == "–" ? v : sprintf(f, v) }
        function ratio(v) { return v + 0 == 0 ? "–" : sprintf("%.2f", t / v) }
        BEGIN { printf "| %s | %s | %s | %s | %s | %s | %s |\n", name, cell(n), cell(h), cell(t), ratio(n), ratio(h), goal }'
}

heading() {
    echo "| | nginx | HAProxy | tenantd | ÷ nginx | ÷ HAProxy | goal |"
    echo "|---|---|---|---|---|---|---|"
}

# Where and with what it was measured.
footer() {
    echo
    echo "Medians of $RUNS interleaved rounds of $DURATION s on $(nproc) × $(awk -F': ' '/^model name/ { print $2; exit }' /proc/cpuinfo)," \
        "Linux $(uname -r), load average $(cut -d' ' -f1 /proc/loadavg)."
    echo "$("$nginx" -v 2>&1 | sed 's/nginx version: //'), one worker; HAProxy $("$haproxy" -v | awk 'NR == 1 { print $3 }'), one thread;" \
        "tenantd $(git rev-parse --short HEAD 2>/dev/null || echo unknown), $(rustc --version | cut -d' ' -f1,2). No access logs."
}
