# nginx: a master and two workers, small and large files, gzip, many connections, reload of the configuration.
needs="nginx perl" packages="nginx-light perl"

run() {
    mkdir root tmp && seq 1 50000 >root/large.txt && echo hello >root/index.html
    chmod -R a+rX root; chmod 1777 tmp
    cat >nginx.conf <<CONF
daemon off; worker_processes 2; pid $PWD/nginx.pid; error_log stderr error; user root;
events { worker_connections 256; }
http {
  types { text/plain txt; text/html html; }
  access_log off; gzip on; gzip_types text/plain; gzip_min_length 100; gzip_http_version 1.0;
  client_body_temp_path tmp/b; proxy_temp_path tmp/p; fastcgi_temp_path tmp/f; uwsgi_temp_path tmp/u; scgi_temp_path tmp/s;
  server { listen unix:$PWD/socket; root $PWD/root; location /gone { return 410 "gone\n"; } location /echo { proxy_pass http://unix:$PWD/socket:/large.txt; } }
}
CONF
    cat >client.pl <<'PERL'
use strict; use warnings; use IO::Socket::UNIX; use Digest::MD5 'md5_hex';
my ($path, $url, $count, $gzip) = @ARGV; my %seen;
for (1 .. $count) {
    my $s = IO::Socket::UNIX->new(Type => SOCK_STREAM, Peer => $path) or die "connect: $!\n";
    print $s "GET $url HTTP/1.0\r\nHost: x\r\n" . ($gzip ? "Accept-Encoding: gzip\r\n" : "") . "\r\n";
    local $/; my $answer = <$s>; my ($head, $body) = split /\r\n\r\n/, $answer, 2;
    $head =~ /^HTTP\S+ (\d+)/; $seen{"$1 " . length($body) . " " . md5_hex($body)}++;
}
print "$url $_ x$seen{$_}\n" for sort keys %seen;
PERL
    fetch() { perl client.pl "$PWD/socket" "$@"; }
    # Run without root's rights, nginx cannot become another user and needs no `user` line.
    [ "$(id -u)" = 0 ] || sed -i 's/ user root;//' nginx.conf
    start_server nginx -p "$PWD" -c "$PWD/nginx.conf" -e stderr
    wait_until fetch / 1 || return 1
    for round in 1 2; do
        fetch / 300; fetch /large.txt 30; fetch /large.txt 10 gzip; fetch /missing 20; fetch /gone 20; fetch /echo 10
        [ $round = 1 ] && kill -HUP $server && sleep 0.5
    done
    stop_server QUIT
}
