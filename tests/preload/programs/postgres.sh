# postgres with pgbench: a new cluster, several clients at once, an index, parallel queries, restart.
postgres_bin=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | tail -n 1)
PATH=$PATH:$postgres_bin
needs="postgres initdb pgbench psql setpriv" packages="postgresql postgresql-contrib util-linux"

ask() { as_nobody psql -X -q -A -t -h "$PWD" -U owner postgres "$@"; }

run() {
    export HOME=$PWD
    tiered setpriv ${root_options-} initdb -D data -U owner -A trust --no-sync >initdb.log 2>&1 || { cat initdb.log; return 1; }
    start_postgres() {
        start_server setpriv ${root_options-} postgres -D data -k "$PWD" -c listen_addresses= -c fsync=off -c shared_buffers=32MB \
            -c max_parallel_workers_per_gather=2 -c min_parallel_table_scan_size=0 -c parallel_setup_cost=0 -c parallel_tuple_cost=0
        wait_until ask -c 'select 1'
    }
    start_postgres || return 1
    as_nobody pgbench -h "$PWD" -U owner -i -s 2 -q postgres >/dev/null 2>&1
    tiered setpriv ${root_options-} pgbench -h "$PWD" -U owner -c 4 -j 2 -t 250 --random-seed=1 postgres | grep -E 'processed|failed'
    ask -c 'select (select sum(abalance) from pgbench_accounts) = (select sum(bbalance) from pgbench_branches), (select sum(tbalance) from pgbench_tellers) = (select sum(bbalance) from pgbench_branches), (select count(*) from pgbench_history)'
    ask <<'SQL'
create table t as select i, md5(i::text) h, repeat('x', i % 500) pad from generate_series(1, 100000) i;
create index on t(h);
select count(*), min(h), max(length(pad)) from t;
set work_mem = '64MB';
select md5(string_agg(h, '' order by h)) from t;
select count(*) from t a join t b on a.i = b.i + 1 where a.h < b.h;
select jsonb_agg(i) from (select i from t order by h limit 5) x;
select 1 / 0;
SQL
    stop_server INT
    start_postgres || return 1
    ask -c 'select count(*) from t'
    stop_server INT
}
[ "$(id -u)" = 0 ] && root_options="--reuid=nobody --regid=nogroup --clear-groups"
