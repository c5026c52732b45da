# mariadb: a new data directory, InnoDB with several clients, an index, a procedure, a restart.
needs="mariadbd mariadb-install-db mariadb" packages="mariadb-server mariadb-client"

ask() { mariadb --no-defaults -N -B -S "$PWD/socket" -u root "$@"; }

run() {
    local common="--no-defaults --datadir=$PWD/data --innodb-buffer-pool-size=32M --innodb-log-file-size=8M --innodb-flush-log-at-trx-commit=0"
    local user="--user=$(id -un)"
    tiered mariadb-install-db $common $user --auth-root-authentication-method=normal --skip-test-db >install.log 2>&1 || { tail install.log; return 1; }
    start_mariadb() {
        start_server mariadbd $common $user --socket="$PWD/socket" --pid-file="$PWD/pid" --skip-networking --skip-log-bin
        wait_until ask -e 'select 1'
    }
    start_mariadb || return 1
    ask -e 'create database d'
    ask d <<'SQL'
create table t(i int primary key, h char(32), pad varchar(500), key(h)) engine=innodb;
insert into t select seq, md5(seq), repeat('x', seq % 500) from seq_1_to_50000;
select count(*), min(h), max(length(pad)) from t;
select count(*) from t a join t b on a.i = b.i + 1 where a.h < b.h;
select md5(group_concat(i order by h)) from t where i <= 1000;
select json_arrayagg(i) from (select i from t order by h limit 5) x;
create table account(id int primary key, balance int) engine=innodb;
insert into account select seq, 1000 from seq_1_to_20;
delimiter //
create procedure move(n int, seed int) begin declare i int default 0; while i < n do set seed = seed * 1103515245 % 65521 + 12345;
  start transaction; update account set balance = balance - 1 where id = least(1 + seed % 20, 1 + (seed * 7) % 20); update account set balance = balance + 1 where id = least(1 + seed % 20, 1 + (seed * 7) % 20); commit; set i = i + 1; end while; end//
delimiter ;
SQL
    for client in 1 2 3 4; do tiered mariadb --no-defaults -S "$PWD/socket" -u root d -e "call move(200, $client)" & clients[client]=$!; done
    wait "${clients[@]}"
    ask d -e 'select sum(balance) from account; check table t; select * from missing'
    echo "status $?"
    stop_server TERM
    start_mariadb || return 1
    ask d -e 'select count(*), sum(i) from t'
    stop_server TERM
}
