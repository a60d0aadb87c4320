# The handler of an examination, for the worker in Perl:
#   perl docs/clients/pyjobs.pl work exam docs/clients/exam.pl --lease 1500 --grace 1000
use strict;
use warnings;
use Time::HiRes ();

my $run = sub {
    my ($job) = @_;
    my $data = $job->{data};
    my $note = sub {
        open my $log, '>>', $data->{log} or die "$data->{log}: $!\n";
        print {$log} "$_[0] $job->{id} $job->{attempt} perl\n";
        close $log;
    };
    $note->('start');
    Time::HiRes::sleep(($data->{sleep} // 0) / 1000) if $job->{attempt} <= ($data->{sleeps} // $job->{attempt});
    $note->('end');
    die "$data->{message}\n" if $job->{attempt} <= ($data->{fails} // 0);
    return 'x' x $data->{bytes} if $data->{bytes};
    return $data->{value};
};

return { '' => $run, 'exam.known' => sub { undef } };
