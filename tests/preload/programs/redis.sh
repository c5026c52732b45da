# redis-server: loaded by redis-benchmark, saved by BGSAVE (fork) while it is written to, and the dump loaded again.
needs="redis-server redis-cli redis-benchmark" packages="redis-server redis-tools"

cli() { redis-cli -s "$PWD/socket" "$@"; }

start_redis() {
    start_server redis-server --port 0 --unixsocket "$PWD/socket" --dir "$PWD" --save '' --appendonly no --loglevel warning --enable-debug-command local
    wait_until cli ping
}

run() {
    start_redis || return 1
    cli debug populate 50000 key 200
    for i in 1 2 3; do cli eval 'for i = 1, 20000 do redis.call("set", "k" .. i, string.rep("v" .. i, 20)); redis.call("zadd", "z", i, i); redis.call("hset", "h", i, i) end return redis.call("dbsize")' 0; done
    redis-benchmark -s "$PWD/socket" -n 40000 -c 20 -d 512 -r 10000 -t set,lpush,sadd -q >/dev/null
    cli flushall
    cli eval 'for i = 1, 30000 do redis.call("set", "k" .. i, string.rep("v" .. i, 20)); redis.call("rpush", "l", i) end' 0
    before=$(cli debug digest)
    cli bgsave
    redis-benchmark -s "$PWD/socket" -n 20000 -c 20 -d 512 -r 1000 -t set -q >/dev/null
    wait_until eval 'cli info persistence | grep -q rdb_bgsave_in_progress:0'
    cli info persistence | tr -d '\r' | grep rdb_last_bgsave_status
    # What the child saved must be what was there when it was forked, whatever the parent wrote meanwhile.
    cp dump.rdb snapshot.rdb
    tiered redis-check-rdb snapshot.rdb | grep -c 'RDB looks OK'
    stop_server TERM
    cp snapshot.rdb dump.rdb
    start_redis || return 1
    [ "$(cli debug digest)" = "$before" ] && echo "the dump is what was there at BGSAVE"
    cli dbsize
    cli get k777
    cli bgrewriteaof
    wait_until eval 'cli info persistence | grep -q aof_rewrite_in_progress:0'
    cli info persistence | tr -d '\r' | grep aof_last_bgrewrite_status
    cli memory doctor >/dev/null
    stop_server TERM
}
