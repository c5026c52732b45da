# memcached: sets, gets and evictions over a socket, with threads.
needs="memcached perl setpriv" packages="memcached perl util-linux"

run() {
    cat >client.pl <<'PERL'
use strict; use warnings; use IO::Socket::UNIX;
my $s = IO::Socket::UNIX->new(Type => SOCK_STREAM, Peer => $ARGV[0]) or die "connect: $!\n";
$s->autoflush(1); $/ = "\r\n";
sub ask { print $s $_[0]; my $a = <$s>; chomp $a; return $a }
print ask("version\r\n") =~ /^VERSION/ ? "ok\n" : "no\n"; exit 0 if @ARGV > 1;
my ($stored, $hits) = (0, 0);
for my $i (1 .. 30000) { my $v = "v$i" x ($i % 60 + 1); $stored++ if ask("set k$i 0 0 " . length($v) . "\r\n$v\r\n") eq "STORED" }
for my $i (1 .. 30000) {
    my $l = ask("get k$i\r\n"); next if $l eq "END"; my $v = <$s>; chomp $v; <$s>;
    $v eq "v$i" x ($i % 60 + 1) ? $hits++ : print "wrong value of k$i\n";
}
print "$stored stored, ", ($hits == $stored ? "all" : $hits), " found\n", ask("incr none 1\r\n"), "\n", ask("flush_all\r\n"), "\n", ask("get k1\r\n"), "\n";
my ($n) = (0); for my $i (1 .. 200) { my $v = "x" x 100000; $n++ if ask("set big$i 0 0 100000\r\n$v\r\n") eq "STORED" } print "$n large ones stored\n";
PERL
    start_server memcached -u nobody -s "$PWD/socket" -a 0777 -t 4 -m 64
    wait_until perl client.pl "$PWD/socket" ping || return 1
    perl client.pl "$PWD/socket" &
    first=$!
    perl client.pl "$PWD/socket" ping
    wait $first
    stop_server TERM
}
