<?php
// PHP's streams or curl: php client.php BASE PICTURE LARGE MODULE
[, $base, $pictureFile, $largeFile, $module] = $argv;
$picture = file_get_contents($pictureFile);
$large = file_get_contents($largeFile);

function byStream(string $url, string $method, ?string $body, array $headers): array {
    $http = ["method" => $method, "header" => $headers, "content" => $body ?? "", "ignore_errors" => true];
    $context = stream_context_create(["http" => $http, "ssl" => ["cafile" => getenv("CA")]]);
    $text = file_get_contents($url, false, $context);
    return [(int) explode(" ", $http_response_header[0] ?? "- 0")[1], (string) $text];
}

$curl = curl_init();
function byCurl(string $url, string $method, ?string $body, array $headers): array {
    global $curl;
    curl_reset($curl);
    curl_setopt_array($curl, [CURLOPT_URL => $url, CURLOPT_RETURNTRANSFER => true, CURLOPT_HTTPHEADER => $headers]);
    if (getenv("CA")) curl_setopt($curl, CURLOPT_CAINFO, getenv("CA"));
    if ($method === "HEAD") curl_setopt($curl, CURLOPT_NOBODY, true);
    if ($body !== null) curl_setopt($curl, CURLOPT_POSTFIELDS, $body);
    $text = curl_exec($curl);
    return [curl_getinfo($curl, CURLINFO_RESPONSE_CODE), $text === false ? curl_error($curl) : $text];
}

function send(string $name, string $path, string $method, ?string $body = null, array $headers = []): void {
    global $base, $module;
    [$status, $text] = $module === "curl" ? byCurl($base . $path, $method, $body, $headers) : byStream($base . $path, $method, $body, $headers);
    echo $name, "\t", $status, "\t", str_replace("\n", " ", $text), "\n";
}

$form = "--b\r\nContent-Disposition: form-data; name=\"a\"; filename=\"a.png\"\r\n\r\n$picture\r\n--b--\r\n";
send("probe", "/v2/health/ready", "GET");
send("head", "/v2/health/ready", "HEAD");
send("post", "/predict", "POST", $picture, ["Content-Type: image/png"]);
send("gzip", "/predict", "POST", gzencode($picture), ["Content-Encoding: gzip", "Content-Type: image/png"]);
send("form", "/predict", "POST", $form, ["Content-Type: multipart/form-data; boundary=b"]);
send("too large", "/predict", "POST", $large, ["Content-Type: image/png"]);
for ($i = 0; $i < 3; $i++) send("again", "/predict", "POST", $picture, ["Content-Type: image/png"]);
