# perl: hashes, sorting, regular expressions, sprintf, fork and pipes, threads where perl has them.
needs="perl" packages="perl"

run() {
    cat >program.pl <<'PERL'
use strict; use warnings; use Config;
my %h; $h{$_ * 7919 % 100003} .= "x$_" for 0 .. 150000;
print scalar(keys %h), " ", length(join "", sort values %h), "\n";
my $text = join ",", 1 .. 50000; my $n = () = $text =~ /(\d)\1/g; print "$n\n";
my @deep = (1); @deep = ([@deep], [@deep]) for 1 .. 12; print scalar(@deep), "\n"; undef @deep;
my @pids;
for my $i (1 .. 4) {
    my $pid = fork // die; if (!$pid) { my @a = map { $_ x 10 } 1 .. 20000; exit(@a % 251 + $i) } push @pids, $pid;
}
for (@pids) { waitpid $_, 0; print $? >> 8, "\n" }
open my $in, "-|", "seq 1 1000" or die; my $sum = 0; $sum += $_ while <$in>; close $in; print "$sum\n";
if ($Config{useithreads}) {
    require threads;
    my @t = map { my $i = $_; threads->create(sub { my %x = map { $_ => "v$_" x 5 } 1 .. 5000; return scalar(keys %x) + $i }) } 1 .. 4;
    print $_->join, "\n" for @t;
}
END { print "end block\n" }
exit 5;
PERL
    tiered perl program.pl
    echo "status $?"
}
