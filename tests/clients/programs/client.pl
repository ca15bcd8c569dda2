# Perl's LWP: perl client.pl BASE PICTURE LARGE
use strict;
use warnings;
use Compress::Zlib;
use HTTP::Request;
use LWP::UserAgent;

my ($base, $picture_file, $large_file) = @ARGV;
my $agent = LWP::UserAgent->new(keep_alive => 1);
$agent->ssl_opts(SSL_ca_file => $ENV{CA}) if $ENV{CA};

sub content { local $/; open(my $file, "<:raw", shift) or die; return <$file>; }

sub send_one {
    my ($name, $method, $path, $body, @headers) = @_;
    my $response = $agent->request(HTTP::Request->new($method, $base . $path, [@headers], $body));
    my $text = $response->content;
    $text =~ s/\n/ /g;
    my $status = ($response->header("Client-Warning") // "") eq "Internal response" ? 0 : $response->code;
    print "$name\t$status\t$text\n";
}

my $picture = content($picture_file);
my $form = qq{--b\r\nContent-Disposition: form-data; name="a"; filename="a.png"\r\n\r\n$picture\r\n--b--\r\n};
my @pieces = ($picture);
send_one("probe", "GET", "/v2/health/ready");
send_one("head", "HEAD", "/v2/health/ready");
send_one("post", "POST", "/predict", $picture);
send_one("chunked", "POST", "/predict", sub { shift(@pieces) // "" });
send_one("gzip", "POST", "/predict", Compress::Zlib::memGzip($picture), "Content-Encoding", "gzip");
send_one("form", "POST", "/predict", $form, "Content-Type", "multipart/form-data; boundary=b");
send_one("too large", "POST", "/predict", content($large_file));
send_one("again", "POST", "/predict", $picture) for 1 .. 3;
