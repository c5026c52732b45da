# sqlite3: inserts, an index, joins, a window function, JSON, a text index, vacuum, dump and reload.
needs="sqlite3" packages="sqlite3"

run() {
    sed "s/COUNT/$(scaled 200000)/" >program.sql <<'SQL'
pragma cache_size=-20000;
create table t(id integer primary key, a int, b text);
with recursive n(i) as (select 1 union all select i + 1 from n where i < COUNT) insert into t select i, i * 7919 % 10007, 'text ' || i from n;
create index ta on t(a, b);
select count(*), sum(a), max(b) from t where a between 100 and 2000;
select a, count(*) c from t group by a order by c desc, a limit 3;
select count(*) from t x join t y on x.id = y.a;
select id, sum(a) over (order by id rows 3 preceding) from t limit 3 offset 1000;
select json_extract(json_group_array(a), '$[42]') from t where id < 100;
create virtual table f using fts5(b); insert into f select b from t where id < 20000; select count(*) from f where f match '19*';
delete from t where id % 3 = 0; vacuum; pragma integrity_check;
select * from missing;
SQL
    tiered sqlite3 file.db <program.sql
    echo "status $?"
    tiered sqlite3 file.db .dump | tee dump | md5sum
    tiered sqlite3 copy.db <dump && tiered sqlite3 copy.db 'select count(*), sum(id) from t'
}
