#!/usr/bin/env perl
# A client of pyjobs for Perl 5.20 and newer: a producer and a worker of reliable mode, in one file that needs nothing but what
# comes with Perl.
#
#   perl pyjobs.pl work QUEUE FILE [--lease MS] [--grace MS] [--concurrency N]
#       runs the function that FILE returns for each job, in a child process: sub { my ($job) = @_; ... }. FILE may return a hash
#       instead, whose keys are tasks; '' is for jobs without a task
#   perl pyjobs.pl submit QUEUE
#       submits a job for each line of stdin, {"data": ..., "id": ..., "options": {"delay": 5000}}, and prints a line
#       when it is submitted, {"id": ..., "outcome": "new"}, and one when it has ended: {"id": ..., "state": "done", "result": ...}
#
# As a library: require './pyjobs.pl'; then Pyjobs::Producer->new(queue => 'mail') and Pyjobs::Worker->new(...)->run.
#
# Redis is where PYJOBS_URL says (redis://user:password@host:port/db), under the prefix PYJOBS_PREFIX. The scripts must be there:
# `pyjobs scripts load`.
use strict;
use warnings;

# --- a connection ---

package Pyjobs::Redis;

use IO::Select;
use IO::Socket::IP;
use Time::HiRes qw(time);

# Errors are hashes: {lost => 1 or 0, message => ...}. After a lost answer nobody knows whether the command has run.
sub fail {
    my ($lost, $message) = @_;
    die { lost => $lost, message => $message };
}

