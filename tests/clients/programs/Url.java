import java.io.*;
import java.net.*;
import java.nio.file.*;

/** java.net.HttpURLConnection: java Url.java BASE PICTURE LARGE. */
class Url {
    static void send(String name, String url, String method, byte[] body, int chunk, String... header) throws Exception {
        var connection = (HttpURLConnection) new URL(url).openConnection();
        connection.setRequestMethod(method);
        if (header.length > 0) connection.setRequestProperty(header[0], header[1]);
        try {
            if (body != null) {
                connection.setDoOutput(true);
                if (chunk > 0) connection.setChunkedStreamingMode(chunk);
                try (var out = connection.getOutputStream()) { out.write(body); }
            }
            int status = connection.getResponseCode();
            var stream = status < 400 ? connection.getInputStream() : connection.getErrorStream();
            System.out.println(name + "\t" + status + "\t" + new String(stream == null ? new byte[0] : stream.readAllBytes()).replace("\n", " "));
        } catch (IOException error) {
            System.out.println(name + "\t0\t" + error);
        }
    }

    public static void main(String[] arguments) throws Exception {
        var base = arguments[0];
        var picture = Files.readAllBytes(Path.of(arguments[1]));
        send("probe", base + "/v2/health/ready", "GET", null, 0);
        send("head", base + "/v2/health/ready", "HEAD", null, 0);
        send("post", base + "/predict", "POST", picture, 0);
        send("chunked", base + "/predict", "POST", picture, 100);
        send("continue", base + "/predict", "POST", picture, 100, "Expect", "100-continue");
        send("too large", base + "/predict", "POST", Files.readAllBytes(Path.of(arguments[2])), 0);
        for (int i = 0; i < 3; i++) send("again", base + "/predict", "POST", picture, 0);
    }
}
