import java.io.*;
import java.net.*;
import java.net.http.*;
import java.net.http.HttpRequest.*;
import java.nio.charset.StandardCharsets;
import java.nio.file.*;
import java.util.zip.GZIPOutputStream;

/** The JDK's HttpClient: java Jdk.java BASE PICTURE LARGE VERSION. */
class Jdk {
    static HttpClient client;
    static String base;

    static void send(String name, String path, String method, BodyPublisher body, String... headers) throws Exception {
        var request = HttpRequest.newBuilder(URI.create(base + path)).method(method, body);
        if (headers.length > 0) request.headers(headers);
        try {
            var response = client.send(request.build(), HttpResponse.BodyHandlers.ofString());
            System.out.println(name + "\t" + response.statusCode() + "\t" + response.body().replace("\n", " "));
        } catch (IOException error) {
            System.out.println(name + "\t0\t" + error);
        }
    }

    static byte[] gzip(byte[] content) throws IOException {
        var out = new ByteArrayOutputStream();
        try (var stream = new GZIPOutputStream(out)) { stream.write(content); }
        return out.toByteArray();
    }

    static byte[] form(byte[] content) throws IOException {
        var out = new ByteArrayOutputStream();
        out.write("--b\r\nContent-Disposition: form-data; name=\"a\"; filename=\"a.png\"\r\n\r\n".getBytes(StandardCharsets.UTF_8));
        out.write(content);
        out.write("\r\n--b--\r\n".getBytes(StandardCharsets.UTF_8));
        return out.toByteArray();
    }

    public static void main(String[] arguments) throws Exception {
        base = arguments[0];
        var picture = Path.of(arguments[1]);
        var large = Path.of(arguments[2]);
        var content = Files.readAllBytes(picture);
        client = HttpClient.newBuilder().version(HttpClient.Version.valueOf(arguments[3])).build();
        var chunked = BodyPublishers.ofInputStream(() -> new ByteArrayInputStream(content));
        send("post", "/predict", "POST", BodyPublishers.ofFile(picture));
        send("probe", "/v2/health/ready", "GET", BodyPublishers.noBody());
        send("head", "/v2/health/ready", "HEAD", BodyPublishers.noBody());
        send("chunked", "/predict", "POST", chunked);
        send("gzip", "/predict", "POST", BodyPublishers.ofByteArray(gzip(content)), "Content-Encoding", "gzip");
        send("form", "/predict", "POST", BodyPublishers.ofByteArray(form(content)), "Content-Type", "multipart/form-data; boundary=b");
        send("too large", "/predict", "POST", BodyPublishers.ofFile(large));
        for (int i = 0; i < 3; i++) send("again", "/predict", "POST", BodyPublishers.ofByteArray(content));
        if (arguments[3].equals("HTTP_1_1")) send("continue", "/predict", "POST", BodyPublishers.ofByteArray(content));
        client = HttpClient.newHttpClient();
        send("first chunked", "/predict", "POST", chunked);
    }
}