# A connection, made at the first command and again after it was lost. `patience`: seconds until an answer must come.
sub new {
    my ($class, $url, $patience) = @_;
    my ($login, $host, $port, $db) = $url =~ m{^redis://(?:(.*)@)?(\[[^\]]*\]|[^:/]*)(?::(\d+))?(?:/(\d*))?$}
        or die "pyjobs: not a URL of this client (redis://host:port/db): $url\n";
    my ($user, $password) = map { s/%([0-9a-fA-F]{2})/chr hex $1/ger } ($login // '') =~ /^([^:]*):?(.*)$/s;
    $host =~ tr/[]//d;
    return bless {
        host => $host || 'localhost', port => $port || 6379, db => $db, user => $user, password => $password,
        patience => $patience, buffer => '',
    }, $class;
}

sub socket { return $_[0]{socket} }

sub close_it {
    my ($self) = @_;
    close delete $self->{socket} if $self->{socket};
    $self->{buffer} = '';
    return;
}

# Sends a command and returns its reply. Dies of a refusal, and when no answer comes.
sub ask {
    my ($self, @words) = @_;
    $self->write_command(@words);
    return $self->reply($self->{patience});
}

sub write_command {
    my ($self, @words) = @_;
    $self->open_it unless $self->{socket};
    my $bytes = '*' . @words . "\r\n" . join '', map { '$' . length($_) . "\r\n$_\r\n" } @words;
    my ($sent, $until) = (0, time + $self->{patience});
    while ($sent < length $bytes) {
        my $count = syswrite $self->{socket}, $bytes, 65_536, $sent;
        next if !defined $count && $!{EINTR};
        if (!$count) { my $why = "$!"; $self->close_it; fail(1, "cannot send: $why") }
        $sent += $count;
        if (time > $until) { $self->close_it; fail(1, 'cannot send in time') }
    }
    return;
}

sub open_it {
    my ($self) = @_;
    $self->{socket} = IO::Socket::IP->new(PeerHost => $self->{host}, PeerPort => $self->{port}, Timeout => $self->{patience})
        or fail(1, "cannot connect: $@");
    $self->{buffer} = '';
    local $SIG{PIPE} = 'IGNORE';
    $self->ask('AUTH', grep { length } $self->{user}, $self->{password}) if length $self->{password};
    $self->ask('SELECT', $self->{db}) if length($self->{db} // '');
    return;
}

# The next reply, or the next message of a subscription: a number or a text, or a list.
sub reply {
    my ($self, $seconds) = @_;
    my $until = time + $seconds;
    my $head = $self->take(sub { index($_[0], "\r\n") }, 2, $until);
    my ($kind, $rest) = (substr($head, 0, 1), substr $head, 1);
    return $rest if $kind eq ':' || $kind eq '+';
    fail(0, $rest) if $kind eq '-';
    if ($kind eq '$') {
        return undef if $rest < 0;
        return $self->take(sub { length($_[0]) >= $rest + 2 ? $rest : -1 }, 2, $until);
    }
    # A list is read to its end, also when one of its values is an error.
    return [map { my $one = eval { $self->reply($until - time) }; $@ && $@->{lost} ? die $@ : $@ ? $@ : $one } 1 .. $rest];
}

# Whether a reply has begun to arrive.
sub arrived { my ($self) = @_; return length $self->{buffer} || IO::Select->new($self->{socket})->can_read(0) }

# Bytes from the buffer up to a place, and `more` bytes behind it are dropped.
sub take {
    my ($self, $place, $more, $until) = @_;
    while (1) {
        my $end = $place->($self->{buffer});
        if ($end >= 0) {
            my $found = substr $self->{buffer}, 0, $end + $more, '';
            return substr $found, 0, $end;
        }
        my $ready = IO::Select->new($self->{socket})->can_read(($until - time) > 0 ? $until - time : 0);
        next if !$ready && $!{EINTR} && time < $until;
        my $count = $ready ? sysread $self->{socket}, $self->{buffer}, 65_536, length $self->{buffer} : undef;
        if (!$count) {
            $self->close_it;
            fail(1, $ready ? 'connection closed' : 'no answer in time');
        }
    }
}

# --- scripts ---

package Pyjobs::Scripts;

use Digest::SHA qw(sha1_hex);
use Time::HiRes qw(time sleep);

# Redis answers so when it can do nothing at present, and has run nothing.
my $PASSING = qr/^(?:LOADING|BUSY|READONLY|MASTERDOWN|MISCONF|CLUSTERDOWN|TRYAGAIN)/;

# Scripts are read once and kept, since a Redis that comes back empty has none.
sub new {
    my ($class, $redis, $prefix, @names) = @_;
    my $self = bless {}, $class;
    for my $name (@names) {
        my $sha = $redis->ask('HGET', "$prefix:scripts", "$name\@1");
        my $body = $sha && $redis->ask('HGET', "$prefix:bodies", $sha);
        die "$prefix:scripts has no $name\@1: run 'pyjobs scripts load'\n" unless $body;
        die "the body of $name\@1 is another one\n" if sha1_hex($body) ne $sha;
        $self->{$name} = { sha => $sha, body => $body };
    }
    return $self;
}

# Calls a script of a queue once.
sub once {
    my ($self, $redis, $name, $queue, @args) = @_;
    my $script = $self->{$name};
    my @words = ('EVALSHA', $script->{sha}, 1, $queue, @args);
    my $reply = eval { $redis->ask(@words) };
    return $reply unless $@;
    die $@ unless ref $@ eq 'HASH' && $@->{message} =~ /^NOSCRIPT/;
    $redis->ask('SCRIPT', 'LOAD', $script->{body});
    return $redis->ask(@words);
}

# Calls a script that is safe to repeat, until an answer comes or $enough->() says that it is too late. Between tries
# $meanwhile->() runs.
sub call {
    my ($self, $redis, $enough, $meanwhile, $name, $queue, @args) = @_;
    for (my $pause = 0.05 ; ; $pause = $pause < 1 ? $pause * 2 : 2) {
        my $reply = eval { $self->once($redis, $name, $queue, @args) };
        return $reply unless $@;
        die $@ unless ref $@ eq 'HASH' && ($@->{lost} || $@->{message} =~ $PASSING);
        die $@ if $enough->();
        main::note("no answer to $name: $@->{message}") if $pause > 0.05 && $pause < 0.15;
        $meanwhile->();
        sleep($pause * (0.5 + rand 0.5));
    }
}

# --- what both share ---

package main;

use JSON::PP ();

# Data of one form: a repeated submit is compared byte for byte.
my $JSON = JSON::PP->new->utf8->allow_nonref->canonical;

sub note { print STDERR 'pyjobs: ', @_, "\n"; return }
sub why { my ($error) = @_; return ref $error eq 'HASH' ? $error->{message} : "$error" =~ s/\s+\z//r }

sub random_name {
    open my $random, '<:raw', '/dev/urandom' or die "no random numbers: $!\n";
    read $random, my $bytes, 16;
    return unpack 'H*', $bytes;
}

# Options of a call: name=value words, percent-encoded.
sub options_text {
    my ($options) = @_;
    my $encoded = sub {
        my $text = shift;
        utf8::encode($text) if utf8::is_utf8($text);
        return $text =~ s/([^A-Za-z0-9_.~-])/sprintf '%%%02X', ord $1/ger;
    };
    return join ' ', map { "$_=" . $encoded->($options->{$_}) } grep { defined $options->{$_} } sort keys %$options;
}

# --- a producer ---

package Pyjobs::Producer;

use Time::HiRes qw(time);

my %ENDED = map { $_ => 1 } qw(done failed dead cancelled expired);

# Submits jobs to a queue, and hears how they end.
sub new {
    my ($class, %given) = @_;
    my $prefix = $given{prefix} // $ENV{PYJOBS_PREFIX} // 'jobs';
    my $url = $given{url} // $ENV{PYJOBS_URL} // 'redis://localhost:6379';
    my $self = bless {
        prefix => $prefix, name => $given{queue}, queue => "$prefix:{$given{queue}}", client => main::random_name(),
        redis => Pyjobs::Redis->new($url, 10), hears => Pyjobs::Redis->new($url, 10),
        waiting => {}, ended => {}, pause => 1, looked => time, entered => 0,
    }, $class;
    $self->{scripts} = Pyjobs::Scripts->new($self->{redis}, $prefix, 'reliable/submit', 'queue/result');
    $self->listen;
    $self->enter;
    return $self;
}

sub enter {
    my ($self) = @_;
    return if time - $self->{entered} < 60;
    $self->{redis}->ask('HSET', "$self->{prefix}:queues", $self->{name}, 'reliable');
    $self->{entered} = time;
    return;
}

sub listen { my ($self) = @_; return $self->{hears}->ask('SUBSCRIBE', "$self->{queue}:client:$self->{client}") }

# Submits data, bytes of JSON. Returns the id and the outcome; the id is that of another job when that one holds the unique key.
# Dies of a refusal: CONFLICT, QUEUEFULL, BADARG, TOOLARGE.
sub submit {
    my ($self, $id, $data, $options) = @_;
    my $until = time + 30;
    my @words = ($self->{client}, main::options_text($options // {}), $id // main::random_name(), $data);
    my $reply = $self->{scripts}
        ->call($self->{redis}, sub { time > $until }, sub { }, 'reliable/submit', $self->{queue}, @words);
    my ($stands, $outcome) = @$reply;
    die { lost => 0, message => "CONFLICT: another job has the id $stands" } if $outcome eq 'CONFLICT';
    $self->{waiting}{$stands} = 1;
    $self->look if $ENDED{$outcome};
    return ($stands, $outcome);
}

# How many jobs are waited for, and what a select waits on.
sub waiting { return scalar keys %{ $_[0]{waiting} } }
sub socket { return $_[0]{hears}->socket }

# Reads what has arrived, and returns [id, state, reason, body] of each job that has ended.
sub hear {
    my ($self) = @_;
    eval {
        if (!$self->{hears}->socket) {
            $self->listen;
            $self->look;    # messages were missed
        }
        while ($self->{hears}->arrived) {
            my $message = $self->{hears}->reply(10);
            $self->read_message($message->[2]) if $message->[0] eq 'message';
        }
        1;
    } or main::note(main::why($@));
    # A message may be missed. So the stored results are asked for: each second, and less often when nothing comes for long.
    if ($self->waiting && time - $self->{looked} > $self->{pause}) {
        $self->{pause} = $self->{pause} < 10 ? $self->{pause} * 1.5 : 10;
        eval { $self->enter; $self->look; 1 } or main::note(main::why($@));
    }
    my $ended = $self->{ended};
    $self->{ended} = {};
    return map { [$_, @{ $ended->{$_} }] } sort keys %$ended;
}

sub look {
    my ($self) = @_;
    $self->{looked} = time;
    my @ids = sort keys %{ $self->{waiting} };
    while (my @some = splice @ids, 0, 1000) {
        my $stored = $self->{scripts}->once($self->{redis}, 'queue/result', $self->{queue}, @some);
        unshift @ids, splice @some, scalar @$stored;    # a reply with many bytes has the first jobs only
        for my $at (0 .. $#some) {
            my ($state, $reason, $body) = @{ $stored->[$at] }[0, 1, 5];
            $self->settle($some[$at], length $state ? $state : 'gone', $reason, $body // '')
                if $ENDED{$state} || !length $state;
        }
    }
    return;
}

# A message is lines, each with a body of so many bytes as its last word says.
sub read_message {
    my ($self, $message) = @_;
    while ($message =~ /\G([^\n]*) (\d+)\n/gc) {
        my ($line, $size) = ($1, $2);
        my $body = substr $message, pos $message, $size;
        pos($message) += $size + 1;
        my ($id, $state, $reason, @times) = split / /, $line;
        $self->settle($id, $state, $reason, $body) if @times >= 3 && $ENDED{$state};
    }
    return;
}

sub settle {
    my ($self, $id, @how) = @_;
    $self->{pause} = 1;
    $self->{ended}{$id} = [@how] if delete $self->{waiting}{$id};
    return;
}

# --- a worker ---

package Pyjobs::Worker;

use IO::Select;
use POSIX ();
use Time::HiRes qw(time);

# Does the jobs of a queue. `handlers`: a function for each task, '' for jobs without one. lease and grace: ms.
sub new {
    my ($class, %given) = @_;
    my $prefix = $given{prefix} // $ENV{PYJOBS_PREFIX} // 'jobs';
    my $url = $given{url} // $ENV{PYJOBS_URL} // 'redis://localhost:6379';
    my $lease = $given{lease} // 30_000;
    my $patience = $lease / 3000 > 1 ? $lease / 3000 : 1;
    my $self = bless {
        prefix => $prefix, name => $given{queue}, queue => "$prefix:{$given{queue}}", handlers => $given{handlers},
        lease => $lease, grace => ($given{grace} // 10_000) / 1000, concurrency => $given{concurrency} // 1,
        redis => Pyjobs::Redis->new($url, $patience), waits => Pyjobs::Redis->new($url, 40),
        held => {}, due => 1, parked => 0, beat => time, entered => 0, stopping => 0,
    }, $class;
    my @verbs = map { "reliable/$_" } qw(claim extend complete fail release);
    $self->{scripts} = Pyjobs::Scripts->new($self->{redis}, $prefix, @verbs, 'queue/wake');
    return $self;
}

# Works until SIGTERM or SIGINT; dies when Redis refuses the calls. Handlers run in children, so this loop never waits for long.
sub run {
    my ($self) = @_;
    $self->start_guard;
    pipe my $signalled, my $signals or die "no pipe: $!\n";
    $signals->blocking(0);
    local $SIG{PIPE} = 'IGNORE';
    local @SIG{qw(TERM INT)} = (sub { $self->{stopping} ||= time; syswrite $signals, '.' }) x 2;
    $self->{own} = [$signalled, $signals];
    until ($self->{stopping} && !%{ $self->{held} }) {
        $self->enter unless $self->{stopping};
        $self->tick;
        my $room = $self->{concurrency} - keys %{ $self->{held} };
        $self->claim($room) if $room > 0 && $self->{due} && !$self->{stopping};
        $self->wait_for_something($signalled);
    }
    $self->{waits}->close_it;
    # The wait that was cut off may have taken a token.
    eval { $self->call('queue/wake') };
    return;
}

# A process that ends the children when this one is gone, also after kill -9: it reads their pids, and then the end of the pipe.
sub start_guard {
    my ($self) = @_;
    pipe my $read, my $write or die "no pipe: $!\n";
    my $pid = fork // die "cannot fork: $!\n";
    if (!$pid) {
        close $write;
        $SIG{$_} = 'IGNORE' for qw(TERM INT);
        my %children;
        while (my $line = <$read>) {
            $line =~ /^\+(\d+)/ ? $children{$1} = 1 : $line =~ /^-(\d+)/ && delete $children{$1};
        }
        kill 'KILL', map { -$_ } keys %children if %children;
        POSIX::_exit(0);
    }
    close $read;
    $self->{guard} = $write;
    return;
}

sub enter {
    my ($self) = @_;
    return if time - $self->{entered} < 60;
    my $done = eval { $self->{redis}->ask('HSET', "$self->{prefix}:queues", $self->{name}, 'reliable'); 1 };
    die $@ if !$done && !$self->{entered};
    $self->{entered} = time;
    return;
}

# Calls a script until an answer comes; a worker that stops tries for as long as its lease.
sub call {
    my ($self, $name, @args) = @_;
    my $until = time + $self->{lease} / 1000;
    return $self->{scripts}->call(
        $self->{redis}, sub { $self->{stopping} && time > $until }, sub { $self->tick }, $name, $self->{queue}, @args);
}

sub claim {
    my ($self, $room) = @_;
    my ($nonce, $sent) = (main::random_name(), time);    # a nonce is of one claim, and never used again
    $self->{due} = 0;
    my $reply = eval { $self->call('reliable/claim', $nonce, $room, $self->{lease}, '') };
    if ($@) { return if $self->{stopping}; die $@ }
    my ($wait, @jobs) = @$reply;
    $self->{due} = 1 if $wait == 0;
    my $longest = $self->{lease} < 30_000 ? $self->{lease} : 30_000;
    $wait = $longest if $wait < 0 || $wait > $longest;
    $self->{wait} = $wait > 10 ? $wait / 1000 : 0.01;    # Redis 6.2 takes a millisecond for 0: no end
    $self->begin($_, $sent) for @jobs;
    return;
}

sub begin {
    my ($self, $fields, $sent) = @_;
    my (undef, $id, $token, $data, $attempt, undef, $timeout, $task, $saved) = @$fields;
    my $handler = $self->{handlers}{ $task // '' };
    if ($self->{stopping} || !$handler) {
        eval { $self->call('reliable/release', $self->{stopping} ? '' : 'unknown=1', $id, $token); 1 }
            or main::note("job $id: ", main::why($@));
        return;
    }
    pipe my $read, my $write or die "no pipe: $!\n";
    my $pid = fork // die "cannot fork: $!\n";
    if (!$pid) {
        close $_ for $read, $self->{guard}, @{ $self->{own} };
        run_child($write, $handler, { id => $id, attempt => $attempt, task => $task // '', bytes => $data, saved => $saved });
    }
    POSIX::setpgid($pid, $pid);
    close $write;
    $read->blocking(0);
    syswrite $self->{guard}, "+$pid\n";
    $self->{held}{$id} = {
        id => $id, token => $token, pid => $pid, pipe => $read, said => '', ends => $sent + $self->{lease} / 1000,
        late => $timeout > 0 ? time + $timeout / 1000 : 0, timeout => $timeout,
    };
    return;
}

# In the child: runs the handler, and writes the script and the last words of the call that records its outcome.
sub run_child {
    my ($pipe, $handler, $job) = @_;
    POSIX::setpgid(0, 0);
    $SIG{$_} = 'DEFAULT' for qw(TERM INT PIPE);
    my ($what, $body);
    my $done = eval {
        $job->{data} = eval { $JSON->decode($job->{bytes}) };
        if ($@) { ($what, $body) = ('fail reject', failure('Undecodable', "not JSON: $@")) }
        else { ($what, $body) = ('complete', $JSON->encode($handler->($job))) }
        1;
    };
    ($what, $body) = ('fail retry', failure(ref $@ || 'Error', main::why($@))) unless $done;
    my $text = "$what\n$body";
    for (my $sent = 0 ; $sent < length $text ;) { $sent += syswrite($pipe, $text, 65_536, $sent) // last }
    POSIX::_exit(0);
}

sub failure {
    my ($type, $message) = @_;
    $message =~ s/ at \S+ line \d+\.?\s*\z//;
    utf8::decode($message) unless utf8::is_utf8($message);
    return $JSON->encode({ type => $type, message => $message, traceback => '' });
}

# What time brings: heartbeats, timeouts, the end of the grace, and children that have ended.
sub tick {
    my ($self) = @_;
    return if $self->{ticking};
    local $self->{ticking} = 1;
    $self->extend if %{ $self->{held} } && time - $self->{beat} >= $self->{lease} / 3000;
    for my $run (values %{ $self->{held} }) {
        next if $run->{cut};
        my $over = $self->{stopping} && time > $self->{stopping} + $self->{grace};
        $self->cut($run, 'timeout') if $run->{late} && time > $run->{late};
        $self->cut($run, 'stopped') if $over && !$run->{cut};
    }
    $self->read_child($_) for values %{ $self->{held} };
    return;
}

sub cut {
    my ($self, $run, $why) = @_;
    $run->{cut} //= $why;
    kill 'KILL', -$run->{pid};
    return;
}

sub extend {
    my ($self) = @_;
    $self->{beat} = time;
    my @runs = values %{ $self->{held} };
    my @items = map { ($_->{id}, $_->{token}) } @runs;
    my $sent = time;
    my $words = eval { $self->{scripts}->once($self->{redis}, 'reliable/extend', $self->{queue}, $self->{lease}, @items) };
    main::note('leases were not renewed: ', main::why($@)) if $@;
    for my $at (0 .. $#runs) {
        my $word = $words && $words->[$at];
        if (($word // '') eq 'inflight') { $runs[$at]{ends} = $sent + $self->{lease} / 1000 }
        elsif ($word || time > $runs[$at]{ends}) { $self->cut($runs[$at], $word // 'unrenewed') }
    }
    return;
}

sub read_child {
    my ($self, $run) = @_;
    return if $run->{recording};
    while (1) {
        my $count = sysread $run->{pipe}, $run->{said}, 65_536, length $run->{said};
        return if !defined $count;    # nothing more at present
        last if !$count;
    }
    waitpid $run->{pid}, 0;
    syswrite $self->{guard}, "-$run->{pid}\n";
    $run->{recording} = 1;            # still held: its lease is renewed until the outcome is recorded
    local $self->{ticking} = 0;
    eval { $self->record($run, $?); 1 } or main::note("job $run->{id}: its outcome was not recorded: ", main::why($@));
    delete $self->{held}{ $run->{id} };
    $self->{due} = 1;
    return;
}

sub record {
    my ($self, $run, $status) = @_;
    my ($id, $token, $cut) = @$run{qw(id token cut)};
    my ($what, $body) = split /\n/, $run->{said}, 2;
    ($what, $body) = ('fail retry', failure('TimeoutError', 'took longer than ' . $run->{timeout} / 1000 . ' s'))
        if $cut && $cut eq 'timeout';
    $body = failure('Crashed', 'its process ended with status ' . $status) and $what = 'fail retry' unless defined $body;
    if ($cut && $cut =~ /^(?:unrenewed|stopped)$/) { $self->call('reliable/release', '', $id, $token) }
    elsif ($cut && $cut ne 'timeout') { main::note("job $id: its run was ended: $cut") }
    else {
        my ($verb, @verdict) = split / /, $what;
        return if eval { $self->call("reliable/$verb", '', $id, $token, @verdict, $body); 1 };
        die $@ unless main::why($@) =~ /^(?:TOOLARGE|BADARG)/;
        $self->call('reliable/fail', '', $id, $token, 'reject', failure('Refused', main::why($@)));
    }
    return;
}

# Waits until a child says something, a signal or a wake token comes, or something is due.
sub wait_for_something {
    my ($self, $signalled) = @_;
    my $room = $self->{concurrency} - keys %{ $self->{held} };
    my $idle = $room > 0 && !$self->{due} && !$self->{stopping};
    if ($idle && !$self->{parked}) {
        $self->{parked} = eval { $self->{waits}->write_command('BLPOP', "$self->{queue}:wake", $self->{wait}); time };
        $self->{parked} //= 0;
        $self->{due} = 1 unless $self->{parked};
    }
    my $until = time + 1;
    for my $run (values %{ $self->{held} }) {
        for my $at ($run->{late}, $self->{stopping} && $self->{stopping} + $self->{grace}, $self->{beat} + $self->{lease} / 3000) {
            $until = $at if $at && $at < $until;
        }
    }
    my @handles = ($signalled, map { $_->{pipe} } values %{ $self->{held} });
    push @handles, $self->{waits}->socket if $self->{parked} && $self->{waits}->socket;
    my $left = $until - time;
    my @ready = IO::Select->new(@handles)->can_read($left > 0 ? $left : 0);
    sysread $signalled, my $dots, 100 if grep { $_ == $signalled } @ready;
    return unless $self->{parked} && $self->{waits}->socket;
    if (grep { $_ == $self->{waits}->socket } @ready) {
        my $token = eval { $self->{waits}->reply(5) };
        $self->{parked} = 0;
        $self->{due} = 1;
        # There may be no room any more, so the token is another worker's.
        eval { $self->call('queue/wake') } if $token && $room <= 0;
        Time::HiRes::sleep(0.2) if $@ && !$self->{stopping};
    }
    return;
}

# --- the command ---

package main;

sub work {
    my ($queue, $file, %options) = @_;
    my $given = do($file =~ m{^/} ? $file : "./$file") or die "$file: " . ($@ || $! || 'returns nothing') . "\n";
    my $handlers = ref $given eq 'CODE' ? { '' => $given } : $given;
    Pyjobs::Worker->new(queue => $queue, handlers => $handlers, %options)->run;
    return;
}

sub submit {
    my ($queue) = @_;
    local $| = 1;
    my $producer = Pyjobs::Producer->new(queue => $queue);
    my ($lines, $open) = ('', 1);
    my $say = sub { print $JSON->encode({@_}), "\n" };
    while ($open || $producer->waiting) {
        my @handles = (($open ? \*STDIN : ()), grep { defined } $producer->socket);
        my @ready = IO::Select->new(@handles)->can_read(0.25);
        if ($open && grep { $_ == \*STDIN } @ready) {
            $open = sysread STDIN, $lines, 65_536, length $lines;
            while ($lines =~ s/^(.*)\n//) {
                my $job = $JSON->decode($1);
                my ($id, $outcome) = eval { $producer->submit($job->{id}, $JSON->encode($job->{data}), $job->{options}) };
                $@ ? $say->(id => $job->{id}, error => why($@)) : $say->(id => $id, outcome => $outcome);
            }
        }
        for my $ended ($producer->hear) {
            my ($id, $state, $reason, $body) = @$ended;
            my $value = length $body ? $JSON->decode($body) : undef;
            $say->(id => $id, state => $state, $state eq 'done' ? (result => $value) : (reason => $reason, error => $value));
        }
    }
    return;
}

sub command {
    my %options;
    my @words;
    while (@_) {
        my $word = shift;
        if (@_ && $_[0] =~ /^\d+$/ && $word =~ /^--(lease|grace|concurrency)$/) { $options{$1} = shift }
        else { push @words, $word }
    }
    my ($command, @given) = @words;
    if (($command // '') eq 'work' && @given == 2) { work(@given, %options) }
    elsif (($command // '') eq 'submit' && @given == 1 && !%options) { submit(@given) }
    else {
        print STDERR "usage: pyjobs.pl work QUEUE FILE [--lease MS] [--grace MS] [--concurrency N] | pyjobs.pl submit QUEUE\n";
        exit 2;
    }
    exit 0;
}

if (!caller) {
    eval { command(@ARGV); 1 } or do { note(why($@)); exit 1 };
}
1;
