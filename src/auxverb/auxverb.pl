# The auxverb of a testbed that is reached through the server: `perl auxverb.pl SOCKET PROGRAM ARG…`.
# It ends as the command did; 255 says that the testbed has gone. frames.ts has what is said over the
# socket. The caller's descriptors are shared with others, so they never get O_NONBLOCK: a pipe is opened
# once more, for us alone.
use strict;
use warnings;
use Fcntl;
use Socket;

my ($path, @command) = @ARGV;
exit 0 unless @command;    # a server sees that it runs here
my $restore;
sub gone { $restore->() if $restore; print STDERR "regime: $_[0]\n"; exit 255 }

# A caller may have closed one of them: what we open must not take its place.
my @held;
do { open(my $null, '+<', '/dev/null') or gone("/dev/null: $!"); push @held, $null } while fileno $held[-1] < 3;

socket(my $server, PF_UNIX, SOCK_STREAM, 0) or gone("socket: $!");
connect($server, sockaddr_un($path)) or gone('the testbed has gone');
fcntl($server, F_SETFL, O_NONBLOCK) or gone("fcntl: $!");

my $terminal = -t STDIN && -t STDOUT;
my $to_server = frame('a', join '', map { "$_\0" } $terminal ? ($ENV{TERM} || 'dumb', window()) : ('', 0, 0), @command);
my $from_server = '';
my $input = own(*STDIN, O_RDONLY);
my %output = (o => { handle => own(*STDOUT, O_WRONLY) }, r => { handle => own(*STDERR, O_WRONLY) });
$_->{unwritten} = '' for values %output;
my ($resized, $untaken, $status) = (0, 0);
take_terminal() if $terminal;

for (;;) {
    if ($resized) { $resized = 0; $to_server .= frame('w', join '', map { "$_\0" } window()) }
    my ($read, $write) = ('', '');
    my $unwritten = 0;
    $unwritten += length $_->{unwritten} for values %output;
    exit_with($status) if defined $status && !$unwritten;
    # What one side does not take is not asked for of the other.
    vec($read, fileno $input, 1) = 1 if $input && $untaken < 262144;
    vec($read, fileno $server, 1) = 1 if !defined $status && $unwritten < 65536;
    vec($write, fileno $server, 1) = 1 if length $to_server && !defined $status;
    for (values %output) { vec($write, fileno $_->{handle}, 1) = 1 if length $_->{unwritten} }
    select($read, $write, undef, undef) >= 0 or next;

    if ($input && vec $read, fileno $input, 1) {
        my $got = sysread $input, my $data, 65536;
        if ($got) { $to_server .= frame('i', $data); $untaken += $got }
        elsif (defined $got || !$!{EAGAIN} && !$!{EINTR}) { undef $input; $to_server .= frame('e', '') }
    }
    if (vec $write, fileno $server, 1) {
        my $sent = send $server, $to_server, 0x4000;    # MSG_NOSIGNAL
        if ($sent) { substr $to_server, 0, $sent, '' }
        elsif (!$!{EAGAIN} && !$!{EINTR}) { $to_server = ''; undef $input }    # its last words are to be read
    }
    if (vec $read, fileno $server, 1) {
        my $got = sysread $server, $from_server, 131072, length $from_server;
        if ($got) { take_frames() }
        elsif (defined $got || !$!{EAGAIN} && !$!{EINTR}) { gone('the testbed has gone') }
    }
    for (values %output) { write_some($_) if length $_->{unwritten} && vec $write, fileno $_->{handle}, 1 }
}

sub frame { return pack('a N', $_[0], length $_[1]) . $_[1] }

sub take_frames {
    while (length $from_server >= 5) {
        my ($kind, $length) = unpack 'a N', $from_server;
        return if length $from_server < 5 + $length;
        my $data = substr $from_server, 5, $length;
        substr $from_server, 0, 5 + $length, '';
        if    ($output{$kind}) { $output{$kind}{unwritten} .= $data }
        elsif ($kind eq 'k')   { $untaken -= $data }
        elsif ($kind eq 'x')   { $status = $data }
        elsif ($kind eq 'g')   { gone($data) }
    }
}

# A description of our own for a pipe; else the handle itself.
sub own {
    my ($handle, $mode) = @_;
    return $handle unless -p $handle;
    sysopen(my $own, '/proc/self/fd/' . fileno $handle, $mode | O_NONBLOCK) or return $handle;
    return $own;
}

sub write_some {
    my ($stream) = @_;
    my $handle = $stream->{handle};
    # Where writing may block, no more than fits once select has said that something does.
    my $sent = -S $handle
        ? send($handle, $stream->{unwritten}, 0x40)    # MSG_DONTWAIT
        : syswrite($handle, $stream->{unwritten}, -p $handle && $handle =~ /STD/ ? 4096 : 65536);
    if    (defined $sent) { substr $stream->{unwritten}, 0, $sent, '' }
    elsif ($!{EPIPE}) {    # with SIGPIPE ignored; the command ends with us
        $restore->() if $restore;
        $SIG{PIPE} = 'DEFAULT';
        kill 'PIPE', $$;
    }
    elsif (!$!{EAGAIN} && !$!{EINTR}) { $stream->{unwritten} = '' }
}

sub window {
    my ($rows, $columns) = split ' ', `stty size 2>/dev/null`;
    return ($rows // 24, $columns // 80);
}

# Every key goes to the far side, whose terminal gives it its meaning.
sub take_terminal {
    chomp(my $saved = `stty -g 2>/dev/null`);
    system 'stty', 'raw', '-echo';
    $restore = sub { system 'stty', $saved };
    $SIG{WINCH} = sub { $resized = 1 };
    for my $name (qw(HUP INT QUIT TERM PIPE)) {
        $SIG{$name} = sub { $restore->(); $SIG{$name} = 'DEFAULT'; kill $name, $$ };
    }
}

sub exit_with {
    $restore->() if $restore;
    exit $_[0];
}
