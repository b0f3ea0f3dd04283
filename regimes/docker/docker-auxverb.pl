# The auxverb of a container: `perl docker-auxverb.pl CONFIG PROGRAM ARG…`. It speaks to the engine
# itself, over its unix socket: a docker CLI takes 40 ms to start, can't tell a container that is gone
# from a command that failed, and hangs on processes that a finished command leaves behind.
# CONFIG: SOCKET, API (as /v1.41), CONTAINER, STAND-IN (empty where there is a shell), then VAR=VALUE…,
# each ended by a NUL.
# It ends as the command did; 255 says that the container has gone.
use strict;
use warnings;
use Socket;

my ($config, @command) = @ARGV;
my ($program) = $0;
sub gone { print STDERR "regime: $_[0]\n"; exit 255 }

open(my $file, '<', $config) or gone('the testbed has gone');
my ($socket_path, $api, $container, $stand_in, @environment) =
    split /\0/, do { local $/; <$file> } // '';
close $file;

my $terminal = -t STDIN && -t STDOUT;
# Asking for no stdin saves the process that would feed it.
my $feeds = !(-c STDIN && (stat STDIN)[6] == ((1 << 8) | 3));    # /dev/null is 1:3
my ($exec, $feeder, $restore, $questions);

# Whoever ends the auxverb means the command too.
for my $name (grep { ($SIG{$_} // '') ne 'IGNORE' } qw(HUP INT QUIT TERM PIPE)) {
    $SIG{$name} = sub {
        $restore->() if $restore;
        kill 'KILL', $feeder if $feeder;
        end_command() if $exec;
        $SIG{$name} = 'DEFAULT';
        kill $name, $$;
    };
}

my $engine = connect_engine() or gone("the engine does not answer: $!");
my $create = json(
    Cmd => [command_line()], AttachStdin => \$feeds, AttachStdout => \1, AttachStderr => \1,
    Tty => \$terminal, WorkingDir => '/',
);
my ($status, $answer) = request($engine, 'POST', "/containers/$container/exec", $create);
($exec) = ($answer // '') =~ /"Id":\s*"([0-9a-f]+)"/ or gone(reason($answer));
my $start = json(Detach => \0, Tty => \$terminal);
# A connection that is upgraded carries the streams, and each side may end its own.
send_request($engine, 'POST', "/exec/$exec/start", $start, "Connection: Upgrade\r\nUpgrade: tcp\r\n");
# An engine may never say of a container that dies just now that the command can't be started, nor that
# one went with it: so the container is looked at now and then.
until (readable(2)) { gone('the testbed has gone') unless container_runs() }
my ($head, $buffer) = read_head($engine);
my ($code) = ($head // '') =~ m{^HTTP/1\.\d (\d+)};
gone(reason($buffer)) unless $code && ($code == 101 || $code == 200);
take_terminal() if $terminal;
feed() if $feeds;

# Frames of 8 bytes of head: the stream's number, three zeroes, the length (big-endian).
my ($stream, $left) = (undef, 0);
# A command that has ended may have left a process behind that holds its output: no end of the stream
# comes then. All that the command wrote is still to arrive, however busy the engine is: so we go when
# it answers three times in 200 ms and hands nothing on between. Who goes on writing gets no further
# than what can be on its way (an engine buffers about 1 MiB), and no more than 2 s of waiting.
my ($next_look, $ended, $silences, $waited, $underway, $looks) = (time_now() + 0.25, 0, 0, 0, 4 << 20, 0);
for (;;) {
    last unless drain();
    my $now = time_now();
    my $silent = !readable($next_look > $now ? $next_look - $now : 0);
    if (!$silent) {
        my $read = sysread $engine, $buffer, 65536, length $buffer;
        next if !defined $read && $!{EINTR};
        last unless $read;
        $silences = 0;
        $underway -= $read if $ended;
        last if $underway < 0;
    }
    $waited += time_now() - $now if $ended;
    next if time_now() < $next_look;
    my ($running) = inspect();
    $running = 0 if $running && ++$looks % 8 == 0 && !container_runs();
    $next_look = time_now() + ($running ? 0.25 : 0.1);
    next if $running;
    $ended = 1;
    last if $silent && (++$silences > 2 || $waited > 2);
}
kill 'KILL', $feeder if $feeder;
$restore->() if $restore;

for my $try (1 .. 200) {
    my ($running, $exit) = inspect();
    if (!$running && defined $exit) {
        # Was it the command that was killed, or all of the container?
        gone('the testbed has gone') if $exit == 137 && container_ends();
        exit($exit > 253 ? 253 : $exit);
    }
    select undef, undef, undef, 0.01;
}
gone('the testbed has gone: the engine does not say how the command ended');

sub time_now { require Time::HiRes; return Time::HiRes::time() }

sub readable {
    my ($wait) = @_;
    my $wanted = '';
    vec($wanted, fileno $engine, 1) = 1;
    return select($wanted, undef, undef, $wait) > 0;
}

# Hands on what the buffer holds of the command's output. False where nobody takes it.
sub drain {
    if ($terminal) { write_all(*STDOUT, $buffer); $buffer = ''; return 1 }
    for (;;) {
        if (!$left) {
            return 1 if length $buffer < 8;
            ($stream, $left) = unpack 'C x3 N', substr $buffer, 0, 8, '';
            next;
        }
        return 1 unless length $buffer;
        my $piece = substr $buffer, 0, $left, '';
        $left -= length $piece;
        write_all($stream == 2 ? *STDERR : *STDOUT, $piece);
    }
}

sub write_all {
    my ($handle, $data) = @_;
    while (length $data) {
        my $written = syswrite $handle, $data;
        if (defined $written) { substr $data, 0, $written, ''; next }
        next if $!{EINTR};
        return unless $!{EAGAIN};    # a pipe that the caller made so
        my $wanted = '';
        vec($wanted, fileno $handle, 1) = 1;
        select undef, $wanted, undef, 1;
    }
}

# A process of its own: with one that does both, a command that writes before it reads would block
# us for good.
sub feed {
    $SIG{CHLD} = 'IGNORE';
    my $parent = $$;
    $feeder = fork // gone("fork: $!");
    return if $feeder;
    $SIG{$_} = 'DEFAULT' for qw(HUP INT QUIT TERM PIPE);
    $restore = undef;
    close STDOUT;
    for (;;) {
        my $read = sysread STDIN, my $data, 65536;
        if (!defined $read) {
            next if $!{EINTR};
            last unless $!{EAGAIN};
            my $wanted = '';
            vec($wanted, fileno STDIN, 1) = 1;
            select $wanted, undef, undef, 1;
            next;
        }
        last if $read == 0 || getppid != $parent;
        write_all($engine, $data);
    }
    shutdown $engine, 1;
    require POSIX;
    POSIX::_exit(0);
}

# The terminal passes on every key; its size goes along.
sub take_terminal {
    my $saved = `stty -g 2>/dev/null`;
    chomp $saved;
    system 'stty', 'raw', '-echo';
    $restore = sub { system 'stty', $saved };
    my $resize = sub {
        my ($rows, $columns) = split ' ', `stty size 2>/dev/null`;
        my $other = $rows && connect_engine() or return;
        request($other, 'POST', "/exec/$exec/resize?h=$rows&w=$columns", '');
    };
    $SIG{WINCH} = $resize;
    $resize->();
}

# Kills the command and its process group where the engine's processes are this kernel's and ours to
# kill. Elsewhere they end with the testbed.
sub end_command {
    my $pid;
    # The engine knows the process only a moment after it has begun to write.
    for (1 .. 40) {
        (undef, undef, $pid) = inspect();
        last if $pid;
        select undef, undef, undef, 0.05;
    }
    return unless $pid;
    open(my $cgroup, '<', "/proc/$pid/cgroup") or return;
    return unless do { local $/; <$cgroup> } =~ /\Q$container\E/;
    kill 'KILL', -$pid;
    kill 'KILL', $pid;
}

# Whether the command runs, its exit status, its process.
sub inspect {
    my ($status, $answer) = ask("/exec/$exec/json");
    gone(reason($answer)) unless $status == 200;
    my ($running) = $answer =~ /"Running":\s*(true|false)/;
    my ($exit) = $answer =~ /"ExitCode":\s*(\d+)/;
    my ($pid) = $answer =~ /"Pid":\s*(\d+)/;
    return (($running // '') eq 'true', $exit, $pid);
}

sub container_runs {
    my ($status, $answer) = ask("/containers/$container/json");
    return $status == 200 && $answer =~ /"Running":\s*true/;
}

# The engine hears of a container's end some time after the kernel has killed all that ran in it.
sub container_ends {
    for (1 .. 10) {
        return 1 unless container_runs();
        select undef, undef, undef, 0.05;
    }
    return 0;
}

# Questions go over a connection of their own, which is kept: a new one to an engine elsewhere takes a
# while. It may have ended since the last one.
sub ask {
    my ($path) = @_;
    local $SIG{PIPE} = 'IGNORE';
    for my $kept ($questions, undef) {
        $questions = $kept // connect_engine() or last;
        my ($status, $answer) = request($questions, 'GET', $path, undef);
        return ($status, $answer) if defined $status;
        last unless $kept;
    }
    gone(reason(undef));
}

# Why there is no testbed any more, in the engine's words.
sub reason {
    my ($said) = ($_[0] // 'the engine does not answer') =~ /"message":\s*"((?:[^"\\]|\\.)*)"/;
    $said = $_[0] // 'the engine does not answer' unless defined $said;
    $said =~ s/\\(.)/$1/g;
    return "the testbed has gone: $said";
}

sub connect_engine {
    socket(my $handle, PF_UNIX, SOCK_STREAM, 0) or return;
    connect($handle, sockaddr_un($socket_path)) or return;
    return $handle;
}

sub send_request {
    my ($handle, $method, $path, $body, $headers) = @_;
    my $length = defined $body ? length $body : 0;
    my $text = "$method $api$path HTTP/1.1\r\nHost: engine\r\nContent-Type: application/json\r\n";
    write_all($handle, "$text${headers}Content-Length: $length\r\n\r\n" . ($body // ''));
}

sub read_head {
    my ($handle) = @_;
    my $text = '';
    until ($text =~ /\r\n\r\n/) {
        my $read = sysread $handle, $text, 65536, length $text;
        next if !defined $read && $!{EINTR};
        return unless $read;
    }
    return split /\r\n\r\n/, $text, 2;
}

# Sends a request and reads the whole of its answer: status and body; nothing where there is none.
sub request {
    my ($handle, $method, $path, $body) = @_;
    send_request($handle, $method, $path, $body, '');
    my ($head, $text) = read_head($handle);
    return unless defined $head;
    my ($status) = $head =~ m{^HTTP/1\.\d (\d+)};
    my ($length) = $head =~ /^Content-Length:\s*(\d+)/im;
    $length = 0 if !defined $length && $status == 204;
    # Chunks are not taken apart: what we look for does not depend on it.
    until (defined $length ? length $text >= $length : $text =~ /(?:^|\r\n)0\r\n\r\n$/) {
        my $read = sysread $handle, $text, 65536, length $text;
        next if !defined $read && $!{EINTR};
        last unless $read;
    }
    return ($status, $text);
}

sub command_line {
    my @words = @command;
    if ($stand_in) {
        @words = ('run', @environment, '--', @words);
        return ($stand_in, @words) unless grep { !is_utf8($_) } @words;
        return ($stand_in, 'decode', map { escaped($_) } @words);
    }
    if (@environment) {
        # env(1) would take a program whose name holds = for a variable.
        @words = ('sh', '-c', 'exec "$0" "$@"', @words) if $words[0] =~ /=/;
        @words = ('env', '-i', @environment, @words);
    }
    return @words unless grep { !is_utf8($_) } @words;
    # JSON carries text only: other bytes travel as octal escapes.
    my $rebuild = <<'END';
LC_ALL=C
n=$#
while [ "$n" -gt 0 ]; do
  a=$(printf '%b.' "$1"); a=${a%.}
  shift
  set -- "$@" "$a"
  n=$((n - 1))
done
unset n a
exec "$@"
END
    return ('sh', '-c', $rebuild, 'sh', map { escaped($_) } @words);
}

sub escaped {
    my ($word) = @_;
    $word =~ s/([^A-Za-z0-9\/._-])/sprintf '\\0%03o', ord $1/ge;
    return $word;
}

sub is_utf8 {
    return $_[0] =~ /^(?:[\x00-\x7f]|[\xc2-\xdf][\x80-\xbf]|\xe0[\xa0-\xbf][\x80-\xbf]
        |[\xe1-\xec\xee\xef][\x80-\xbf]{2}|\xed[\x80-\x9f][\x80-\xbf]|\xf0[\x90-\xbf][\x80-\xbf]{2}
        |[\xf1-\xf3][\x80-\xbf]{3}|\xf4[\x80-\x8f][\x80-\xbf]{2})*$/xs;
}

# References stand for booleans.
sub json {
    my @members;
    while (my ($key, $value) = splice @_, 0, 2) {
        my $text = ref $value eq 'ARRAY' ? '[' . join(',', map { quote($_) } @$value) . ']'
            : ref $value ? ($$value ? 'true' : 'false') : quote($value);
        push @members, quote($key) . ":$text";
    }
    return '{' . join(',', @members) . '}';
}

sub quote {
    my ($text) = @_;
    $text =~ s/([\x00-\x1f"\\])/sprintf '\\u%04x', ord $1/ge;
    return "\"$text\"";
}
