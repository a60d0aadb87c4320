#!/usr/bin/env perl
# Sends the calls of vectors, and compares replies, keys and messages: proves the connection of pyjobs.pl, or a server.
#   perl docs/clients/conform.pl lua/conformance/*.json
# The server, PYJOBS_URL, must have the scripts and no queue.
use strict;
use warnings;
use FindBin;
use JSON::PP ();
use Time::HiRes qw(sleep time);
require "$FindBin::Bin/pyjobs.pl";

my ($TRIES, $LATE, $FAR, $MONTH, $SOON) = (20, 0.09, 0.45, 30 * 24 * 3_600_000, 5000);
my $JSON = JSON::PP->new->latin1->canonical->allow_nonref;
my $url = $ENV{PYJOBS_URL} // 'redis://localhost:6379';
my $asks = Pyjobs::Redis->new($url, 10);
my $hears = Pyjobs::Redis->new($url, 10);
my %READ = (string => ['GET'], list => ['LRANGE', 0, -1], hash => ['HGETALL'], zset => ['ZRANGE', 0, -1, 'WITHSCORES']);

# The connection drops the types of replies, which a comparison of bytes needs: this one reads the bytes themselves.
sub raw {
    my ($until) = @_;
    my $head = $asks->take(sub { index($_[0], "\r\n") }, 2, $until);
    my ($kind, $rest) = (substr($head, 0, 1), substr $head, 1);
    return "$head\r\n" . $asks->take(sub { length($_[0]) >= $rest + 2 ? $rest : -1 }, 2, $until) . "\r\n" if $kind eq '$';
    return "$head\r\n" . join '', map { raw($until) } 1 .. ($kind eq '*' ? $rest : 0);
}

# Moments are written by their distance from now. A moment keeps its first text.
sub plain {
    my ($text, $texts, $now, $jitter) = @_;
    $text =~ s{(?<![0-9])(1[0-9]{12})(?![0-9])}{
        my $distance = $1 - $now;
        my $seconds = $distance > 0 ? int($distance / 1000 + 0.5) : 0;
        abs $distance > $MONTH ? $1 : $texts->{$1} //= $seconds ? '<now+' . ($jitter ? 'jitter' : "${seconds}000") . '>' : '<now>';
    }gex;
    $text =~ s/(?<=delayed=)[0-9]+/<jitter>/g if $jitter;
    return $text;
}

# Each key of a queue but its counters and events: its type, value, and TTL in seconds, up to the next ten.
sub keys_there {
    my %found;
    for my $key (@{ $asks->ask('KEYS', 'jobs:{*') }) {
        next if $key =~ /\}:(counters|events)/;
        my $ttl = $asks->ask('PTTL', $key);
        next if $ttl != -1 && $ttl < $SOON;    # gone, or soon
        my $type = $asks->ask('TYPE', $key);
        my ($command, @rest) = @{ $READ{$type} };
        my $value = $asks->ask($command, $key, @rest);
        $found{$key} = { type => $type, value => $type =~ /hash|zset/ ? {@$value} : $value };
        $found{$key}{ttl} = 10 * POSIX::ceil($ttl / 10_000) if $ttl >= 0;
    }
    return \%found;
}

sub messages {
    $hears->write_command('PING');
    my @found;
    while (1) {    # what was published before comes before the answer to PING
        my $said = $hears->reply(10);
        last if $said->[0] eq 'pong';
        push @found, [@$said[2, 3]];
    }
    return [sort { $a->[0] cmp $b->[0] } @found];
}

sub forget { $asks->ask('DEL', $_) for @{ $asks->ask('KEYS', 'jobs:{*') }; return }

# Sends the calls of a file. Returns what differs, or nothing; 'late' when the machine stood still.
sub compared {
    my ($steps, $shas) = @_;
    my ($before, %texts) = ({});
    my $replied = time;
    my $waits = grep { $_->{after} } @$steps;
    for my $step (@$steps) {
        my $after = ($step->{after} // 0) / 1000;
        sleep $after if $after;
        my $asked = time;
        my ($seconds, $micros) = @{ $asks->ask('TIME') };
        my $now = $seconds * 1000 + int($micros / 1000);
        my ($script, @words) = @{ $step->{call} };
        $asks->write_command('EVALSHA', $shas->{$script}, @words);
        my $reply = raw(time + 10);
        my $last = $replied;
        $replied = time;
        return 'late' if $replied - $asked > $FAR || $waits && $replied - $last > $LATE + $after;
        my $named = sub { plain($_[0], \%texts, $now, $step->{jitter}) };
        my %found = (reply => $named->($reply));
        my $there = keys_there();
        my %changed;
        for my $key (sort keys %{ { %$before, %$there } }) {
            my ($old, $new) = map { $_ ? $JSON->encode($_) : 'null' } $before->{$key}, $there->{$key};
            $changed{$key} = named_values($there->{$key}, $named) if $old ne $new;
        }
        $found{keys} = \%changed;
        $found{messages} = [map { [$_->[0], $named->($_->[1])] } @{ messages() }];
        for my $what (qw(reply keys messages)) {
            my $wanted = $step->{$what} // ($what eq 'reply' ? '' : $what eq 'keys' ? {} : []);
            my ($got, $right) = map { $JSON->encode(texts_of($_)) } $found{$what}, $wanted;
            return "$script: $what: $got, and not $right" if $got ne $right;
        }
        $before = $there;
    }
    return;
}

# A value with the moments of its texts, but for names.
sub named_values {
    my ($value, $named) = @_;
    return [map { named_values($_, $named) } @$value] if ref $value eq 'ARRAY';
    return { map { $_ => named_values($value->{$_}, $named) } sort keys %$value } if ref $value eq 'HASH';
    return defined $value ? $named->($value) : undef;
}

# A value whose numbers are texts: Perl does not tell them apart.
sub texts_of { return named_values($_[0], sub { "$_[0]" }) }

sub main_program {
    my %shas = @{ $asks->ask('HGETALL', 'jobs:scripts') };
    $asks->ask('SCRIPT', 'LOAD', $asks->ask('HGET', 'jobs:bodies', $_)) for values %shas;
    if (!@ARGV || !%shas || @{ $asks->ask('KEYS', 'jobs:{*') }) {
        print STDERR "usage: conform.pl FILE..., with PYJOBS_URL of a server that has the scripts ('pyjobs scripts load') and no queue\n";
        return 2;
    }
    $hears->ask('PSUBSCRIBE', 'jobs:{*');
    my $broken = 0;
    for my $file (@ARGV) {
        open my $read, '<:raw', $file or die "$file: $!\n";
        my $vectors = JSON::PP->new->utf8->decode(do { local $/; <$read> });
        my $problem = 'late';
        for (my $tries = 0 ; $tries < $TRIES && ($problem // '') eq 'late' ; $tries++) {
            forget();
            messages();
            $problem = compared($vectors->{steps}, \%shas);
        }
        print "$vectors->{title}: ", $problem // scalar(@{ $vectors->{steps} }) . ' calls, all right', "\n";
        $broken ||= defined $problem;
    }
    forget();
    return $broken;
}

my $code = eval { main_program() };
if ($@) { note(why($@)); $code = 1 }
exit $code;
